"""Holds connects to virtual addresses and completes or fails them, in as few lines as possible.

The rules are those of shim/README.md ("The agent's part"); the real agent does the same in C++.
Loopback only; needs no privilege but for forging refusals (CAP_NET_RAW).
"""
import errno
import socket
import struct
import threading

IP_MINTTL = 21
LOW_PORT_BASE = 64512


def virtual_socket(address, port):
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((address, port))
    return made


class Holds:
    """Listeners that swallow SYNs: their accept queue is full, and they want a TTL of 255."""

    def __init__(self):
        self._lock = threading.Lock()
        self._kept = {}

    def prepare(self, address, port):
        with self._lock:
            if (address, port) in self._kept:
                return
            listener = virtual_socket(address, port)
            listener.listen(0)
            filler = socket.create_connection((address, port), timeout=5)
            listener.setsockopt(socket.IPPROTO_IP, IP_MINTTL, 255)
            self._kept[address, port] = (listener, filler)

    def drop(self, address, port):
        with self._lock:
            for end in self._kept.pop((address, port)):
                end.close()


class Syns:
    """What a raw socket saw of the SYNs, so that refusals can be forged."""

    def __init__(self):
        self._raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
        self._out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self._seen = {}
        self._changed = threading.Condition()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self):
        while True:
            packet = self._raw.recv(128)
            if len(packet) < 40 or packet[33] & 0x17 != 2:  # not a bare SYN
                continue
            ports = struct.unpack('!HH', packet[20:24])
            key = (packet[12:16], ports[0], packet[16:20], ports[1])
            with self._changed:
                self._seen[key] = packet
                self._changed.notify_all()

    def refuse(self, program, held, error):
        key = (socket.inet_aton(program[0]), program[1], socket.inet_aton(held[0]), held[1])
        with self._changed:
            if not self._changed.wait_for(lambda: key in self._seen, timeout=5):
                raise RuntimeError(f'no SYN seen from {program} to {held}')
            syn = self._seen.pop(key)
        if error == errno.ECONNREFUSED:
            self._out.sendto(reset_for(syn), (program[0], 0))
        else:
            code = {errno.ENETUNREACH: 0, errno.EHOSTUNREACH: 1}[error]
            self._out.sendto(unreachable_for(syn, code), (program[0], 0))


def checksum(data):
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def from_held(syn, protocol, payload):
    head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0,
                       syn[16:20], syn[12:16])
    return head + payload


def reset_for(syn):
    source, target, sequence = struct.unpack('!HHI', syn[20:28])
    segment = struct.pack('!HHIIBBHHH', target, source, 0, (sequence + 1) & 0xffffffff, 0x50, 0x14,
                          0, 0, 0)
    pseudo = syn[16:20] + syn[12:16] + struct.pack('!HH', socket.IPPROTO_TCP, len(segment))
    right = checksum(pseudo + segment)
    segment = segment[:16] + struct.pack('!H', right) + segment[18:]
    return from_held(syn, socket.IPPROTO_TCP, segment)


def unreachable_for(syn, code):
    message = struct.pack('!BBHI', 3, code, 0, 0) + syn[:28]
    right = checksum(message)
    message = message[:2] + struct.pack('!H', right) + message[4:]
    return from_held(syn, socket.IPPROTO_ICMP, message)


def join(program, held):
    """A TCP simultaneous open: the program is connecting to `held`, we from there to it."""
    ours = virtual_socket(*held)
    ours.connect(program)
    return ours


def refuse_without_privilege(program, held):
    """Resets a connect in SYN_SENT: ECONNRESET, with the events of a native refusal.

    A half-open connection is discovered (RFC 9293 figure 9). Our first SYN takes the program's
    socket to SYN_RECEIVED; its SYN-ACK we do not take (TTL). The SYN of a second connection then
    makes it send an ACK that our kernel knows nothing of and answers with a reset.
    """
    half_open = virtual_socket(*held)
    half_open.setsockopt(socket.IPPROTO_IP, IP_MINTTL, 255)
    second = virtual_socket(*held)
    for ours in (half_open, second):
        ours.setblocking(False)
        ours.connect_ex(program)
        ours.close()
