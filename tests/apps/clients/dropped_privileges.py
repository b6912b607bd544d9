"""dropped_privileges.py serve PORT | call HOST PORT: makes its sockets as root and uses them as nobody.

serve  echoes, by TCP and UDP; it binds as root and listens as nobody
call   says a word by each
"""
import errno
import os
import socket
import sys


def become_nobody():
    try:
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a user namespace without a nobody
            raise


stream, datagrams = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
if sys.argv[1] == "serve":
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    stream.bind(("", int(sys.argv[2])))
    become_nobody()
    datagrams.bind(("", int(sys.argv[2])))
    stream.listen()
    while True:
        connection, _ = stream.accept()
        connection.sendall(connection.recv(100))
        connection.close()
        said, peer = datagrams.recvfrom(100)
        datagrams.sendto(said, peer)
become_nobody()
there = (sys.argv[2], int(sys.argv[3]))
for sock, kind in ((stream, "stream"), (datagrams, "datagram")):
    sock.settimeout(10)
    try:
        sock.connect(there)
        sock.sendall(f"a {kind} of nobody's".encode())
        print(sock.recv(100).decode())
    except OSError as error:
        print(error)
