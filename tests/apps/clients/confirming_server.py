"""Tells each caller the name that its address has, whether that name has the address (as mariadbd,
ircds and libwrap want it), and what comes of calling back a port where nobody listens.

    confirming_server.py PORT
"""
import socket
import sys


def look_up(address: str) -> str:
    try:
        name = socket.gethostbyaddr(address)[0]
        addresses = socket.gethostbyname_ex(name)[2]
    except OSError as error:
        return repr(error)
    return f"{name}, {'confirmed' if address in addresses else 'but that is somebody else'}"


def call_back(address: str) -> str:
    try:
        socket.create_connection((address, 1), timeout=10).close()
        return "connected"
    except OSError as error:
        return error.strerror or repr(error)


with socket.create_server(("0.0.0.0", int(sys.argv[1]))) as server:
    while True:
        caller, (address, _) = server.accept()
        with caller:
            caller.sendall(f"{look_up(address)}; port 1: {call_back(address)}\n".encode())
