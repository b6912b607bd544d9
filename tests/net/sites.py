"""The world of the labs: a service, an ordinary host, and two sites behind firewalls.

    site A  10.1.0.2 -- router A 192.0.2.2 --+                      +-- service  198.51.100.10
                                             +-- internet (router) -+
    site B  10.2.0.2 -- router B 192.0.2.6 --+                      +-- ordinary 203.0.113.20

With Culvert, each site's router masquerades, is stateful, admits nothing inbound, and lets only one
thing out: TCP to the service's port. Names outside the site do not resolve inside it. Natively there
is plain routing and one name server that knows everybody.
"""
import json
import os
import pathlib
import socket
import subprocess
import time

from lab import Lab, LabError, LocalHost, ordinary_user, tail

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOMAIN = "example.net"
NAME_A, NAME_B = f"alpha.site-a.{DOMAIN}", f"bravo.site-b.{DOMAIN}"
ORDINARY = "ordinary.test"
SERVICE_PORT = 443
NOBODY = 65534

FIREWALL = """
table ip site {
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "inside" oifname "outside" ip daddr 198.51.100.10 tcp dport %d accept
    iifname "outside" counter name refused drop
    iifname "inside" reject with icmp type admin-prohibited
  }
  chain input {
    type filter hook input priority filter; policy drop;
    iifname { "lo", "inside" } accept
    ct state established,related accept
    iifname "outside" counter name refused drop
  }
  chain nat { type nat hook postrouting priority srcnat; oifname "outside" masquerade; }
  counter refused {}
}
""" % SERVICE_PORT


def build_directory() -> pathlib.Path:
    return pathlib.Path(os.environ.get("CULVERT_BUILD", ROOT / "build")).resolve()


class World:
    """A service and two agents on hosts that somebody else has made."""
    native = False
    publish = "always"
    publish_more: dict[str, str] = {}  # by host: more of what stands in that table
    unprivileged = False
    run_options: tuple[str, ...] = ()  # of culvert run
    web_port, ssh_port = 80, 22  # where the demonstration's servers bind

    def __init__(self, lab: Lab, say):
        self.lab, self.say = lab, say
        self.build = build_directory()
        self.sockets: dict[str, pathlib.Path] = {}
        self.daemons = []

    def check_programs(self):
        for program in ("culvert", "culvert-agent", "culvert-service", "libculvert-shim.so"):
            if not (self.build / program).exists():
                raise LabError(f"{self.build / program} is not there: build first "
                               "(./quickstart --build-only), or name another build directory "
                               "in $CULVERT_BUILD")

    def start_service(self, address: str | list[str], allow=("203.0.113.0/24", "2001:db8:20::/48"),
                      more="", settings=""):
        directory = self.lab.directory / self.service.name
        self.service_config = directory / "service.toml"
        self.service_config.write_text(
            f'domain = "{DOMAIN}"\nlisten = {json.dumps(address)}\n'
            f'state_directory = "{directory}/state"\n{settings}\n'
            f'[forwarding]\nallow = {json.dumps(allow)}\n{more}')
        self.say(f"starting the service at {address}")
        self.daemons.append((self.service, self.run_daemon(
            self.service, [str(self.build / "culvert-service"), "--config", str(self.service_config)],
            "service")))

    def run_daemon(self, host, argv, log):
        return host.spawn_daemon(argv, log)

    def start_agent(self, host, name, more="", settings="", direct=False):
        """Direct paths are looked for only where a lab is about them: all others show the relay.
        `direct`: whether, or more of what stands in that table."""
        directory = self.lab.directory / host.name
        config = directory / "agent.toml"
        self.sockets[host.name] = directory / "run" / "agent.sock"
        config.write_text(
            f'state_directory = "{directory}/state"\n'
            f'control_socket = "{self.sockets[host.name]}"\n{settings}\n'
            # Servers may drop root before they listen, and clients may run as anybody.
            f'[access]\nusers = "all"\n\n[publish]\npolicy = "{self.publish}"\n'
            f'{self.publish_more.get(host.name, "")}\n\n'
            f'[direct]\nenabled = {str(bool(direct)).lower()}\n'
            f'{direct if isinstance(direct, str) else ""}\n\n'
            f'[[forward]]\ndomains = ["*.test"]\n{more}')
        (directory / "run").mkdir()
        (directory / "state").mkdir(mode=0o700)
        if self.unprivileged:
            for part in ("run", "state"):
                os.chown(directory / part, NOBODY, NOBODY)
        self.say(f"enrolling {name} with a one-time invitation, and starting its agent")
        token = self.invite(name)
        host.run(*self.as_nobody([str(self.build / "culvert"), "enroll", "--agent-config",
                                  str(config)]), input=token)
        agent = self.run_daemon(
            host, self.as_nobody([str(self.build / "culvert-agent"), "--config", str(config)]), "agent")
        self.daemons.append((host, agent))

    def invite(self, name: str) -> str:
        return self.service.run(str(self.build / "culvert-service"), "--config",
                                str(self.service_config), "invite", name).stdout

    def as_nobody(self, argv: list[str]) -> list[str]:
        if not self.unprivileged:
            return argv
        return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                "--inh-caps=-all", "--bounding-set=-all", "--", *argv]

    def as_user(self, argv: list[str]) -> list[str]:
        """Commands run as who started the lab, whoever that looks like in its namespace."""
        user = ordinary_user()
        if user is None or isinstance(self, Loopback):
            return self.as_nobody(argv)
        return ["unshare", "--user", f"--map-user={user[0]}", f"--map-group={user[1]}", "--", *argv]

    def environment(self) -> dict[str, str]:
        path = os.environ.get("PATH", "/usr/bin:/bin")
        return {**os.environ, "CULVERT_B": NAME_B, "CULVERT_ORDINARY": ORDINARY,
                "CULVERT_NAMESPACE": "" if self.native else "culvert run --how=namespace --",
                "PATH": f"{self.build}:{path}"}

    def under_culvert(self, host, argv: list[str]) -> list[str]:
        if not self.native:
            argv = [str(self.build / "culvert"), "run", "--agent", str(self.sockets[host.name]),
                    *self.run_options, "--", *argv]
        return self.as_user(argv)

    def command_at(self, host, argv: list[str]) -> list[str]:
        return host.inside(self.under_culvert(host, argv))

    def status_command(self, host, *options: str) -> list[str]:
        return host.inside(self.as_user([str(self.build / "culvert"), "status", "--agent",
                                         str(self.sockets[host.name]), *options]))

    def serve_at_b(self, commands: list[str], limit=20.0):
        for number, command in enumerate(commands, 1):
            self.say(f"at site B: {command}")
            before, published = self.b.listeners(), set() if self.native else self.published_at_b()
            process = self.b.spawn(self.under_culvert(self.b, ["sh", "-c", command]),
                                   f"at-b-{number}", env=self.environment())
            ports = self.b.wait_for_listener(process, before, f"--at-b '{command}'", limit)
            if not self.native:
                self._wait_until_published(ports, command, limit, published)
        if commands and not self.native:
            self.wait_until_resolved(limit)

    def published_at_b(self) -> set[int]:
        done = subprocess.run(self.status_command(self.b, "--json"), capture_output=True, text=True)
        try:
            return set(json.loads(done.stdout)["published"])
        except (ValueError, KeyError):
            raise LabError(f"culvert status --json at site B: {done.stdout}{done.stderr}\n"
                           + self.logs()) from None

    def _wait_until_published(self, ports: set[int], command: str, limit, before=None):
        """The kernel knows of the listener a moment before the agent does. Of one in a namespace a
        stand-in is seen, on another port: something that was not there `before`."""
        deadline = time.monotonic() + limit
        while not ((now := self.published_at_b()) & ports or before is not None and now - before):
            if time.monotonic() > deadline:
                raise LabError(f"--at-b '{command}': listens on {sorted(ports)}, but the agent of "
                               "site B does not publish that: is the program static, or does it "
                               "listen on IPv6 alone?\n" + self.logs())
            time.sleep(0.02)  # asks the product itself, which has no event to wait for

    def wait_until_resolved(self, limit=20.0, name=NAME_B):
        """B has published; the service learns of it a round trip later."""
        probe = self.command_at(self.a, ["getent", "ahosts", name])
        deadline = time.monotonic() + limit
        while subprocess.run(probe, capture_output=True).returncode != 0:
            if time.monotonic() > deadline:
                raise LabError(f"{name} does not resolve at site A, though it listens\n"
                               + self.logs())
            time.sleep(0.02)

    def stop_daemons(self):
        """Agents and service end with status 0 on SIGTERM, or LabError says what they left behind."""
        while self.daemons:
            host, daemon = self.daemons.pop()
            status = host.stop(daemon)
            if status != 0:
                raise LabError(f"{daemon.args[-3]} at {host.name} ended with status {status} on "
                               f"SIGTERM\n{tail(daemon.log, 60)}")

    def logs(self, lines=15) -> str:
        return "\n".join(f"--- {host}/{log.name}\n{tail(log, lines)}"
                         for host in ("service", "a", "b")
                         for log in sorted((self.lab.directory / host).glob("*.log")))


class Sites(World):
    def __init__(self, lab: Lab, native: bool, unprivileged=False, say=lambda text: None,
                 more_at_a="", publish="always"):
        """`more_at_a`: more of the agent's configuration at site A, from its [[forward]] entry on;
        `publish`: the policy of both agents."""
        super().__init__(lab, say)
        self.publish = publish
        self.native, self.unprivileged = native, unprivileged
        if not native:
            self.check_programs()
        self._wire()
        self._start_names()
        self.ordinary.wait_for_listener(
            self.ordinary.spawn(["python3", str(ROOT / "tests/net/ordinary_host.py")], "ordinary"),
            set(), "the ordinary host")
        if not native:
            self.start_service(f"198.51.100.10:{SERVICE_PORT}")
            self.start_agent(self.a, NAME_A, more_at_a)
            self.start_agent(self.b, NAME_B)

    def _wire(self):
        lab = self.lab
        self.net, self.service, self.ordinary = (
            lab.host("internet"), lab.host("service"), lab.host("ordinary"))
        self.router_a, self.a = lab.host("router-a"), lab.host("a")
        self.router_b, self.b = lab.host("router-b"), lab.host("b")
        lab.wire(self.net, "to-service", "198.51.100.1/24", self.service, "eth0", "198.51.100.10/24")
        lab.wire(self.net, "to-ordinary", "203.0.113.1/24", self.ordinary, "eth0", "203.0.113.20/24")
        lab.wire(self.net, "to-a", "192.0.2.1/30", self.router_a, "outside", "192.0.2.2/30")
        lab.wire(self.net, "to-b", "192.0.2.5/30", self.router_b, "outside", "192.0.2.6/30")
        lab.wire(self.router_a, "inside", "10.1.0.1/24", self.a, "eth0", "10.1.0.2/24")
        lab.wire(self.router_b, "inside", "10.2.0.1/24", self.b, "eth0", "10.2.0.2/24")
        for host, gateway in ((self.service, "198.51.100.1"), (self.ordinary, "203.0.113.1"),
                              (self.router_a, "192.0.2.1"), (self.router_b, "192.0.2.5"),
                              (self.a, "10.1.0.1"), (self.b, "10.2.0.1")):
            host.run("ip", "route", "add", "default", "via", gateway)
        for router in (self.net, self.router_a, self.router_b):
            router.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        if self.unprivileged or ordinary_user():
            # The servers of site B bind the usual ports, as they would if root had started them.
            self.b.run("sysctl", "-qw", "net.ipv4.ip_unprivileged_port_start=0")
        if self.native:
            self.net.run("ip", "route", "add", "10.1.0.0/24", "via", "192.0.2.2")
            self.net.run("ip", "route", "add", "10.2.0.0/24", "via", "192.0.2.6")
        else:
            for router in (self.router_a, self.router_b):
                router.run("nft", "-f", "-", input=FIREWALL)

    def _start_names(self):
        """A name server in the internet, and one in each firewalled site that knows no other."""
        world = [f"--host-record={ORDINARY},203.0.113.20"]
        if self.native:
            world.append(f"--host-record={NAME_B},10.2.0.2")
            world.append(f"--host-record={NAME_A},10.1.0.2")
        servers = [(self.service, "198.51.100.10", world)]
        clients = [(self.service, "198.51.100.10"), (self.ordinary, "198.51.100.10")]
        if self.native:
            clients += [(self.a, "198.51.100.10"), (self.b, "198.51.100.10")]
        else:
            servers += [(self.router_a, "10.1.0.1", []), (self.router_b, "10.2.0.1", [])]
            clients += [(self.a, "10.1.0.1"), (self.b, "10.2.0.1")]
        for host, address, records in servers:
            server = host.spawn(
                # --no-daemon: it would drop privileges, and a user namespace has no other user
                ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                 "--pid-file=", "--local=/#/", f"--listen-address={address}",
                 "--bind-interfaces", *records], "dnsmasq")
            host.wait_for_listener(server, set(), f"the name server of {host.name}")
        for host, address in clients:
            (host.etc / "resolv.conf").write_text(f"nameserver {address}\noptions timeout:2\n")


class Loopback(World):
    """Everything on this machine. The servers bind ports that the kernel chose and are published
    under the usual ones by [[listen]] entries. Shows no firewall and no forwarding."""

    def __init__(self, lab: Lab, say):
        super().__init__(lab, say)
        self.check_programs()
        self.service, self.a, self.b = (lab.host(name, LocalHost) for name in ("service", "a", "b"))
        self.web_port, self.ssh_port = free_port(), free_port()
        if os.geteuid() == 0:
            lab.need_folder("/run/sshd")  # sshd's own requirement
        self.start_service(f"127.0.0.1:{free_port()}")
        listens = "".join(f'\n[[listen]]\nport = {port}\nto = "127.0.0.1:{to}"\n'
                          for port, to in ((80, self.web_port), (22, self.ssh_port)))
        self.start_agent(self.a, NAME_A)
        self.start_agent(self.b, NAME_B, more=listens)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
