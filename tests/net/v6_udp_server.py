"""v6_udp_server.py ADDRESS PORT [messages|exec|connects]: a UDP server that takes IPv6 alone. Tells whoever sends to it, in a
line of JSON, what it sees of him, behind what he has said. messages: by recvmsg() and sendmsg(); exec: another
program, which inherits the socket, serves; connects: to the first who sends, and serves him alone."""
import json
import os
import socket
import sys

ADDRESS, PORT, HOW = sys.argv[1], int(sys.argv[2]), sys.argv[3:]


def name_of(address):
    try:
        return socket.gethostbyaddr(address)[0]
    except OSError as error:
        return str(error)


if "inherited" in HOW:
    server = socket.socket(fileno=9)
else:
    server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    server.bind((ADDRESS, PORT))
if "exec" in HOW:
    os.dup2(server.fileno(), 9)
    os.execv(sys.executable, [sys.executable, __file__, ADDRESS, str(PORT), "inherited"])
if "connects" in HOW:
    server.connect(server.recvfrom(1, socket.MSG_PEEK)[1])
while True:
    if "messages" in HOW:
        data, _, _, peer = server.recvmsg(65536)
    else:
        data, peer = server.recvfrom(65536)
    answer = {"said": data.decode(), "address": peer[0], "port": peer[1], "caller": name_of(peer[0])}
    if "connects" in HOW:
        server.send(json.dumps({**answer, "same": server.getpeername()[:2] == peer[:2]}).encode())
    elif "messages" in HOW:
        server.sendmsg([json.dumps(answer).encode()], [], 0, peer)
    else:
        server.sendto(json.dumps(answer).encode(), peer)
