"""listening_server.py PORT [HOW]: listens, and prints the ids of the processes that hold the socket.

    fork, rights, exec   another process holds it too, by inheritance, SCM_RIGHTS, or behind exec
    tell                 tells each client the names of both ends, as reverse look-ups give them
    dual                 an IPv6 socket of both families
    activate COMMAND...  becomes COMMAND, which gets it and a UDP socket as systemd gives them
    activated            is such a COMMAND: tells each client by TCP how many sockets it has got
"""
import os
import socket
import sys
import time

PORT = int(sys.argv[1])
HOW = sys.argv[2] if len(sys.argv) > 2 else ""


def name_of(address) -> str:
    return socket.gethostbyaddr(address[0].removeprefix("::ffff:"))[0]


if HOW == "activate":
    server, datagrams = socket.create_server(("", PORT)), socket.socket(type=socket.SOCK_DGRAM)
    datagrams.bind(("", PORT))
    os.dup2(os.dup(server.fileno()), 3)
    os.dup2(os.dup(datagrams.fileno()), 4)
    os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2"}
    os.execvp(sys.argv[3], sys.argv[3:])
if HOW == "activated":
    server = socket.socket(fileno=3)
elif HOW == "dual":
    server = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True)
else:
    server = socket.create_server(("", PORT))

if HOW == "rights":
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    child = os.fork()
    if child == 0:
        server.close()
        ours.close()
        kept = socket.recv_fds(theirs, 1, 1)[1]
        theirs.sendall(b"got it")
        time.sleep(1e6)
    socket.send_fds(ours, [b"x"], [server.fileno()])
    ours.recv(6)
elif HOW in ("fork", "exec"):
    child = os.fork()
    if child == 0 and HOW == "fork":
        time.sleep(1e6)
    elif child == 0:
        os.set_inheritable(server.fileno(), True)
        os.execvp("sleep", ["sleep", "infinity"])

print(os.getpid(), flush=True)
if HOW in ("fork", "rights", "exec"):
    print(child, flush=True)
while HOW == "activated":
    connection, peer = server.accept()
    connection.sendall(f"{os.environ['LISTEN_FDS']} for {name_of(peer)}\n".encode())
    connection.close()
while HOW == "tell":
    connection, peer = server.accept()
    connection.sendall(f"{name_of(peer)}\n{name_of(connection.getsockname())}\n".encode())
    connection.close()
time.sleep(1e6)
