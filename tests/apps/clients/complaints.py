"""complaints.py NUMBER HOST: does what a user of some other shim complained about, and prints what came of it.
HOST echoes on port 7000, and nobody listens on its port 81. `cases` below has the complaints."""
import ctypes
import os
import select
import signal
import socket
import struct
import sys
import threading

HOST, ECHO, CLOSED = sys.argv[2], 7000, 81


def echo(sock=None) -> str:
    with sock or socket.create_connection((HOST, ECHO), 20) as connection:
        connection.sendall(b"there and back")
        connection.shutdown(socket.SHUT_WR)
        back = b"".join(iter(lambda: connection.recv(4096), b""))
        return "equal" if back == b"there and back" else f"different: {back!r}"


def attempt(action) -> str:
    try:
        return str(action())
    except OSError as error:
        return f"{type(error).__name__} {error.errno}"


def in_child(action) -> str:
    """What `action` gives in a forked child."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writer, attempt(action).encode())
        os._exit(0)
    os.close(writer)
    text = os.read(reader, 65536).decode()
    os.close(reader)
    os.waitpid(pid, 0)
    return text


def closes_everything():
    """close_range() took the shim's pipes away, and ssh and git died."""
    os.closerange(3, 65536)
    print(echo())
    os.closerange(3, 65536)
    print(echo())


def closed_port_then_open():
    """A closed port looked open, so that nobody went on to the next address."""
    for port in (CLOSED, ECHO):
        try:
            with socket.create_connection((HOST, port), 20):
                print("connected")
        except ConnectionRefusedError:
            print("refused, on to the next one")


def own_threads_and_descriptors():
    """Threads and descriptors of the shim met sandboxes, and programs that close what they know not."""
    before = sorted(os.listdir("/proc/self/fd"))
    results = [echo(), attempt(lambda: socket.gethostbyname("nobody." + HOST))]
    print(results, "threads:", len(os.listdir("/proc/self/task")),
          "descriptors as before:", before == sorted(os.listdir("/proc/self/fd")))


def resolves_in_a_child():
    """A child resolves, its parent connects (irssi), and the other way round."""
    address = in_child(lambda: socket.gethostbyname(HOST))
    print("parent:", echo(socket.create_connection((address, ECHO), 20)))
    known = socket.gethostbyname(HOST)
    print("child:", in_child(lambda: echo(socket.create_connection((known, ECHO), 20))))


def raw_system_calls():
    """syscall() was allowed a list of numbers, and the rest was ENOSYS."""
    libc = ctypes.CDLL(None, use_errno=True)
    print("membarrier:", libc.syscall(324, 0, 0) >= 0, "getpid:", libc.syscall(39) == os.getpid())


def talks_to_itself():
    """Connections to localhost were refused, or went to the proxy."""
    for family, address in ((socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_INET6, ("::1", 0)),
                            (socket.AF_UNIX, f"\0culvert-test-{os.getpid()}")):
        with socket.socket(family) as server, socket.socket(family) as client:
            server.bind(address)
            server.listen()
            client.connect(server.getsockname())
            accepted, _ = server.accept()
            with accepted:
                client.sendall(b"x")
                print(family.name, accepted.recv(1))


def reverse_names():
    """getfqdn('') crashed in gethostbyaddr_r()."""
    print(bool(socket.getfqdn("")), socket.gethostbyaddr("127.0.0.1")[0])
    print(attempt(lambda: socket.gethostbyaddr(socket.gethostbyname(HOST))[0] != ""))


def forks_beside_threads():
    """A fork while another thread resolved or connected left the child with a lock that nobody held."""
    done = []
    threads = [threading.Thread(target=lambda: done.append([echo() for _ in range(10)]))
               for _ in range(4)]
    for thread in threads:
        thread.start()
    # A child of threads may not look names up, natively either; it may connect.
    address = (socket.gethostbyname(HOST), ECHO)

    def connect():
        sock = socket.socket()
        sock.connect(address)
        return echo(sock)
    children = {in_child(connect) for _ in range(10)}
    for thread in threads:
        thread.join()
    print(children, {result for results in done for result in results})


def handles_signals():
    """Handlers ran on the shim's small thread, and its own signals interrupted poll()."""
    where = []
    signal.signal(signal.SIGALRM, lambda *_: where.append(threading.get_native_id()))
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
    results = {echo() for _ in range(20)}
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(results, "on our own thread:", set(where) == {os.getpid()})
    print("poll is left alone:", select.poll().poll(50))


def reuses_descriptor_numbers():
    """A library that closes a number that it remembers closed the program's socket."""
    with open("/dev/null") as file:
        remembered = file.fileno()
    sock = socket.create_connection((HOST, ECHO), 20)
    print("same number:", sock.fileno() == remembered, echo(sock))


def calls_by_other_names():
    """__connect() went around the shim."""
    libc = ctypes.CDLL(None, use_errno=True)
    sock = socket.socket()
    address = struct.pack("=H", socket.AF_INET) + struct.pack("!H", ECHO) + socket.inet_aton(
        socket.gethostbyname(HOST)) + bytes(8)
    print("__connect:", getattr(libc, "__connect")(sock.fileno(), address, len(address)), echo(sock))


def passes_a_connecting_socket_on():
    """SCM_RIGHTS of a socket whose connect is on its way, to a process that waits for it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock = socket.socket()
    sock.setblocking(False)
    sock.connect_ex((socket.gethostbyname(HOST), ECHO))

    def child():
        _, numbers, _, _ = socket.recv_fds(theirs, 10, 1)
        with socket.socket(fileno=numbers[0]) as received:
            select.select([], [received], [], 20)
            error = received.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            received.setblocking(True)
            return f"error {error}, {echo(received)}"
    socket.send_fds(ours, [b"x"], [sock.fileno()])
    print(in_child(child))


def dissolves_and_connects_again():
    """connect(AF_UNSPEC), then the same socket again; and a second connect() on one that is connected."""
    libc = ctypes.CDLL(None, use_errno=True)
    sock = socket.create_connection((HOST, ECHO), 20)
    print("again:", attempt(lambda: sock.connect((HOST, ECHO))))
    unspecified = bytes(16)
    print("dissolved:", libc.connect(sock.fileno(), unspecified, 16))
    sock.connect((HOST, ECHO))
    print(echo(sock))


def becomes_a_daemon():
    """daemon() closed what the shim needed."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        ctypes.CDLL(None).daemon(0, 0)
        os.write(writer, attempt(echo).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(pid, 0)
    print(os.read(reader, 1000).decode())


cases = {1: closes_everything, 4: closed_port_then_open, 7: own_threads_and_descriptors,
         14: resolves_in_a_child, 16: raw_system_calls, 17: talks_to_itself, 18: reverse_names,
         20: forks_beside_threads, 22: handles_signals, 23: reuses_descriptor_numbers,
         24: calls_by_other_names, 27: passes_a_connecting_socket_on,
         28: dissolves_and_connects_again, 29: becomes_a_daemon}
cases[int(sys.argv[1])]()
