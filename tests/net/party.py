#!/usr/bin/env python3
"""party.py HOST PORT NUMBER HOW_MANY   a program that takes part in a conference: says its number until it
has heard everybody else, and long enough for everybody to hear it; prints whom it heard, and the name
that the words came from."""
import socket
import sys
import time

host, port, own, many = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
room = socket.gethostbyname(host)
sock.settimeout(0.05)
heard, names, ready = set(), set(), set()
deadline = time.monotonic() + 30
while ready != set(range(many)) and time.monotonic() < deadline:
    word = "ready" if len(heard | {own}) == many else "here"
    if word == "ready":
        ready.add(own)
    sock.sendto(f"{own} {word}".encode(), (room, port))
    try:
        while True:
            text, sender = sock.recvfrom(2048)
            number, word = text.decode().split()
            heard.add(int(number))
            names.add(socket.getnameinfo(sender, socket.NI_NUMERICSERV)[0])
            if word == "ready":
                ready.add(int(number))
    except TimeoutError:
        pass
for _ in range(5):  # UDP loses: the others wait for this
    sock.sendto(f"{own} ready".encode(), (room, port))
print(f"heard {sorted(heard)} from {' '.join(sorted(names))}")
