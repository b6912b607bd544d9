"""What is compared: one class per contender. start() brings it up in the lab; then `target` is
the (host, port) that leads to the load server and `prefix` goes before the program's command."""
import os
import pwd
import subprocess
import time
from pathlib import Path

from link import Link
from lab import Unavailable, write

LINKS = {  # one way in milliseconds, Mbit/s, KiB of the queue; no limit: 0
    "far": (50, 0, 0),
    "gbit": (10, 1000, 256),
}
SSH_CIPHER = "aes128-gcm@openssh.com"  # its fastest; the default chacha20 has half the throughput


class Contender:
    name = ""    # for --only
    title = ""   # for the table
    about = ""   # for the notes below the table
    holds_idle = True  # whether its memory is measured
    linkable = False   # whether its carriers can be led through a link

    def __init__(self, lab, server_port, link=""):
        self.lab = lab
        self.link = link  # of LINKS, or none
        self.folder = f"{self.name}-{link}" if link else self.name
        self.server_port = server_port
        self.prefix = []
        self.target = ("127.0.0.1", server_port)
        self.daemons = []

    def start(self):
        pass

    def version(self):
        return ""

    def lead(self, port):
        """Where the near side finds what listens at `port`: there, or at the head of the link."""
        if not self.link:
            return port
        program = self.lab.programs / "culvert-test-link"
        if not program.exists():
            raise Unavailable(f"{program} is not built")
        link = Link([program], ("127.0.0.1", port), *LINKS[self.link])
        link.process.log_name = f"{self.folder}/link"
        self.lab.processes.append(link.process)
        return link.port

    def spawn(self, command, name):
        self.daemons.append(self.lab.spawn(command, f"{self.folder}/{name}"))

    def path(self, name):
        return self.lab.path(f"{self.folder}/{name}")

    def pids(self):
        return [process.pid for process in self.daemons]

    def command(self, mode, *options):
        host, port = self.target
        return [*self.prefix, self.lab.load, mode, *options, host, port]

    def wait_until_it_carries(self, seconds=15):
        """A daemon that listens need not be connected yet: ask for one echo until it comes."""
        until = time.monotonic() + seconds
        while True:
            try:
                return self.lab.run(self.command("echo", "--most", "1"), seconds=seconds)
            except Unavailable as failure:
                for process in self.daemons:
                    if process.poll() is not None:
                        words = self.lab.last_words(process.log_name)
                        raise Unavailable(f"{process.log_name} ended: {words}") from None
                if time.monotonic() > until:
                    words = [self.lab.last_words(process.log_name) for process in self.daemons]
                    raise Unavailable(f"{failure} ({' | '.join(words)})") from None
                time.sleep(0.05)  # between questions, not instead of one


class Raw(Contender):
    name = "raw"
    title = "raw loopback"
    linkable = True

    def start(self):
        self.target = ("127.0.0.1", self.lead(self.server_port))


class Ssh(Contender):
    """One sshd of its own with keys of its own, and clients of it."""

    def as_real_user(self):
        """sshd as root separates privileges, for which the root of a user namespace has not
        enough users: there it runs as the ordinary user that made the namespace."""
        _, outer, count = Path("/proc/self/uid_map").read_text().split()[:3]
        if int(count) > 1:
            return os.getuid(), []
        return int(outer), ["unshare", "--user", f"--map-user={outer}"]

    def start_sshd(self):
        uid, self.enter = self.as_real_user()
        self.user = pwd.getpwuid(uid).pw_name
        sshd, ssh_keygen, self.ssh = self.lab.find("sshd", "ssh-keygen", "ssh")
        for key in ("host", "user"):
            self.lab.run([ssh_keygen, "-q", "-t", "ed25519", "-N", "", "-f", self.path(key)])
        self.sshd_port = self.lab.port()
        config = write(self.path("sshd_config"), f"""
ListenAddress 127.0.0.1:{self.sshd_port}
HostKey {self.path("host")}
AuthorizedKeysFile {self.path("user.pub")}
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
MaxSessions 10
""")
        self.spawn([*self.enter, sshd, "-D", "-e", "-f", config], "sshd")
        self.wait_until_listening(self.sshd_port)
        self.client_port = self.lead(self.sshd_port)
        host_key = self.path("host.pub").read_text()
        write(self.path("known_hosts"), f"[127.0.0.1]:{self.client_port} {host_key}")

    def wait_until_listening(self, port, seconds=10):
        wanted = f":{port:04X} 00000000:0000 0A"
        until = time.monotonic() + seconds
        while wanted not in Path("/proc/net/tcp").read_text():
            if time.monotonic() > until:
                raise Unavailable(f"nothing listens: {self.lab.last_words(self.folder + '/sshd')}")
            time.sleep(0.02)

    def start_client(self, name, *options):
        self.spawn([*self.enter, self.ssh, "-F", "none", "-N", "-T", "-c", SSH_CIPHER,
                    "-i", self.path("user"),
                    "-o", f"UserKnownHostsFile={self.path('known_hosts')}",
                    "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
                    "-o", "ExitOnForwardFailure=yes", *options,
                    "-p", str(self.client_port), f"{self.user}@127.0.0.1"], name)

    def version(self):
        done = subprocess.run([self.lab.find("ssh"), "-V"], capture_output=True, text=True)
        return (done.stderr or done.stdout).split(",")[0].replace("_", " ")


class SshLocal(Ssh):
    name = "ssh-L"
    title = "`ssh -L`"
    about = f"one ssh client and sshd, {SSH_CIPHER}"
    linkable = True

    def start(self):
        self.start_sshd()
        port = self.lab.port()
        self.start_client("client", "-L", f"127.0.0.1:{port}:127.0.0.1:{self.server_port}")
        self.target = ("127.0.0.1", port)


class SshDynamic(Ssh):
    name = "ssh-D"
    title = "`ssh -D` + proxychains4"
    holds_idle = False  # daemons as those of ssh -L; proxychains4 opens 60 streams per second
    about = "the program runs under proxychains4, through the SOCKS5 port of ssh"

    def start(self):
        proxychains = self.lab.find("proxychains4")
        self.start_sshd()
        port = self.lab.port()
        self.start_client("client", "-D", f"127.0.0.1:{port}")
        config = write(self.path("proxychains.conf"), "strict_chain\nquiet_mode\n"
                       f"[ProxyList]\nsocks5 127.0.0.1 {port}\n")
        self.prefix = [proxychains, "-q", "-f", config]

    def version(self):  # proxychains4 itself does not tell
        done = subprocess.run(["dpkg-query", "-W", "-f", "proxychains4 ${Version}", "proxychains4"],
                              capture_output=True, text=True)
        return ", ".join(text for text in (super().version(), done.stdout) if text)


class SshRelay(Ssh):
    name = "ssh-relay"
    title = "`ssh -L` into `ssh -R`"
    about = "two ssh clients meet at one sshd, as two machines behind firewalls would"

    def start(self):
        self.start_sshd()
        meeting, port = self.lab.port(), self.lab.port()
        self.start_client("publisher", "-R", f"127.0.0.1:{meeting}:127.0.0.1:{self.server_port}")
        self.wait_until_listening(meeting)
        self.start_client("client", "-L", f"127.0.0.1:{port}:127.0.0.1:{meeting}")
        self.target = ("127.0.0.1", port)


class Stunnel(Contender):
    name = "stunnel"
    title = "stunnel pair"
    about = "one TLS connection per stream, ECDSA P-256 certificate, verified"
    linkable = True

    def start(self):
        stunnel = self.lab.find("stunnel")
        certificate = make_certificate(self)
        middle, port = self.lab.port(), self.lab.port()
        common = "foreground = yes\npid =\nsyslog = no\ndebug = err\n"
        server = write(self.path("server.conf"), f"""{common}
[in]
accept = 127.0.0.1:{middle}
connect = 127.0.0.1:{self.server_port}
cert = {certificate}
""")
        client = write(self.path("client.conf"), f"""{common}
[out]
client = yes
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{self.lead(middle)}
CAfile = {certificate}
verifyChain = yes
""")
        self.spawn([stunnel, server], "server")
        self.spawn([stunnel, client], "client")
        self.target = ("127.0.0.1", port)

    def version(self):
        done = subprocess.run([self.lab.find("stunnel"), "-version"], capture_output=True,
                              text=True)
        words = next((line for line in done.stderr.splitlines() if "stunnel 5" in line), "").split()
        return " ".join(words[words.index("stunnel"):][:2]) if "stunnel" in words else "stunnel"


def make_certificate(contender):
    """Key and self-signed certificate in one file."""
    key, pem = contender.path("key.pem"), contender.path("both.pem")
    certificate = contender.path("certificate.pem")
    contender.lab.run([contender.lab.find("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
                       "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                       "/CN=bench.example", "-keyout", key, "-out", certificate])
    write(pem, key.read_text() + certificate.read_text())
    pem.chmod(0o600)
    return pem


class Haproxy(Contender):
    name = "haproxy"
    title = "haproxy TCP, one hop"
    about = "no encryption, one process"

    def start_haproxy(self, name, listen, server):
        config = write(self.path(f"{name}.cfg"), f"""
global
  maxconn 9000
  ssl-server-verify required
defaults
  mode tcp
  maxconn 9000
  timeout connect 10s
  timeout client 10m
  timeout server 10m
listen through
  bind 127.0.0.1:{listen}
  server next 127.0.0.1:{server}
""")
        self.spawn([self.lab.find("haproxy"), "-db", "-q", "-f", config], name)

    def start(self):
        port = self.lab.port()
        self.start_haproxy("haproxy", port, self.server_port)
        self.target = ("127.0.0.1", port)

    def version(self):
        done = subprocess.run([self.lab.find("haproxy"), "-v"], capture_output=True, text=True)
        return "haproxy " + done.stdout.split()[2]


class HaproxyTls(Haproxy):
    name = "haproxy-tls"
    title = "haproxy TLS pair"
    about = "one TLS connection per stream, ECDSA P-256 certificate, verified"
    linkable = True

    def start(self):
        certificate = make_certificate(self)
        middle, port = self.lab.port(), self.lab.port()
        self.start_haproxy("server", f"{middle} ssl crt {certificate}", self.server_port)
        self.start_haproxy("client", port,
                           f"{self.lead(middle)} ssl verify required ca-file {certificate}")
        self.target = ("127.0.0.1", port)


RIVALS = (Raw, SshLocal, SshDynamic, Stunnel, HaproxyTls, Haproxy, SshRelay)
