"""Loaded by python before everything else (PYTHONPATH): a TCP connect to this machine's loopback
address becomes one to the same port of $CULVERT_TEST_NAME, which is this machine by another way."""
import os
import socket

NAME = os.environ["CULVERT_TEST_NAME"]
HERE = ("127.0.0.1", "localhost")


def elsewhere(sock, address):
    is_tcp = sock.family == socket.AF_INET and sock.type == socket.SOCK_STREAM
    if is_tcp and isinstance(address, tuple) and len(address) == 2 and address[0] in HERE:
        return (NAME, address[1])
    return address


def divert(method):
    original = getattr(socket.socket, method)  # of _socket.socket, which cannot be changed itself
    return lambda self, address: original(self, elsewhere(self, address))


socket.socket.connect, socket.socket.connect_ex = divert("connect"), divert("connect_ex")
