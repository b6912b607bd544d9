#!/usr/bin/env python3
"""rtp_by_tcp.py FROM HOST PORT COUNT   a host that speaks RTP by TCP, written from RFC 4571: connects from the
address FROM, sends COUNT packets of 160 octets, 50 in a second, and reads what comes back. Prints when the first
answer came, then how many, in order and each once, and the longest time between two of them."""
import socket
import struct
import sys
import threading
import time

from exchanges import receive

source, host, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
try:
    connection = socket.create_connection((host, port), timeout=10, source_address=(source, 0))
except OSError as why:
    sys.exit(f"no connection: {why}")
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
answers, arrived = [], []


def read():
    try:
        while len(answers) < count:
            packet = receive(connection, struct.unpack("!H", receive(connection, 2))[0])
            answers.append(struct.unpack("!H", packet[2:4])[0])  # RTP's sequence number
            arrived.append(time.monotonic())
            if len(arrived) == 1:
                print("answer", file=sys.stderr, flush=True)
    except (EOFError, OSError):
        pass


reader = threading.Thread(target=read)
reader.start()
begin = time.monotonic()
try:
    for number in range(count):
        packet = struct.pack("!BBHII", 0x80, 0, number, number * 160, 7) + bytes(160)
        connection.sendall(struct.pack("!H", len(packet)) + packet)
        time.sleep(max(0.0, begin + (number + 1) * 0.02 - time.monotonic()))
except OSError:
    print("hung up on")
    sys.exit(3)
reader.join(timeout=2)
connection.close()
gaps = [later - earlier for earlier, later in zip(arrived, arrived[1:])]
print(f"answers {len(answers)} ordered {answers == sorted(set(answers))} "
      f"longest gap {1000 * max(gaps, default=0):.0f} ms")
