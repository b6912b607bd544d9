#!/usr/bin/env python3
"""One connection that is never quiet: `steady.py serve PORT` echoes, `steady.py talk HOST PORT [COUNT]`
sends numbered blocks, COUNT (16) ahead, checks that each comes back once and in order, and answers
each line of its standard input with a line of JSON: blocks echoed, and the longest time without one
since the last line. The end of its input ends it in order, with a last line."""
import hashlib
import json
import select
import socket
import sys
import threading
import time

BLOCK = 4096


def block(number: int) -> bytes:
    seed = hashlib.blake2b(number.to_bytes(8, "big")).digest()
    return (seed * (BLOCK // len(seed)))[:BLOCK]


def echo(one):
    try:
        with one:
            while data := one.recv(65536):
                one.sendall(data)
    except ConnectionError:
        pass  # whoever talks says what is wrong


def serve(port):
    with socket.create_server(("127.0.0.1", port), backlog=1024) as server:
        while True:
            threading.Thread(target=echo, args=server.accept()[:1], daemon=True).start()


def talk(host, port, ahead):
    sock = socket.create_connection((host, port), timeout=30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sent = echoed = 0
    pending = b""
    longest, last = 0.0, time.monotonic()
    while True:
        if sent - echoed < ahead:
            sock.sendall(block(sent))
            sent += 1
            continue
        ready, _, _ = select.select([sock, sys.stdin], [], [], 120)
        if not ready:
            raise SystemExit("no block came back for 120 s")
        if sys.stdin in ready:
            line = sys.stdin.readline()
            longest = max(longest, time.monotonic() - last)
            print(json.dumps({"blocks": echoed, "longest": round(longest, 3)}), flush=True)
            longest = 0.0  # a pause that lasts is counted whole: whoever asks often must not cut it
            if not line:
                return
        if sock in ready:
            data = sock.recv(65536)
            if not data:
                raise SystemExit(f"the far end closed behind block {echoed}")
            pending += data
            while len(pending) >= BLOCK:
                if pending[:BLOCK] != block(echoed):
                    raise SystemExit(f"block {echoed} came back altered")
                pending = pending[BLOCK:]
                echoed += 1
                longest, last = max(longest, time.monotonic() - last), time.monotonic()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        talk(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else 16)
