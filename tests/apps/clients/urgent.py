"""Urgent data (MSG_OOB), as telnet's interrupt has it. `serve PORT` takes part in what a client that has
connected does; `ask HOST PORT` prints what it sees of the server's, and what the server saw of its."""
import fcntl
import os
import select
import signal
import socket
import struct
import sys

SIOCATMARK = 0x8905


def at_mark(s):
    return struct.unpack("i", fcntl.ioctl(s, SIOCATMARK, bytes(4)))[0]


def exactly(s, count):
    got = b""
    while len(got) < count and (some := s.recv(count - len(got))):
        got += some
    return got.decode()


def own(s):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGURG})
    fcntl.fcntl(s, fcntl.F_SETOWN, os.getpid())


def out_of_band(s):
    """Waits for the signal; the octet, and what stands before the mark."""
    told = signal.sigtimedwait({signal.SIGURG}, 20) is not None
    _, _, urgent = select.select([], [], [s], 20)
    return f"SIGURG {told} select {len(urgent)} recv {s.recv(1, socket.MSG_OOB).decode()}"


def in_line(s):
    select.select([], [], [s], 20)
    before = s.recv(100).decode()
    return f"in line {before} mark {at_mark(s)} {exactly(s, 3)}"


def say(s, *words):
    for index, word in enumerate(words):
        s.send(word.encode(), socket.MSG_OOB if index % 2 else 0)


def side_that_hears(s):
    lines = [out_of_band(s), f"before {s.recv(100).decode()} mark {at_mark(s)} behind {exactly(s, 2)}"]
    s.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    s.sendall(b".")
    return lines + [in_line(s)]


def side_that_speaks(s):
    say(s, "one", "!", "zz")
    exactly(s, 1)
    say(s, "two", "?", "yy")


def serve(port):
    listener = socket.create_server(("0.0.0.0", port))
    while True:
        s, _ = listener.accept()
        own(s)
        s.sendall(b".")
        lines = side_that_hears(s)
        s.sendall("\n".join(lines).encode() + b"\0")
        s.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 0)
        side_that_speaks(s)
        s.close()


def ask(host, port):
    s = socket.create_connection((host, port), 20)
    own(s)
    exactly(s, 1)
    side_that_speaks(s)
    heard = ""
    while not heard.endswith("\0"):
        heard += exactly(s, 1)
    print(heard[:-1].replace("\n", "\n  "))
    print("\n".join(side_that_hears(s)))


if __name__ == "__main__":
    serve(int(sys.argv[2])) if sys.argv[1] == "serve" else ask(sys.argv[2], int(sys.argv[3]))
