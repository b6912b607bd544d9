"""What must be true of programs under the shim. Each function is a case, its first line the name.

A case is called with the lab and an agent of each kind that it is run with, and returns pairs
(what was seen, what must be seen).
"""
import shutil
import socket

import lab

# With a dup shut down, poll() may show the error before it shows that both directions have ended.
PROBES = ('connect-arguments', 'connect-matrix', 'deep-binding', 'epoll-before-connect', 'first-send',
          'fork-exec', 'half-close', 'interrupted', 'peer-name', 'raw-calls', 'reset', 'threads')

ASK = '''
import socket, sys
def show(function, *arguments):
    try: print(function(*arguments))
    except OSError as failure: print(type(failure).__name__, failure.args[0])
def addresses(name, family=0, flags=0):
    found = socket.getaddrinfo(name, 80, family, socket.SOCK_STREAM, 0, flags)
    return sorted({entry[4][0] for entry in found})
'''

CONNECT = '''
import errno, select, socket, sys
def outcome(name, port, blocking):
    made = socket.socket()
    made.setblocking(blocking)
    error = made.connect_ex((name, port))
    if error == errno.EINPROGRESS:
        select.select([], [made], [], 10)
        error = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return errno.errorcode.get(error, 'ok')
'''


def gai(code):
    return f'gaierror {int(code)}'


def names(lab_, agent):
    """getaddrinfo and its kin resolve virtual names by libc's own rules"""
    asked = agent.python(ASK + '''
show(addresses, 'site.culvert.test')
show(addresses, 'SITE.Culvert.Test.')
show(addresses, 'site.culvert.test', socket.AF_INET)
show(addresses, 'site.culvert.test', socket.AF_INET6)
show(addresses, 'site.culvert.test', socket.AF_INET6, socket.AI_V4MAPPED)
show(addresses, 'nobody.culvert.test')
show(addresses, 'again.culvert.test')
show(socket.gethostbyname, 'site.culvert.test')
show(socket.gethostbyname_ex, 'nobody.culvert.test')
show(socket.gethostbyname_ex, 'site.culvert.test')
show(socket.gethostbyaddr, '127.64.0.10')
show(socket.gethostbyaddr, '127.64.9.9')
show(socket.getnameinfo, ('127.64.0.10', 80), socket.NI_NAMEREQD | socket.NI_NUMERICSERV)
show(socket.getnameinfo, ('::ffff:127.64.0.10', 80), socket.NI_NAMEREQD | socket.NI_NUMERICSERV)
''')
    yield asked, '\n'.join([
        "['127.64.0.10']", "['127.64.0.10']", "['127.64.0.10']", gai(socket.EAI_NODATA),
        "['::ffff:127.64.0.10']", gai(socket.EAI_NONAME), gai(socket.EAI_AGAIN), '127.64.0.10',
        gai(socket.EAI_NONAME), "('site.culvert.test', [], ['127.64.0.10'])",
        "('site.culvert.test', [], ['127.64.0.10'])", 'herror 1', "('site.culvert.test', '80')",
        "('site.culvert.test', '80')"])
    yield agent.run('getent', 'hosts', 'site.culvert.test'), '127.64.0.10     site.culvert.test'


def ordinary_names(lab_, agent):
    """ordinary names go on to this machine's own services, local ones are not asked for at all"""
    asked = agent.python(ASK + '''
show(addresses, 'ordinary.example')
show(addresses, 'nobody.example')
show(addresses, 'localhost', socket.AF_INET)
show(addresses, '127.0.0.9')
show(addresses, b'x.' * 200 + b'culvert.test')
show(socket.gethostbyname, '10.0.0.1')
''')
    yield asked.splitlines()[:4], ["['127.0.0.1']", gai(socket.EAI_NONAME), "['127.0.0.1']",
                                   "['127.0.0.9']"]
    yield asked.splitlines()[4:], [gai(socket.EAI_NONAME), '10.0.0.1']
    yield [line for line in agent.lines if 'localhost' in line or '127.0.0.9' in line], []


def no_leak(lab_, agent):
    """the DNS servers of the place never hear a virtual name"""
    yield [name for name in lab_.dns.asked if name.lower().endswith(lab.DOMAIN)], []
    yield 'ordinary.example' in lab_.dns.asked, True


def resolver_file(lab_, agent):
    """/etc/resolv.conf names the agent's name server, by whatever name of libc it is opened"""
    probe = lab_.build / 'probes/probe-resolver-file'
    native = lab.run([probe], uid=agent.uid)
    yield 'nameserver 127.0.0.1' in native, True
    right = native.replace('nameserver 127.0.0.1', 'nameserver 127.64.53.0')
    yield agent.run(probe, CULVERT_DNS='127.64.53.0:53'), right


def errors(lab_, agent):
    """the true errno, whether the program waits in connect() or for an event"""
    hosts = ('timeout', 'noroute', 'nonet', 'atonce')
    seen = agent.python(CONNECT + f'''
for host in {hosts}:
    print(*(outcome(host + '.culvert.test', 9999, blocking) for blocking in (True, False)))
''')
    yield seen, '\n'.join(f'{name} {name}' for name in ('ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH',
                                                       'EACCES'))


def again(lab_, agent):
    """who connects again and again does not wait for an answer, and asks anew if the hold is gone"""
    port = lab_.ports[0]
    seen = agent.python(CONNECT + f'''
for host in ('steady', 'fleeting'):
    print(*(outcome(host + '.culvert.test', {port}, blocking) for blocking in (1, 0, 1, 0)))
''')
    yield seen, 'ok ok ok ok\nok ok ok ok'
    steady = agent.lines_about('127.64.0.17', 4)
    yield len(steady), 4
    yield steady[0], f'connect 127.64.0.17 {port}'
    yield f'again 127.64.0.17 {port}' in steady, True  # all but one, if all is done in a second
    yield agent.lines_about('127.64.0.18', 4), 4 * [f'connect 127.64.0.18 {port}']


def used_up_descriptors(lab_, agent):
    """a program that has used up its descriptors connects the socket that it has"""
    for hard in 100, 64:
        seen = agent.python(CONNECT + f'''
import os, resource
address = (socket.gethostbyname('site.culvert.test'), {lab_.ports[0]})
made = [socket.socket() for _ in range(4)]
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
limits = (64, {hard})
resource.setrlimit(resource.RLIMIT_NOFILE, limits)
try:
    while True: os.dup(0)
except OSError as failure: print(errno.errorcode[failure.errno])
for one in made:
    print(errno.errorcode.get(one.connect_ex(address), 'ok'),
          one.getpeername() == address, resource.getrlimit(resource.RLIMIT_NOFILE) == limits)
server.bind(('', 20100 + {hard}))
made[0].send(b'eabc')
print(made[0].recv(3))
os.close(0)
print(len(os.listdir('/proc/self/task')))
''')
        yield seen, 'EMFILE' + 4 * '\nok True True' + "\nb'abc'\n1"
        yield agent.saw(f'bound {20100 + hard} by the program'), True


def unknown_address(lab_, agent):
    """an address of the pool that means nobody is refused, other addresses are native"""
    seen = agent.python(CONNECT + '''
print(outcome('127.65.0.1', 9999, True), outcome('127.0.0.1', int(sys.argv[1]), True),
      outcome('192.0.2.1', 9999, True))
'''.replace('sys.argv[1]', lab_.ports[0]))
    yield seen, 'ENETUNREACH ok ENETUNREACH'


def tools(lab_, agent):
    """curl, wget, nc, socat, bash, perl and node reach a web server unmodified"""
    url = f'http://site.{lab.DOMAIN}:{lab_.web_port}/'
    host, port = f'site.{lab.DOMAIN}', str(lab_.web_port)
    request = 'printf "GET / HTTP/1.0\\r\\n\\r\\n"'
    commands = {
        'curl': ['curl', '-sS', url],
        'wget': ['wget', '-qO-', url],
        'nc': ['sh', '-c', f'{request} | nc -N {host} {port} | tail -n 1'],
        'socat': ['sh', '-c', f'{request} | socat -t5 - TCP:{host}:{port} | tail -n 1'],
        'bash': ['bash', '-c',
                 f'exec 3<>/dev/tcp/{host}/{port}; {request} >&3; tail -n 1 <&3'],
        'perl': ['perl', '-MIO::Socket::INET', '-e',
                 f'$s = IO::Socket::INET->new("{host}:{port}") or die $!;'
                 'print $s "GET / HTTP/1.0\\r\\n\\r\\n"; $l = $_ while <$s>; print $l'],
        'node': ['node', '-e', f'require("http").get("{url}", r => r.pipe(process.stdout))'],
    }
    for tool, command in commands.items():
        if shutil.which(tool):
            yield agent.run(*command), 'a page'


def tool_messages(lab_, agent):
    """programs say of a refused connect what they say natively"""
    port = lab_.ports[2]
    for command in (
            ['nc', '-v', 'HOST', port], ['socat', '-', f'TCP:HOST:{port}'],
            ['/usr/bin/python3', '-c',
             f'import socket; socket.create_connection(("HOST", {port}))'],
            ['node', '-e', f'require("net").connect({port}, "HOST").on("error",'
                           ' e => console.log(e.code))']):
        if not shutil.which(command[0]):
            continue
        seen = agent.run(*[word.replace('HOST', f'site.{lab.DOMAIN}') for word in command])
        native = lab.run([word.replace('HOST', '127.0.0.1') for word in command])
        # The last words: what comes before them names the host.
        yield seen.splitlines()[-1].split(':')[-1], native.splitlines()[-1].split(':')[-1]


def asyncio_loop(lab_, agent):
    """asyncio connects ten at once while its loop goes on"""
    seen = agent.python(f'''
import asyncio
async def one():
    reader, writer = await asyncio.open_connection('later.culvert.test', {lab_.ports[0]})
    writer.write(b'eabc')
    return await reader.readexactly(3)
async def tick(counter):
    while True:
        counter.append(1)
        await asyncio.sleep(0.01)
async def main():
    counter = []
    ticking = asyncio.create_task(tick(counter))
    print(set(await asyncio.gather(*(one() for _ in range(10)))), len(counter) > 10)
asyncio.run(main())
''')
    yield seen, "{b'abc'} True"


def cleared_environments(lab_, agent):
    """programs started with a cleared environment are still under Culvert"""
    command = ['getent', 'hosts', f'site.{lab.DOMAIN}']
    expected = f'127.64.0.10     site.{lab.DOMAIN}'
    yield agent.run('env', '-i', *command), expected
    yield agent.run('env', '-u', 'LD_PRELOAD', *command), expected
    yield agent.run('env', 'LD_PRELOAD=', 'CULVERT_DOMAINS=x', *command), expected
    yield agent.python(f'import subprocess; print(subprocess.run({command}, env={{}}, '
                       'capture_output=True, text=True).stdout.strip())'), expected
    words = ' '.join(command)
    yield agent.run('perl', '-e', f'%ENV = (); exec "/usr/bin/env", qw({words})'), expected
    yield agent.run('env', '-i', 'LD_PRELOAD=libc.so.6', 'sh', '-c', 'echo $LD_PRELOAD'), \
        f'libc.so.6:{lab_.shim}'


def opting_out(lab_, agent):
    """CULVERT_AGENT= in front of a command keeps Culvert out of it and of its children"""
    yield agent.run('getent', 'hosts', 'declined.example', CULVERT_AGENT=''), ''
    yield [line for line in agent.lines if 'declined' in line], []
    yield agent.run('env', 'CULVERT_AGENT=', 'env', '-i', 'sh', '-c', 'echo "<$LD_PRELOAD>"'), '<>'


def told_listening(agent):
    return sum(line.startswith('listening') for line in agent.lines)


def listening(lab_, agent):
    """listen() tells the agent the address, after it succeeded"""
    told_before = told_listening(agent)
    for host, port in (('127.0.0.1', 20001), ('0.0.0.0', 20002), ('::', 20003), ('::1', 20004)):
        family = 'AF_INET6' if ':' in host else 'AF_INET'
        agent.python(f'import socket\ns = socket.socket(socket.{family})\n'
                     f's.bind(("{host}", {port}))\ns.listen(5)')
        yield agent.saw(f'listening {host} {port}'), True
    agent.run('/usr/bin/python3', '-c',
              'import socket; s = socket.socket(socket.AF_UNIX); s.bind("\\0x"); s.listen(1)')
    yield told_listening(agent) - told_before, 4


ASK_FOR_PORT = """import socket, sys
family, port, peer, times = (eval(word) for word in sys.argv[1:])
s = socket.socket(family, socket.SOCK_DGRAM)
if port is not None: s.bind(port)
if peer: s.connect(peer)
for _ in range(times): own = s.getsockname()
behind = socket.create_server(("127.0.0.1", 0))
print(own[1], behind.getsockname()[1])"""


def kernels_ports(lab_, agent):
    """getsockname() tells the agent of UDP ports that the kernel chose, once, if it wants to hear of them"""
    def told(publish, *words):
        code = ASK_FOR_PORT.replace('sys.argv[1:]', repr(words))
        port, behind = agent.python(code, CULVERT_PUBLISH=publish).split()
        agent.saw(f'listening 127.0.0.1 {behind}')  # then whatever came before is there, too
        return [line.replace(port, 'PORT') for line in agent.lines if line.startswith(f'bound {port} ')]

    four, six, kernel = 'socket.AF_INET', 'socket.AF_INET6', ['bound PORT by the kernel']
    yield told('always', four, '("", 0)', 'None', '3'), kernel
    yield told('always', six, '("::", 0)', 'None', '1'), kernel
    yield told('', four, '("", 0)', 'None', '1'), []
    yield told('ask', four, '("", 0)', 'None', '1'), []
    yield told('always', four, '("", 0)', '("127.0.0.1", 9)', '1'), []
    yield told('always', four, '("127.0.0.1", 0)', 'None', '1'), kernel
    yield told('always', six, '("::1", 0)', 'None', '1'), []
    yield told('always', four, '("", 20005)', 'None', '1'), ['bound PORT by the program']


def giving_up(lab_, agent):
    """a program may close its socket while it is connecting"""
    for blocking in (0, 1):
        seen = agent.python(f'''
import socket
made = socket.socket()
made.settimeout(0.1 if {blocking} else 0)
try: made.connect(('later.culvert.test', {lab_.ports[0]}))
except OSError as failure: print(type(failure).__name__)
made.close()
''')
        yield seen, 'TimeoutError' if blocking else 'BlockingIOError'
    yield any(agent.saw(line, 2) for line in ('gone 111', 'gone 104')), True


def dead_agent(lab_, agent):
    """without an agent virtual names fail at once, everything else works"""
    agent.stop()
    seen = agent.python(ASK + CONNECT + f'''
show(addresses, 'site.culvert.test')
show(addresses, 'ordinary.example')
show(socket.gethostbyaddr, '127.64.0.10')
print(outcome('127.64.0.10', 99, True), outcome('127.64.0.10', 99, False))
print(outcome('127.0.0.1', {lab_.ports[0]}, True))
s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()
''', patience=5)
    yield seen, '\n'.join([gai(socket.EAI_AGAIN), "['127.0.0.1']", 'herror 2',
                           'ECONNREFUSED ECONNREFUSED', 'ok'])


def dies_while_pending(lab_, agent):
    """if the agent dies, connects that are pending end"""
    process = lab_.start(['/usr/bin/python3', '-c', CONNECT + '''
print('started', flush=True)
print(outcome('127.64.0.16', 9999, True))
'''], env=agent.environment())
    lab.wait_for_line(process, 'started')
    yield agent.saw('connect 127.64.0.16 9999'), True
    agent.stop()
    yield process.communicate(timeout=20)[0].strip(), 'ECONNREFUSED'
