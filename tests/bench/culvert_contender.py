"""Culvert itself, as a user sets it up: a service, enrolled agents, `culvert run`."""
import subprocess

from contenders import Contender
from lab import ORDINARY_NAME, Unavailable, write

DOMAIN = "bench.example"
PROGRAMS = ("culvert", "culvert-agent", "culvert-service", "libculvert-shim.so")


class Culvert(Contender):
    def binary(self, name):
        return self.lab.programs / name

    def start_service(self):
        for program in PROGRAMS:
            if not self.binary(program).exists():
                raise Unavailable(f"{self.binary(program)} is not built")
        port = self.lab.port()
        self.service_config = write(self.path("service.toml"), f"""
domain = "{DOMAIN}"
listen = "127.0.0.1:{port}"
state_directory = "{self.path('service-state')}"
[forwarding]
allow = ["127.0.0.0/8"]
""")
        self.daemons.append(self.lab.spawn_notifying(
            [self.binary("culvert-service"), "--config", self.service_config],
            f"{self.folder}/service"))
        self.place = f'service = "127.0.0.1:{self.lead(port)}"\n' if self.link else ""

    def start_agent(self, label, rules):
        """Enrols LABEL.bench.example and starts its agent; the control socket."""
        socket = self.path(f"{label}.sock")
        config = write(self.path(f"{label}.toml"), f"""
state_directory = "{self.path(f'{label}-state')}"
control_socket = "{socket}"
{self.place}{rules}
""")
        token = self.lab.run([self.binary("culvert-service"), "--config", self.service_config,
                              "invite", f"{label}.{DOMAIN}"])
        self.lab.run([self.binary("culvert"), "enroll", "--agent-config", config], input=token)
        self.daemons.append(self.lab.spawn_notifying(
            [self.binary("culvert-agent"), "--config", config], f"{self.folder}/agent-{label}"))
        return socket

    def run_under(self, socket, host):
        self.prefix = [self.binary("culvert"), "run", "--agent", socket, "--"]
        self.target = (host, self.server_port)

    def version(self):
        done = subprocess.run([self.binary("culvert"), "--version"], capture_output=True, text=True)
        return done.stdout.strip().splitlines()[0] if done.returncode == 0 and done.stdout else ""


class CulvertForwarding(Culvert):
    via = "direct"
    name = "culvert"
    title = "**Culvert**, forwarding"
    about = "program, agent, service, ordinary host"
    linkable = True

    def start(self):
        if not self.lab.has_names:
            raise Unavailable("needs an /etc/hosts of its own, so a mount namespace")
        self.start_service()
        rules = f'via = "{self.via}"\n[[forward]]\ndomains = ["*.test"]\n'
        self.run_under(self.start_agent("a", rules), ORDINARY_NAME)


class CulvertTls(CulvertForwarding):
    via = "tls"
    name = "culvert-tls"
    title = "**Culvert**, forwarding over TLS"


class CulvertRelay(Culvert):
    name = "culvert-relay"
    title = "**Culvert**, relay"
    about = "program, agent, service, agent, program; sealed from end to end"

    def start(self):
        self.start_service()
        caller = self.start_agent("a", "")
        self.start_agent("b", f"""
[publish]
policy = "always"
[[listen]]
port = {self.server_port}
to = "127.0.0.1:{self.server_port}"
""")
        self.run_under(caller, f"b.{DOMAIN}")
