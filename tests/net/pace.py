#!/usr/bin/env python3
"""How fast a connection is: `pace.py serve [ADDRESS]` listens, prints its port and does what it is asked;
`pace.py echo HOST PORT COUNT` prints the time of each of COUNT echoes of one octet, in milliseconds;
`pace.py up|down HOST PORT MB` prints seconds, and whether every octet was right. `pace.py ready HOST PORT
SECONDS` tries for as long as that until an octet comes back; `pace.py turn HOST PORT MB` does all of these,
one after the other, and prints {"echo": ..., "down": ..., "up": ...}, null for what took longer than 8 s or
broke."""
import json
import signal
import socket
import sys
import threading
import time

PIECE = bytes(range(251)) * 1044  # 262044 octets: no power of two, so that a shift shows


def pattern(size):
    left = size
    while left > 0:
        yield PIECE[:min(left, len(PIECE))]
        left -= len(PIECE)


def take(sock, size):
    """Whether `size` octets of the pattern come."""
    for wanted in pattern(size):
        got = bytearray()
        while len(got) < len(wanted):
            data = sock.recv(len(wanted) - len(got))
            if not data:
                return False
            got += data
        if got != wanted:
            return False
    return True


def serve_one(sock):
    with sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line = b""
        while not line.endswith(b"\n"):
            data = sock.recv(1)
            if not data:
                return
            line += data
        what, size = line.split()[0], int(line.split()[1])
        if what == b"echo":
            while data := sock.recv(65536):
                sock.sendall(data)
        elif what == b"up":
            sock.sendall(b"y" if take(sock, size) else b"n")
        else:
            for piece in pattern(size):
                sock.sendall(piece)


def serve(address="127.0.0.1"):
    with socket.create_server((address, 0), backlog=64) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            threading.Thread(target=serve_one, args=server.accept()[:1], daemon=True).start()


def ask(what, host, port, number):
    sock = socket.create_connection((host, port), timeout=120)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if what == "echo":
        sock.sendall(b"echo 0\n")
        times = []
        for _ in range(number):
            start = time.monotonic()
            sock.sendall(b"?")
            if not sock.recv(1):
                sys.exit("the connection ended")
            times.append((time.monotonic() - start) * 1000)
        return times
    size = number * 1_000_000
    start = time.monotonic()
    sock.sendall(f"{what} {size}\n".encode())
    if what == "down":
        right = take(sock, size)
    else:
        for piece in pattern(size):
            sock.sendall(piece)
        right = sock.recv(1) == b"y"
    return {"seconds": time.monotonic() - start, "right": right}


def wait_until_ready(host, port, seconds):
    """Who forwards connections may listen before it can."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with socket.create_connection((host, port), timeout=1) as sock:
                sock.sendall(b"echo 0\n?")
                sock.settimeout(seconds)
                if sock.recv(1):
                    return True
        except OSError:
            pass
        time.sleep(0.05)
    return False


def turn(host, port, size):
    results = {}
    for what, number in (("echo", 10), ("down", size), ("up", size)):
        signal.alarm(8)
        try:
            results[what] = ask(what, host, port, number)
        except (OSError, TimeoutError):
            results[what] = None
        signal.alarm(0)
    return results


def give_up(*_):
    raise TimeoutError


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(*sys.argv[2:])
    if sys.argv[1] == "ready":
        sys.exit(not wait_until_ready(sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
    if sys.argv[1] == "turn":
        signal.signal(signal.SIGALRM, give_up)
        print(json.dumps(turn(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
        sys.exit()
    print(json.dumps(ask(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
