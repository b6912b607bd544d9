"""The world in one namespace, with a culvert-test-link between each agent and the service:

    program -- agent A -- link A --+                        program -- agent A -- link A --+
                                   service -- ORDINARY or                                  service
                                                            program -- agent B -- link B --+
"""
import subprocess
import time

from lab import Host, LabError
from link import Link
from sites import NAME_A, NAME_B, ORDINARY, World


class Corner(Host):
    """Another name and folder in the namespaces of a host."""

    def __init__(self, lab, name, host):
        self.lab, self.name, self.pid = lab, name, host.pid
        self.processes = []
        (lab.directory / name).mkdir()

    def end(self):  # the host has ended, and with it what runs here
        for process in self.processes:
            process.wait()


class LinkedWorld(World):
    """start() brings up the service and agent A, for forwarding; with `relay_ports` also agent B, which
    publishes the programs that listen on these ports of the machine."""

    def __init__(self, lab, say=lambda text: None):
        super().__init__(lab, say)
        self.check_programs()
        self.machine = lab.host("machine")
        # getent asks for addresses only where the machine has one besides loopback (AI_ADDRCONFIG).
        self.machine.run("ip", "addr", "add", "192.0.2.1/32", "dev", "lo")
        with open(self.machine.etc / "hosts", "a") as hosts:
            hosts.write(f"127.0.0.1 {ORDINARY}\n")
        self.service, self.a, self.b = (
            lab.host(name, lambda owner, name: Corner(owner, name, self.machine))
            for name in ("service", "a", "b"))
        self.links: dict[str, Link] = {}

    def start(self, relay_ports=(), **shape):
        self.start_service("127.0.0.1:443", allow=["127.0.0.0/8"])
        self.start_linked_agent(self.a, NAME_A, **shape)
        if relay_ports:
            listens = "".join(f'\n[[listen]]\nport = {port}\nto = "127.0.0.1:{port}"\n'
                              for port in relay_ports)
            self.start_linked_agent(self.b, NAME_B, listens, **shape)
            self._wait_until_published(set(relay_ports), "what listens there", 20.0)
            self.wait_until_resolved(20.0)

    def restart_agent_a(self):
        """Ends it and starts it again; gives the time of the start. Its session is not up yet."""
        agent = next(process for corner, process in self.daemons if corner is self.a)
        self.daemons.remove((self.a, agent))
        self.a.stop(agent)
        started = time.monotonic()
        config = self.lab.directory / "a" / "agent.toml"
        self.daemons.append((self.a, self.a.spawn_daemon(
            [str(self.build / "culvert-agent"), "--config", str(config)], "agent")))
        return started

    def start_linked_agent(self, corner, name, more="", **shape):
        program = self.machine.inside([str(self.build / "culvert-test-link")])
        self.links[corner.name] = link = Link(program, ("127.0.0.1", 443), **shape)
        self.start_agent(corner, name, more,
                         settings=f'service = "127.0.0.1:{link.port}"\nvia = "direct"\n')

    def daemon_pid(self, corner) -> int:
        """Of the program itself; what the lab started is nsenter."""
        process = next(process for host, process in self.daemons if host is corner)
        below = f"/proc/{process.pid}/task/{process.pid}/children"
        with open(below) as children:
            return int(children.read().split()[0])

    def spawn_here(self, argv) -> subprocess.Popen:
        """A program of the machine that is not under Culvert, with pipes to talk to it."""
        return subprocess.Popen(self.machine.inside([str(word) for word in argv]), text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def spawn_at_a(self, argv) -> subprocess.Popen:
        return subprocess.Popen(self.command_at(self.a, [str(word) for word in argv]), text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def need_program(world, name: str):
    if not (world.build / name).exists():
        raise LabError(f"{world.build / name} is not built")
    return world.build / name
