"""Calls back: who connects to TCP port PORT and tells a UDP port, in a line, is sent a datagram there, from a
socket of its own. The answer by TCP is what came back from there."""
import socket
import sys


def call_back(address, port) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
        caller.settimeout(10)
        caller.connect((address, port))
        caller.send(b"hello")
        try:
            return caller.recv(65536).decode()
        except OSError as error:
            return type(error).__name__


def main():
    server = socket.create_server(("0.0.0.0", int(sys.argv[1])))
    while True:
        connection, (address, _) = server.accept()
        with connection, connection.makefile() as lines:
            connection.sendall((call_back(address, int(lines.readline())) + "\n").encode())


if __name__ == "__main__":
    main()
