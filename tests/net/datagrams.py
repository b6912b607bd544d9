#!/usr/bin/env python3
"""Programs that send datagrams. They know nothing of Culvert.

    datagrams.py ask HOST PORT      for each line of standard input: sends it, prints the answer, or
                                    the error, or "nothing" after two seconds
    datagrams.py once HOST PORT TEXT   sends one datagram and ends at once
    datagrams.py mirror HOST PORT   asks ?who from the same port on all addresses, as SIP does, twice
    datagrams.py sink PORT          prints what comes
    datagrams.py voice HOST PORT SECONDS   50 numbered datagrams a second; prints lost, the longest time
                                    that one was on its way and back, in milliseconds, and how many
                                    came behind one that was sent later
"""
import socket
import sys
import time


def ask(host, port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(2)
    try:
        sock.connect((host, port))
    except OSError as error:
        print(type(error).__name__, flush=True)
        return
    for line in sys.stdin:
        try:
            sock.send(line.strip().encode())
            print(sock.recv(65536).decode(), flush=True)
        except TimeoutError:
            print("nothing", flush=True)
        except OSError as error:
            print(type(error).__name__, flush=True)


def once(host, port, text):
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(text.encode(), (host, port))


def mirror(host, port):
    for _ in range(2):  # a program that is started again
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            for _ in range(100):
                try:
                    sock.bind(("0.0.0.0", port))
                    break
                except OSError:
                    time.sleep(0.01)  # the agent hears of the end of the first one
            sock.sendto(b"?who", (host, port))
            print(sock.recv(65536).decode(), flush=True)


def sink(port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("0.0.0.0", port))
    ready = socket.create_server(("0.0.0.0", port))
    while ready:
        print(sock.recv(65536).decode(), flush=True)


def voice(host, port, seconds):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect((host, port))
    begun, sent, back, newest, overtaken, longest = time.monotonic(), 0, set(), -1, 0, 0.0
    while (now := time.monotonic()) < begun + seconds + 1:
        due = begun + sent * 0.02
        if sent < seconds * 50 and now >= due:
            sock.send(b"%d %f" % (sent, now) + b" " * 150)
            sent += 1
            continue
        sock.settimeout(max(0.001, (due if sent < seconds * 50 else begun + seconds + 1) - now))
        try:
            number, at = sock.recv(2000).split()
            back.add(int(number))
            overtaken += int(number) < newest
            newest = max(newest, int(number))
            longest = max(longest, time.monotonic() - float(at))
        except TimeoutError:
            pass
    print(f"lost {sent - len(back)} longest {longest * 1000:.0f} overtaken {overtaken}", flush=True)


if __name__ == "__main__":
    verb, *words = sys.argv[1:]
    {"ask": lambda host, port: ask(host, int(port)),
     "once": lambda host, port, text: once(host, int(port), text),
     "mirror": lambda host, port: mirror(host, int(port)),
     "sink": lambda port: sink(int(port)),
     "voice": lambda host, port, seconds: voice(host, int(port), float(seconds))}[verb](*words)
