"""The two programs whose round trips are counted. They know nothing of Culvert.

    exchanges.py serve                       prints two ports: one answers every N octets by N, the other
                                             says one octet as soon as somebody connects
    exchanges.py HOST PORT N COUNT [TIMES]   so many connections, one after the other, each with COUNT
                                             questions of N octets; N is 0 for the other port

Prints a line of JSON per connection: seconds of the name look-up, until connect() came back, until the
first answer (both since the connect() began), and of each further exchange.
"""
import json
import socket
import sys
import threading
import time


def receive(peer, size):
    data = bytearray()
    while len(data) < size:
        some = peer.recv(size - len(data))
        if not some:
            raise EOFError
        data += some
    return data


def no_delay(peer):
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def answer(peer):
    no_delay(peer)
    try:
        size = int(receive(peer, 8))
        while True:
            peer.sendall(receive(peer, size))
    except (EOFError, OSError):
        peer.close()


def greet(peer):
    peer.sendall(b"!")
    peer.recv(1)
    peer.close()


def accept_for(listener, what):
    while True:
        threading.Thread(target=what, args=(listener.accept()[0],), daemon=True).start()


def serve():
    listeners = [socket.create_server(("127.0.0.1", 0), backlog=100) for _ in range(2)]
    print(*(listener.getsockname()[1] for listener in listeners), flush=True)
    threading.Thread(target=accept_for, args=(listeners[1], greet), daemon=True).start()
    accept_for(listeners[0], answer)


def exchange(address, size, count, looked_up):
    question = bytes(size)
    begun = time.monotonic()
    with socket.socket() as peer:
        peer.settimeout(60)
        peer.connect(address)
        connected = time.monotonic()
        no_delay(peer)
        if size:
            peer.sendall(b"%8d" % size + question)
        receive(peer, size or 1)
        answered = time.monotonic()
        each = []
        for _ in range(count - 1):
            asked = time.monotonic()
            peer.sendall(question)
            receive(peer, size)
            each.append(time.monotonic() - asked)
    print(json.dumps({"look_up": looked_up, "connected": connected - begun,
                      "first": answered - begun, "each": each}), flush=True)


def main():
    if sys.argv[1:] == ["serve"]:
        return serve()
    host, port, size, count, *more = sys.argv[1:]
    for _ in range(int(more[0]) if more else 1):
        started = time.monotonic()
        address = socket.getaddrinfo(host, int(port), socket.AF_INET, socket.SOCK_STREAM)[0][4]
        exchange(address, int(size), int(count), time.monotonic() - started)
    return None


if __name__ == "__main__":
    main()
