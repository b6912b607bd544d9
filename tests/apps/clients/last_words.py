"""A reset right behind a large answer, or a large request. `serve PORT`: answers with as many octets as
it is asked for, or reads as slowly, and resets; `ask HOST PORT` prints what of it is read before the reset."""
import fcntl
import socket
import struct
import sys
import time

SIOCOUTQ = 0x5411
LARGE = 500_000


def reset(s):
    """Behind what the kernel has sent, which is what a reset leaves alone."""
    until = time.monotonic() + 3
    while struct.unpack("i", fcntl.ioctl(s, SIOCOUTQ, bytes(4)))[0] and time.monotonic() < until:
        time.sleep(0.001)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def read_all(s, step, pause):
    got = 0
    try:
        while some := s.recv(step):
            got += len(some)
            time.sleep(pause)
    except OSError as error:
        return got, error.strerror
    return got, "end"


def serve(port):
    listener = socket.create_server(("", port))
    heard = None
    while True:
        s, _ = listener.accept()
        what = s.recv(1)
        if what == b"a":  # answers, with unread octets before it: close() resets
            s.sendall(bytes(LARGE))
            time.sleep(0.2)
            s.close()
        elif what == b"l":
            s.sendall(bytes(LARGE))
            reset(s)
        elif what == b"h":
            s.sendall(b"!")
            heard = read_all(s, 65536, 0)
        else:
            s.sendall(str(heard).encode())
            s.close()


def ask(host, port):
    def connect(word):
        s = socket.create_connection((host, port))
        s.sendall(word)
        return s

    for word, what in ((b"a" + bytes(100), "close() with unread octets"), (b"l", "SO_LINGER 0")):
        seen = {read_all(connect(word), 65536, 0) for _ in range(5)}
        print(f"{what}: {sorted(seen)}")
    print("a slow reader:", read_all(connect(b"l"), 16384, 0.01))
    s = connect(b"h")
    s.recv(1)
    s.sendall(bytes(LARGE))
    reset(s)
    time.sleep(1)
    print("the server has heard", connect(b"?").recv(100).decode())


if __name__ == "__main__":
    serve(int(sys.argv[2])) if sys.argv[1] == "serve" else ask(sys.argv[2], int(sys.argv[3]))
