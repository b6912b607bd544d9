"""Connects to HOST by number, port 7 (echo) and port 81 (nobody), and prints what it sees.

    numeric_client.py blocking|epoll v4|mapped|v6|v6only HOST
"""
import errno
import select
import socket
import sys

WAY, KIND, HOST = sys.argv[1:]


def connect(port):
    sock = socket.socket(socket.AF_INET if KIND == "v4" else socket.AF_INET6)
    if KIND == "v6only":
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    to = ("::ffff:" + HOST if KIND == "mapped" else HOST, port)
    if WAY == "blocking":
        sock.settimeout(None)
        return sock, sock.connect_ex(to), to
    sock.setblocking(False)
    poll = select.epoll()
    poll.register(sock, select.EPOLLOUT | select.EPOLLET)
    poll.poll(0)  # what an unconnected socket has to tell
    error = sock.connect_ex(to)
    if error == errno.EINPROGRESS and poll.poll(20):
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    sock.setblocking(True)
    return sock, error, to


sock, error, to = connect(7)
if error:
    sys.exit(f"cannot connect to {to}: {errno.errorcode[error]}")
peer = sock.getpeername()
sock.sendall(b"there and back")
sock.shutdown(socket.SHUT_WR)
back = b"".join(iter(lambda: sock.recv(4096), b""))
print("echo:", "equal" if back == b"there and back" else f"different: {back!r}")
print("peer:", "as asked for" if peer[:2] == to else peer)
_, error, _ = connect(81)
print("refused:", errno.errorcode.get(error, error))
