#!/usr/bin/env python3
"""slp_agent.py ADDRESS TYPE URL   a service agent of SLPv2, written from RFC 2608: at the interface with this
ADDRESS it answers requests for services of TYPE with URL. Debian 12 has none."""
import socket
import struct
import sys

address, kind, url = sys.argv[1:4]
GROUP, PORT, REQUEST, REPLY = "239.255.255.253", 427, 1, 2

agent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
agent.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
agent.bind(("", PORT))
agent.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                 socket.inet_aton(GROUP) + socket.inet_aton(address))
print("ready", flush=True)


def strings(octets, count):
    found = []
    for _ in range(count):
        length = struct.unpack_from("!H", octets)[0]
        found.append(octets[2:2 + length].decode())
        octets = octets[2 + length:]
    return found


while True:
    packet, asker = agent.recvfrom(2048)
    version, function, high, low, flags = struct.unpack_from("!BBBHH", packet)
    transaction, tag_length = struct.unpack_from("!HH", packet, 10)
    if version != 2 or function != REQUEST or (high << 16 | low) != len(packet):
        print("malformed", packet.hex(), flush=True)
        continue
    _, asked, scopes, predicate, _ = strings(packet[14 + tag_length:], 5)
    print("asked for", asked, flush=True)
    if asked != kind or "DEFAULT" not in scopes.split(",") or predicate:
        continue
    entry = struct.pack("!BHH", 0, 300, len(url)) + url.encode() + b"\0"
    body = struct.pack("!HH", 0, 1) + entry
    header = struct.pack("!BBBHHBHHH", 2, REPLY, 0, 16 + len(body), 0, 0, 0, transaction, 2) + b"en"
    agent.sendto(header + body, asker)
