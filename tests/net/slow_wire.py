#!/usr/bin/env python3
"""A wire between two network namespaces on which every packet takes its time: here TCP itself pays for its
round trips, while culvert-test-link, which is a TCP proxy, answers a SYN at once.

    slow_wire.py PID PID MILLISECONDS [NAME NAME]
                              a device "wire", or of these names, in the namespaces of both; one way takes
                              that long

Packets of TCP stay as long as the kernels made them (up to 64 KB), so a rate of many MB/s passes.
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
TUNSETIFF, IFF_TUN, IFF_NO_PI, IFF_VNET_HDR = 0x400454CA, 0x0001, 0x1000, 0x4000
TUNSETOFFLOAD, TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6 = 0x400454D0, 1, 2, 4
PACKETS_AT_ONCE = 64
libc = ctypes.CDLL(None, use_errno=True)


def device_in(pid, name) -> int:
    with open(f"/proc/{pid}/ns/net") as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter the network namespace of {pid}")
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack(
        "16sH22x", name.encode(), IFF_TUN | IFF_NO_PI | IFF_VNET_HDR))
    # The header before each packet says how to cut it; the other device is told the same.
    fcntl.ioctl(device, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)
    return device


def read_into(device, queue, due):
    for _ in range(PACKETS_AT_ONCE):
        try:
            queue.append((due, os.read(device, 70000)))
        except BlockingIOError:
            return


def send(device, packet):
    try:
        os.write(device, packet)
    except OSError:
        pass  # it is lost, as on any wire: the far device may not be up yet (EIO), or full


def carry(ends, seconds):
    queues = [deque(), deque()]  # what comes from each end: all takes equally long
    while True:
        now = time.monotonic()
        for queue, to in zip(queues, reversed(ends)):
            while queue and queue[0][0] <= now:
                send(to, queue.popleft()[1])
        dues = [queue[0][0] for queue in queues if queue]
        wait = max(0.0, min(dues) - now) if dues else None
        ready, _, _ = select.select([*ends, sys.stdin], [], [], wait)
        if sys.stdin in ready:
            return
        for end, queue in zip(ends, queues):
            if end in ready:
                read_into(end, queue, time.monotonic() + seconds)


def main():
    names = sys.argv[4:6] or ["wire", "wire"]
    ends = [device_in(pid, name) for pid, name in zip(sys.argv[1:3], names)]
    print("ready", flush=True)
    carry(ends, float(sys.argv[3]) / 1000)


if __name__ == "__main__":
    main()
