"""What the shim's tests run in: a network and mount namespace of their own, a DNS server that
remembers what it was asked, the far end of the probes, a web server, and the mini agent.
"""
import contextlib
import http.server
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
DOMAIN = 'culvert.test'
NOBODY = 65534
ORDINARY = {'ordinary.example': '127.0.0.1'}  # what the DNS of the place knows


def enter_namespaces(arguments):
    """Runs this script anew inside; returns None there, and why not if it is not permitted."""
    if os.environ.get('CULVERT_TEST_LAB') == 'inside':
        return None
    user = [] if os.geteuid() == 0 else ['--user', '--map-root-user']
    command = ['unshare', *user, '--net', '--mount', '--']
    allowed = subprocess.run([*command, 'true'], capture_output=True, text=True)
    if allowed.returncode != 0:
        return 'network namespaces are not permitted here: ' + allowed.stderr.strip()
    os.execvpe(command[0], [*command, sys.executable, *arguments],
               {**os.environ, 'CULVERT_TEST_LAB': 'inside'})


class Dns(threading.Thread):
    """Answers A questions about ORDINARY, "no such name" to all others."""

    def __init__(self):
        super().__init__(daemon=True)
        self.asked = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(('127.0.0.1', 53))

    def run(self):
        while True:
            query, client = self._socket.recvfrom(512)
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode())
                at += 1 + query[at]
            name, kind = '.'.join(labels), struct.unpack('!H', query[at + 1:at + 3])[0]
            self.asked.append(name)
            address = ORDINARY.get(name)
            answer = b''
            if address and kind == 1:
                answer = struct.pack('!HHHIH', 0xc00c, 1, 1, 60, 4) + socket.inet_aton(address)
            flags = 0x8180 if address else 0x8183
            head = query[:2] + struct.pack('!HHHHH', flags, 1, 1 if answer else 0, 0, 0)
            self._socket.sendto(head + query[12:at + 5] + answer, client)


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'a page')

    def log_message(self, *_):
        pass


def wait_for_line(process, word):
    line = process.stdout.readline()
    if not line.startswith(word):
        raise RuntimeError(f'{process.args[0]} said {line!r} instead of {word!r}')
    return line.split()[1:]


class Lab:
    def __init__(self, build):
        self.build = build
        self.shim = build / 'libculvert-shim.so'
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='culvert-shim-'))
        self.directory.chmod(0o777)
        self._stack = contextlib.ExitStack()
        self._stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
        subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
        self._use_own_resolv_conf()
        self.dns = Dns()
        self.dns.start()
        web = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Page)
        threading.Thread(target=web.serve_forever, daemon=True).start()
        self.web_port = web.server_port
        self.ports = wait_for_line(self.start([self.build / 'probes/probe-peer', '127.0.0.1']),
                                   'ready')
        self.low_ports = wait_for_line(
            self.start([self.build / 'probes/probe-peer', '127.0.0.1', '80', '81', '82']), 'ready')

    def _use_own_resolv_conf(self):
        own = self.directory / 'resolv.conf'
        own.write_text('nameserver 127.0.0.1\noptions timeout:1 attempts:1\n')
        subprocess.run(['mount', '--make-rprivate', '/'], check=True)
        subprocess.run(['mount', '--bind', own, '/etc/resolv.conf'], check=True)

    def start(self, command, **options):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   text=True, **options)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process

    def close(self):
        self._stack.close()


class Agent:
    """One mini agent, and how to run programs under the shim with it."""

    def __init__(self, lab, mode, uid=0, mapped=False):
        self.lab = lab
        self.uid = uid
        self.mapped = mapped
        self.socket = lab.directory / f'agent-{mode}-{uid}-{mapped}'
        self.lines = []
        # The system's python: one in somebody's home directory is not for another user.
        self.process = lab.start(
            ['/usr/bin/python3', HERE / 'mini_agent.py', self.socket, mode,
             *(['mapped'] if mapped else [])],
            **({'user': uid, 'group': uid, 'extra_groups': []} if uid else {}))
        wait_for_line(self.process, 'ready')
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.strip())

    def saw(self, line, patience=5):
        """Whether it wrote that line, now or soon."""
        until = time.monotonic() + patience
        while line not in self.lines and time.monotonic() < until:
            time.sleep(0.01)
        return line in self.lines

    def lines_about(self, word, count, patience=5):
        """Those it wrote with that word, when there are so many or after a while."""
        until = time.monotonic() + patience
        while True:
            found = [line for line in self.lines if word in line.split()]
            if len(found) >= count or time.monotonic() >= until:
                return found
            time.sleep(0.01)

    def stop(self):
        self.process.kill()
        self.process.wait()

    def environment(self):
        return {**os.environ, 'LD_PRELOAD': str(self.lab.shim), 'CULVERT_AGENT': str(self.socket),
                'CULVERT_DOMAINS': DOMAIN,
                **({'CULVERT_LOW_PORTS': 'mapped'} if self.mapped else {})}

    def run(self, *command, patience=30, **environment):
        """Standard output and error together, without the last newline."""
        return run(command, {**self.environment(), **environment}, self.uid, patience)

    def python(self, code, **options):
        return self.run('/usr/bin/python3', '-c', code, **options)


def run(command, environment=None, uid=0, patience=30):
    try:
        done = subprocess.run(
            [str(word) for word in command], env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace',
            timeout=patience, cwd='/',
            **({'user': uid, 'group': uid, 'extra_groups': []} if uid else {}))
    except subprocess.TimeoutExpired as hung:
        return f'hung after {patience} s: {hung.output}'
    return done.stdout.rstrip('\n')
