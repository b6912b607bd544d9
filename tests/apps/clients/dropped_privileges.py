"""dropped_privileges.py serve PORT | call HOST PORT: makes its sockets as root and uses them as nobody.

serve  echoes, by TCP and UDP; it binds as root and listens as nobody
call   says a word by each
"""
import errno
import os
import select
import socket
import sys


def become_nobody(for_now=False):
    root = 0 if for_now and os.getuid() == 0 else 65534
    try:
        os.setresgid(root, 65534, root)
        os.setresuid(root, 65534, root)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a user namespace without a nobody
            raise


early, stream, datagrams = socket.socket(), socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
if sys.argv[1] == "serve":
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    stream.bind(("", int(sys.argv[2])))
    become_nobody()
    datagrams.bind(("", int(sys.argv[2])))
    stream.listen()
    while True:
        for sock in select.select([stream, datagrams], [], [])[0]:
            if sock is datagrams:
                said, peer = datagrams.recvfrom(100)
                datagrams.sendto(said, peer)
            else:
                with stream.accept()[0] as connection:
                    connection.sendall(connection.recv(100))


def say(sock, kind):
    sock.settimeout(10)
    try:
        sock.connect((sys.argv[2], int(sys.argv[3])))
        sock.sendall(f"a {kind} of nobody's".encode())
        print(sock.recv(100).decode())
    except OSError as error:
        print(error)


if os.getuid() == 0:
    become_nobody(for_now=True)
    say(early, "stream for now")
    os.setresuid(0, 0, 0)
    os.setresgid(0, 0, 0)
become_nobody()
say(stream, "stream")
say(datagrams, "datagram")
