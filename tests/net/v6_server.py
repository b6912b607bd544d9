"""v6_server.py ADDRESS PORT [HOW...]: listens by IPv6 alone and tells each client, in a line of JSON, what it sees
of it; then gives back what it hears.

    fork       four processes that inherit the listener accept
    deferred   TCP_DEFER_ACCEPT
    late       accepts from SIGUSR1 on
    gone       closes the listener at SIGUSR1, and accepts nobody
    selects    a non-blocking listener, select() and accept()
"""
import fcntl
import json
import os
import select
import signal
import socket
import sys

ADDRESS, PORT, HOW = sys.argv[1], int(sys.argv[2]), sys.argv[3:]

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
server = socket.socket(socket.AF_INET6)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 100_000)
server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 7, 0, 0, 0]))
if "deferred" in HOW:
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 30)
server.bind((ADDRESS, PORT))
server.listen(16)
server.setblocking("selects" not in HOW)


def named(address) -> str:
    return socket.getnameinfo(address, socket.NI_NUMERICSERV)[0]


def what_is_seen(connection, peer) -> dict:
    option = connection.getsockopt
    return {
        "caller": named(peer), "same": peer == connection.getpeername(), "own": named(connection.getsockname()),
        "port": connection.getsockname()[1], "v6": connection.family == socket.AF_INET6 and peer[0].count(":") > 1,
        "descriptor": connection.fileno() - server.fileno(),
        "cloexec": fcntl.fcntl(connection, fcntl.F_GETFD) & fcntl.FD_CLOEXEC != 0,
        "waits": fcntl.fcntl(connection, fcntl.F_GETFL) & os.O_NONBLOCK == 0,
        "nodelay": option(socket.IPPROTO_TCP, socket.TCP_NODELAY), "buffer": option(socket.SOL_SOCKET, socket.SO_RCVBUF),
        "linger": option(socket.SOL_SOCKET, socket.SO_LINGER, 8)[4],
    }


print(os.getpid(), flush=True)
if {"late", "gone"} & set(HOW):
    signal.sigwait({signal.SIGUSR1})
if "gone" in HOW:
    server.close()
    signal.sigwait({signal.SIGUSR1})
children = []
for _ in range(3 if "fork" in HOW else 0):
    children.append(os.fork())
    if children[-1] == 0:
        children.clear()
        break
signal.signal(signal.SIGTERM, lambda *_: [*(os.kill(child, signal.SIGKILL) for child in children), os._exit(0)])
while True:
    if "selects" in HOW:
        select.select([server], [], [])
    connection, peer = server.accept()
    connection.setblocking(True)
    with connection:
        connection.sendall(json.dumps(what_is_seen(connection, peer)).encode() + b"\n")
        while heard := connection.recv(65536):
            connection.sendall(heard)
