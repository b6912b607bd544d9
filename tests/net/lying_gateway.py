"""A gateway whose answers are lies: for each question by PCP or NAT-PMP it sends garbage, grants
with another nonce, for another port, and true ones from another address and port.

    lying_gateway.py ITS-ADDRESS ANOTHER-ADDRESS
"""
import os
import random
import socket
import struct
import sys

gateway, other = sys.argv[1:3]
seed = int.from_bytes(os.urandom(4), "big")
print(f"seed {seed}", flush=True)
chance = random.Random(seed)


def bound(address, port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, port))
    return sock


true, elsewhere, odd_port = bound(gateway, 5351), bound(other, 5351), bound(gateway, 0)
EXTERNAL = socket.inet_aton("5.5.5.99")


def pcp_grant(question, nonce):
    answer = bytearray(question)
    answer[1] |= 0x80
    answer[3] = 0
    answer[4:12] = struct.pack(">II", 7200, 1000)
    answer[12:24] = bytes(12)
    answer[24:36] = nonce
    answer[42:44] = struct.pack(">H", 40000)
    answer[44:60] = bytes(10) + b"\xff\xff" + EXTERNAL
    return bytes(answer)


print("ready", flush=True)
while True:
    question, asker = true.recvfrom(2048)
    for _ in range(20):
        true.sendto(chance.randbytes(chance.randrange(1, 100)), asker)
    if len(question) == 60:  # PCP MAP
        wrong = bytes(octet ^ 0x5a for octet in question[24:36])
        true.sendto(pcp_grant(question, wrong), asker)
        for sock in (elsewhere, odd_port):
            sock.sendto(pcp_grant(question, question[24:36]), asker)
    elif len(question) == 24:  # PCP ANNOUNCE: it is there
        true.sendto(bytes([2, 0x80, 0, 0]) + struct.pack(">II", 0, 1000) + bytes(12), asker)
    elif len(question) == 12:  # NAT-PMP: for another port; the true one from elsewhere
        kind, port = question[1], struct.unpack(">H", question[4:6])[0]
        for sock, inside in ((true, port ^ 1), (elsewhere, port), (odd_port, port)):
            sock.sendto(struct.pack(">BBHIHHI", 0, 0x80 + kind, 0, 1000, inside, 40000, 7200), asker)
    elif len(question) == 2:
        true.sendto(bytes([0, 0x80, 0, 0]) + struct.pack(">I", 1000) + EXTERNAL, asker)
