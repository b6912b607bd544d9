"""Sends datagrams to HOST by number, to port 7 (echo) and port 81 (nobody), and prints what it sees.

    numeric_datagrams.py connect|sendto|sendmsg v4|mapped|v6|v6only HOST
"""
import errno
import socket
import sys

WAY, KIND, HOST = sys.argv[1:]
SECONDS = 10


def make():
    sock = socket.socket(socket.AF_INET if KIND == "v4" else socket.AF_INET6, socket.SOCK_DGRAM)
    if KIND == "v6only":
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.settimeout(SECONDS)
    return sock


def at(port):
    return "::ffff:" + HOST if KIND == "mapped" else HOST, port


def send(sock, data):
    if WAY == "connect":
        sock.send(data)
    elif WAY == "sendto":
        sock.sendto(data, at(7))
    else:
        sock.sendmsg([data[:2], data[2:]], [], 0, at(7))


def receive(sock):
    if WAY == "sendmsg":
        data, _, _, sender = sock.recvmsg(2048)
        return data, sender
    return sock.recvfrom(2048)


sock = make()
if WAY == "connect":
    sock.connect(at(7))
    print("peer:", "as asked for" if sock.getpeername()[:2] == at(7) else sock.getpeername())
    if KIND in ("v4", "mapped"):
        beside = make()
        error = beside.connect_ex(("::ffff:192.0.2.77" if KIND == "mapped" else "192.0.2.77", 7))  # not carried
        print("own address:", "as natively" if error or sock.getsockname()[0] == beside.getsockname()[0]
              else sock.getsockname())
for i in range(3):
    send(sock, b"number %d" % i)
    data, sender = receive(sock)
    print("echo:", data.decode(), "from", "whom it was sent to" if sender[:2] == at(7) else sender)
refused = make()
refused.connect(at(81))
try:
    for i in range(SECONDS * 4):  # where the agent has no CAP_NET_RAW the first may be swallowed
        refused.send(b"x")
        refused.settimeout(0.25)
        try:
            refused.recv(10)
        except TimeoutError:
            pass
    print("refused: never")
except OSError as error:
    print("refused:", errno.errorcode[error.errno])
