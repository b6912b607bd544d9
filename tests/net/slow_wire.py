#!/usr/bin/env python3
"""A wire between two network namespaces on which every packet takes its time: here TCP itself pays for its
round trips, while culvert-test-link, which is a TCP proxy, answers a SYN at once.

    slow_wire.py PID PID MILLISECONDS     a device "wire" in the namespaces of both; one way takes that long

Says "ready", and runs until its standard input ends.
"""
import ctypes
import fcntl
import os
import select
import struct
import sys
import time
from collections import deque

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
PACKETS_AT_ONCE = 64
libc = ctypes.CDLL(None, use_errno=True)


def device_in(pid) -> int:
    with open(f"/proc/{pid}/ns/net") as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter the network namespace of {pid}")
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"wire", IFF_TUN | IFF_NO_PI))
    return device


def read_into(device, queue, due):
    for _ in range(PACKETS_AT_ONCE):
        try:
            queue.append((due, os.read(device, 65536)))
        except BlockingIOError:
            return


def carry(ends, seconds):
    queues = [deque(), deque()]  # what comes from each end: all takes equally long
    while True:
        now = time.monotonic()
        for queue, to in zip(queues, reversed(ends)):
            while queue and queue[0][0] <= now:
                os.write(to, queue.popleft()[1])
        dues = [queue[0][0] for queue in queues if queue]
        wait = max(0.0, min(dues) - now) if dues else None
        ready, _, _ = select.select([*ends, sys.stdin], [], [], wait)
        if sys.stdin in ready:
            return
        for end, queue in zip(ends, queues):
            if end in ready:
                read_into(end, queue, time.monotonic() + seconds)


def main():
    ends = [device_in(pid) for pid in sys.argv[1:3]]
    print("ready", flush=True)
    carry(ends, float(sys.argv[3]) / 1000)


if __name__ == "__main__":
    main()
