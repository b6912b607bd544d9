#!/usr/bin/env python3
"""Connections that are half-closed, and how connections end.

    halves.py serve ADDRESS PORT    reads to the end of the input, then sends numbered blocks for ever
    halves.py listen HOST PORT      ends its output at once, checks the blocks, and answers each line of
                                    its standard input with how many have come
    halves.py crowd HOST PORT       700 connections to an echo server; for each line of its standard
                                    input a round trip on each, and how many of them went well
    halves.py watch ADDRESS PORT    accepts one after the other; says "reset" or "ended" of each
    halves.py hang HOST PORT        connects and says "connected", then "reset" or "ended"
"""
import select
import socket
import sys
import threading
import time

from steady import BLOCK, block


def serve_one(one):
    with one:
        while one.recv(65536):
            pass
        number = 0
        while True:
            one.sendall(block(number))
            number += 1
            time.sleep(0.005)  # a pace, not a synchronisation


def serve(address, port):
    with socket.create_server((address, port)) as server:
        while True:
            threading.Thread(target=serve_one, args=server.accept()[:1], daemon=True).start()


def listen(host, port):
    sock = socket.create_connection((host, port), timeout=30)
    sock.sendall(b"go")
    sock.shutdown(socket.SHUT_WR)
    pending, got = b"", 0
    while True:
        ready, _, _ = select.select([sock, sys.stdin], [], [], 120)
        if sys.stdin in ready:
            if not sys.stdin.readline():
                return
            print(got, flush=True)
        if sock in ready:
            data = sock.recv(65536)
            if not data:
                raise SystemExit(f"the far end closed behind block {got}")
            pending += data
            while len(pending) >= BLOCK:
                if pending[:BLOCK] != block(got):
                    raise SystemExit(f"block {got} came altered")
                pending, got = pending[BLOCK:], got + 1


def crowd(host, port):
    socks = [socket.create_connection((host, port), timeout=60) for _ in range(700)]
    for line in sys.stdin:
        for sock in socks:
            sock.sendall(line.encode())
        print(sum(sock.recv(len(line)) == line.encode() for sock in socks), flush=True)


def end_of(sock) -> str:
    try:
        while sock.recv(65536):
            pass
        return "ended"
    except ConnectionResetError:
        return "reset"


def watch(address, port):
    def tell(one):
        print(end_of(one), flush=True)
    with socket.create_server((address, port)) as server:
        while True:
            threading.Thread(target=tell, args=server.accept()[:1], daemon=True).start()


def hang(host, port):
    sock = socket.create_connection((host, port), timeout=30)
    sock.settimeout(None)
    print("connected", flush=True)
    print(end_of(sock), flush=True)


if __name__ == "__main__":
    {"serve": serve, "listen": listen, "crowd": crowd, "watch": watch, "hang": hang}[sys.argv[1]](
        sys.argv[2], int(sys.argv[3]))
