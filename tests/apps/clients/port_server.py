"""Tells each caller its name and the port that it calls from."""
import socket
import sys


def main():
    with socket.create_server(("0.0.0.0", int(sys.argv[1]))) as server:
        while True:
            connection, peer = server.accept()
            with connection:
                try:
                    name = socket.gethostbyaddr(peer[0])[0]
                except OSError as error:
                    name = str(error)
                connection.sendall(f"{name} from port {peer[1]}\n".encode())


if __name__ == "__main__":
    main()
