#!/usr/bin/env python3
"""One UDP socket on every address of this machine, that does what standard input says and prints what
comes of it. Knows nothing of Culvert. PORT 0: it does not bind.

    udp_party.py PORT

    send HOST PORT TEXT    sendto()
    connect HOST PORT      prints the port that the socket has then
    say TEXT               send(), once it is connected; an error is what is heard next
    hear                   prints "TEXT from NAME PORT", or "nothing" after three seconds, or the error
    again                  closes the socket and binds another one at once: prints "bound", or the error
"""
import socket
import sys


def bound(port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(3)
    if port:
        sock.bind(("0.0.0.0", port))
    return sock


def hear(sock) -> str:
    try:
        data, (address, port) = sock.recvfrom(65536)
    except TimeoutError:
        return "nothing"
    return f"{data.decode()} from {socket.gethostbyaddr(address)[0]} {port}"


def main():
    port = int(sys.argv[1])
    sock, refused = bound(port), ""
    print("bound", flush=True)
    for line in sys.stdin:
        verb, *words = line.split()
        try:
            if verb == "send":
                sock.sendto(words[2].encode(), (words[0], int(words[1])))
            elif verb == "say":
                try:
                    sock.send(words[0].encode())
                except ConnectionRefusedError as error:
                    refused = type(error).__name__
            elif verb == "connect":
                sock.connect((words[0], int(words[1])))
                print(sock.getsockname()[1], flush=True)
            elif verb == "hear":
                print(refused or hear(sock), flush=True)
                refused = ""
            elif verb == "again":
                sock.close()
                sock = bound(port)
                print("bound", flush=True)
        except OSError as error:
            print(type(error).__name__ if isinstance(error, ConnectionError) else error, flush=True)


if __name__ == "__main__":
    main()
