"""A stand-in for the agent, to test the shim alone: `mini_agent.py SOCKET KIND [mapped]`.

KIND is how refusals are made: raw forges exact ones (CAP_NET_RAW), reset needs no privilege and
leaves the true errno to the shim.
mapped: as an agent that may not listen below port 1024.

Its far ends are ports of 127.0.0.1, under names that say what becomes of a connect. Standard
output says "ready", then one line for each question, for the tests to look at.
"""
import collections
import errno
import os
import select
import socket
import struct
import sys
import threading
import time

import hold

QUESTION = struct.Struct('=IHHQIHH16s256s')
ANSWER = struct.Struct('=IHHiIHH16s256s')
MAGIC, VERSION = 0x43756c76, 1
ASK_NAME, ASK_CONNECT, TELL_CONNECTING, ASK_ERROR, ASK_ADDRESS, TELL_LISTENING = range(1, 7)
TELL_BOUND, KERNEL_CHOSE = 12, 32
FOUND, NOT_OURS, NO_SUCH_NAME, TRY_AGAIN, HOLD, FAIL = range(1, 7)
HOLDS_ON = 8

DOMAIN = '.culvert.test'
PLACES = {  # name: virtual address, seconds before anything happens, errno
    'site': ('127.64.0.10', 0, 0),
    'later': ('127.64.0.11', 0.4, 0),
    'timeout': ('127.64.0.12', 0.2, errno.ETIMEDOUT),
    'noroute': ('127.64.0.13', 0.2, errno.EHOSTUNREACH),
    'nonet': ('127.64.0.14', 0, errno.ENETUNREACH),
    'atonce': ('127.64.0.15', 0, -errno.EACCES),  # in the answer to ASK_CONNECT
    'silent': ('127.64.0.16', 3600, 0),
    'steady': ('127.64.0.17', 0, 0),    # may be connected to again without waiting for an answer
    'fleeting': ('127.64.0.18', 0, 0),  # the same, but is no longer held when it is connected
}
ADDRESSES = {place[0]: (name, *place[1:]) for name, place in PLACES.items()}
AGAIN = (PLACES['steady'][0], PLACES['fleeting'][0])


def log(*words):
    sys.stdout.write(' '.join(map(str, words)) + '\n')
    sys.stdout.flush()


def send_all(data, target, source):
    """Whether anybody reads there or not: a reset of where the octets come from ends it."""
    watch = select.poll()
    watch.register(target, select.POLLOUT)
    watch.register(source, 0)  # errors alone
    while data:
        try:
            data = data[target.send(data, socket.MSG_DONTWAIT):]
        except BlockingIOError:
            events = dict(watch.poll())
            if events.get(source.fileno(), 0) & select.POLLERR:
                raise ConnectionResetError(errno.ECONNRESET, 'reset behind what nobody reads')
            if source.fileno() in events:
                watch.unregister(source)  # both have ended their sides; nothing more is to be heard


def relay_one_way(source, target):
    """Octets, the end of them, and a reset."""
    try:
        while data := source.recv(65536):
            send_all(data, target, source)
        target.shutdown(socket.SHUT_WR)
    except OSError as failure:
        if failure.errno in (errno.ECONNRESET, errno.EPIPE):
            for end in (source, target):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
                try:
                    end.shutdown(socket.SHUT_RD)
                except OSError:
                    pass


def relay(one, other):
    back = threading.Thread(target=relay_one_way, args=(other, one))
    back.start()
    relay_one_way(one, other)
    back.join()
    one.close()
    other.close()


Program = collections.namedtuple('Program', 'cookie address')


class Agent:
    def __init__(self, kind, mapped):
        self.holds = hold.Holds()
        self.kind = kind
        self.syns = hold.Syns() if kind == 'raw' else None
        self.mapped = mapped
        self.errors = {}

    def serve(self, link):
        with link:
            data = link.recv(2 * QUESTION.size)
            if len(data) == QUESTION.size:
                self.answer(link, QUESTION.unpack(data))
            elif len(data) == 2 * QUESTION.size:
                self.connect_again(*QUESTION.iter_unpack(data))

    def answer(self, link, question):
        magic, version, kind, cookie, flags, family, port, address, name = question
        assert (magic, version) == (MAGIC, VERSION)
        if kind == ASK_NAME:
            self.name(link, name.rstrip(b'\0').decode(), family)
        elif kind == ASK_ADDRESS:
            place = ADDRESSES.get(socket.inet_ntoa(address[:4]))
            log('address', socket.inet_ntoa(address[:4]))
            self.say(link, FOUND if place else NOT_OURS, name=place[0] + DOMAIN if place else '')
        elif kind == ASK_CONNECT:
            self.connect(link, cookie, socket.inet_ntoa(address[:4]), port)
        elif kind == ASK_ERROR:
            error = self.errors.get(cookie, 0)
            log('error', errno.errorcode.get(error, 'unknown'))
            self.say(link, FOUND if error else NOT_OURS, error=error)
        elif kind == TELL_LISTENING:
            shown = address[:4] if family == socket.AF_INET else address
            log('listening', socket.inet_ntop(family, shown), port)
            self.say(link, FOUND)
        elif kind == TELL_BOUND:
            log('bound', port, 'by the kernel' if flags & KERNEL_CHOSE else 'by the program')
            self.say(link, FOUND)

    def say(self, link, verdict, error=0, flags=0, address='0.0.0.0', port=0, name=''):
        link.send(ANSWER.pack(MAGIC, VERSION, verdict, error, flags, socket.AF_INET, port,
                              socket.inet_aton(address), name.encode()))

    def name(self, link, name, family):
        log('name', name, family)
        folded = name.lower().rstrip('.')
        place = PLACES.get(folded.removesuffix(DOMAIN))
        if not folded.endswith(DOMAIN):
            self.say(link, NOT_OURS)
        elif folded == 'again' + DOMAIN:
            self.say(link, TRY_AGAIN)
        elif place is None:
            self.say(link, NO_SUCH_NAME)
        else:
            self.say(link, FOUND, address=place[0])

    def connect(self, link, cookie, address, port):
        log('connect', address, port)
        self.errors.pop(cookie, None)
        if address not in ADDRESSES:
            return self.say(link, FAIL, error=errno.ENETUNREACH)
        _, delay, error = ADDRESSES[address]
        if error < 0:
            return self.say(link, FAIL, error=-error)
        held = (address, port + hold.LOW_PORT_BASE if self.mapped and port < 1024 else port)
        self.holds.prepare(*held)
        self.say(link, HOLD, flags=HOLDS_ON if address in AGAIN else 0, address=held[0],
                 port=held[1])
        data = link.recv(QUESTION.size)
        link.close()
        if len(data) != QUESTION.size:
            return log('abandoned')
        told = QUESTION.unpack(data)
        assert told[2] == TELL_CONNECTING and told[3] == cookie
        program = Program(cookie, (socket.inet_ntoa(told[7][:4]), told[6]))
        self.carry_out(program, held, port, delay, error)

    def connect_again(self, asked, told):
        assert asked[2] == ASK_CONNECT and told[2] == TELL_CONNECTING and asked[3] == told[3]
        address, port = socket.inet_ntoa(asked[7][:4]), asked[6]
        log('again', address, port)
        assert address in AGAIN
        program = Program(told[3], (socket.inet_ntoa(told[7][:4]), told[6]))
        self.carry_out(program, (address, port), port, 0, 0)

    def carry_out(self, program, held, port, delay, error):
        time.sleep(delay)
        far = None
        if not error:
            try:
                far = socket.create_connection(('127.0.0.1', port))
            except OSError as failure:
                error = failure.errno
        if error:
            return self.fail(program, held, error)
        if held[0] == PLACES['fleeting'][0]:
            self.holds.drop(*held)
        try:
            ours = hold.join(program.address, held)
        except OSError as failure:
            far.close()
            return log('gone', failure.errno)
        relay(ours, far)

    def fail(self, program, held, error):
        self.errors[program.cookie] = error
        if self.kind == 'reset':
            hold.refuse_without_privilege(program.address, held)
        elif error == errno.ETIMEDOUT:  # no packet says that
            self.syns.refuse(program.address, held, errno.ECONNREFUSED)
        else:
            self.syns.refuse(program.address, held, error)


def main():
    path = sys.argv[1]
    agent = Agent(sys.argv[2], mapped='mapped' in sys.argv[3:])
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path)
    os.chmod(path, 0o777)
    listener.listen(1024)
    log('ready')
    while True:
        link, _ = listener.accept()
        threading.Thread(target=agent.serve, args=(link,), daemon=True).start()


main()
