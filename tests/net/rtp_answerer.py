#!/usr/bin/env python3
"""rtp_answerer.py PORT   a UDP server that sends each packet back to where it came from, and prints the name and
the port of each new caller."""
import socket
import sys

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("0.0.0.0", int(sys.argv[1])))
known = set()
while True:
    packet, caller = server.recvfrom(65536)
    if caller not in known:
        known.add(caller)
        print(socket.getnameinfo(caller, socket.NI_NUMERICSERV)[0], flush=True)
    server.sendto(packet, caller)
