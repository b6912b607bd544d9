#!/usr/bin/env python3
"""One UDP socket on every address of this machine, that does what standard input says and prints what
comes of it. Knows nothing of Culvert. PORT 0: it does not bind; "any", "any6", "here", ADDRESS: to a port that
the kernel chooses, of every address, every one of both families, of 127.0.0.1, or of that address.

    udp_party.py PORT

    send HOST PORT TEXT    sendto()
    connect HOST PORT      prints the port that the socket has then
    say TEXT               send(), once it is connected; an error is what is heard next
    hear                   prints "TEXT from NAME PORT", or "nothing" after three seconds, or the error
    again                  closes the socket and binds another one at once: prints "bound", or the error
    port                   asks for the socket's own port, and prints it
    listen PORT            by TCP, for one that tells his port: prints "listening"
    tell HOST PORT         asks for the socket's own port, tells it there by TCP, and prints it
    told                   prints "NAME PORT" of who has told his
    inherit                goes on as a child; the first process closes the socket and waits: prints "child"
    close                  closes the socket: prints "closed"
"""
import os
import socket
import sys


ANYWHERE = {"any": "", "any6": "", "here": "127.0.0.1"}


def bound(port):
    sock = socket.socket(socket.AF_INET6 if port == "any6" else socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(3)
    if port == "any6":
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    if port != "0":
        sock.bind(("", int(port)) if port.isdigit() else (ANYWHERE.get(port, port), 0))
    return sock


def name_of(address) -> str:
    return socket.gethostbyaddr(address.removeprefix("::ffff:"))[0]


def address_for(sock, host) -> str:
    return "::ffff:" + socket.gethostbyname(host) if sock.family == socket.AF_INET6 else host


def go_on_as_child(sock) -> str:
    child = os.fork()
    if child == 0:
        return "child"
    sock.close()
    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def hear(sock) -> str:
    try:
        data, (address, port, *_) = sock.recvfrom(65536)
    except TimeoutError:
        return "nothing"
    return f"{data.decode()} from {name_of(address)} {port}"


def tell(sock, host, port) -> int:
    own = sock.getsockname()[1]
    with socket.create_connection((host, port)) as connection:
        connection.sendall(b"%d\n" % own)
        connection.recv(1)  # until it is heard
    return own


def told(listener) -> str:
    connection, (address, _) = listener.accept()
    with connection:
        return f"{name_of(address)} {connection.makefile().readline().strip()}"


def main():
    port = sys.argv[1]
    sock, listener, refused = bound(port), None, ""
    print("bound", flush=True)
    for line in sys.stdin:
        verb, *words = line.split()
        try:
            if verb == "send":
                sock.sendto(words[2].encode(), (address_for(sock, words[0]), int(words[1])))
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
            elif verb == "port":
                print(sock.getsockname()[1], flush=True)
            elif verb == "listen":
                listener = socket.create_server(("", int(words[0])))
                print("listening", flush=True)
            elif verb == "tell":
                print(tell(sock, words[0], int(words[1])), flush=True)
            elif verb == "told":
                print(told(listener), flush=True)
            elif verb == "inherit":
                print(go_on_as_child(sock), flush=True)
            elif verb == "close":
                sock.close()
                print("closed", flush=True)
        except OSError as error:
            print(type(error).__name__ if isinstance(error, ConnectionError) else error, flush=True)


if __name__ == "__main__":
    main()
