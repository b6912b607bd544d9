"""Proxies as nobody wants them, each on a port of its own; prints the ports in the order of HABITS.
Knows nothing of Culvert."""
import socket
import sys
import threading

HABITS = {
    "redirects": b"HTTP/1.1 302 Found\r\nLocation: http://portal.test/\r\nContent-Length: 0\r\n\r\n",
    "swallows": b"",  # says nothing, and keeps the connection
    "never ends its answer": b"HTTP/1.1 200 OK\r\n" + b"X-Filler: x\r\n" * 20_000,
    "agrees and then says its own": b"HTTP/1.1 200 OK\r\n\r\n<html>Welcome</html>",
    "closes": None,
}


def serve(peer, answer):
    try:
        peer.recv(65536)
        if answer is None:
            return peer.close()
        for at in range(len(answer)) if len(answer) < 200 else [0]:
            peer.sendall(answer[at:at + 1] if len(answer) < 200 else answer)  # octet by octet
        while peer.recv(65536):
            pass
    except OSError:
        pass
    peer.close()


def accept_for(listener, answer):
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0], answer), daemon=True).start()


def main():
    listeners = [socket.create_server(("0.0.0.0", 0)) for _ in HABITS]
    for listener, answer in zip(listeners, HABITS.values()):
        threading.Thread(target=accept_for, args=(listener, answer), daemon=True).start()
    print(*(listener.getsockname()[1] for listener in listeners), flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
