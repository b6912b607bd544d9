"""Sends each datagram back to where it came from. Of those that begin with "?" it answers:

    ?who    the name of the address that it came from
    ?many   three datagrams: one, two, three
    ?port   from another socket, as TFTP does; what is sent there then comes back from there
    ?peer   the same by a socket that is connected to who asked

It listens on the TCP port of the same number too, so that others see when it is ready."""
import socket
import sys
import threading


def answer_elsewhere(peer, connect: bool):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as further:
        further.settimeout(20)
        if connect:
            further.connect(peer)
        send = further.send if connect else lambda data: further.sendto(data, peer)
        send(b"from another port")
        data, who = further.recvfrom(65536)
        send(data + (b", of the same" if who == peer else b", of somebody else"))


def main():
    port = int(sys.argv[1])
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("0.0.0.0", port))
    ready = socket.create_server(("0.0.0.0", port))
    while True:
        data, peer = server.recvfrom(65536)
        if data == b"?who":
            try:
                server.sendto(socket.gethostbyaddr(peer[0])[0].encode(), peer)
            except OSError as error:
                server.sendto(str(error).encode(), peer)
        elif data == b"?many":
            for word in (b"one", b"two", b"three"):
                server.sendto(word, peer)
        elif data in (b"?port", b"?peer"):
            threading.Thread(target=answer_elsewhere, args=(peer, data == b"?peer")).start()
        elif data == b"?end":
            ready.close()
            return
        else:
            server.sendto(data, peer)


if __name__ == "__main__":
    main()
