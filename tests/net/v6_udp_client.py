"""v6_udp_client.py HOST PORT TEXT...: sends each text to a UDP server and prints the answers, from one socket; each
again until it is answered, as UDP has it."""
import json
import socket
import sys

host, port, texts = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
client = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
client.bind(("", 0))
client.settimeout(0.5)
for text in texts:
    for _ in range(10):
        client.sendto(text.encode(), (host, port))
        try:
            answer = json.loads(client.recv(65536))
            break
        except OSError as error:
            answer = {"error": str(error)}
    print(json.dumps({**answer, "own": client.getsockname()[1]}))
