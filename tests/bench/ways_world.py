"""The world of tests/bench/ways: site A, whose only way out is a middlebox on its router, and 40 ms
behind that the service and what programs talk to. Several agents at the site take turns.

    programs -- agents A1..A4 -- middlebox == 40 ms there and back == service -- ordinary host
"""
import json
import pathlib
import subprocess
import time

from announcing import Announcements
from linked import Corner
from proxied import ProxiedSites
from sites import ORDINARY

NET = pathlib.Path(__file__).resolve().parent.parent / "net"
PACE, SLOW_WIRE = (str(NET / f"{name}.py") for name in ("pace", "slow_wire"))
ONE_WAY_MS = 20
SEATS = 4
SERVICE, ORDINARY_ADDRESS = "198.51.100.10", "203.0.113.20"
NO_PROXY = 'function FindProxyForURL(url, host) { return "DIRECT"; }\n'


def pool(number: int) -> str:
    return f'pool = "127.{64 + number}.0.0/16"\n'


class WaysWorld(ProxiedSites):
    def __init__(self, lab, say):
        self.seats = []
        super().__init__(lab, native=False, say=say)
        self._lengthen()
        self.network = Announcements(self)
        self.network.serve_names("wpad")
        self.script = self.network.serve_script(NO_PROXY)
        self.network.serve_addresses("252,http://10.1.0.1/wpad.dat")
        self.pace = self.ordinary.spawn(["python3", PACE, "serve", ORDINARY_ADDRESS], "pace")
        while not (line := self.pace.log.read_text()).endswith("\n"):
            time.sleep(0.01)
        self.port = int(line)

    def start_service(self, address, **options):
        super().start_service([f"{SERVICE}:443", f"{SERVICE}:80"], **options)

    def start_agent(self, host, name, more="", settings=""):
        """Before the first one, which closes the wall behind itself: more of the same at site A, each
        with virtual addresses of its own."""
        for number in range(1, SEATS) if host is self.a else ():
            seat = self.lab.host(f"a{number}", lambda lab, name: Corner(lab, name, self.a))
            super().start_agent(seat, f"alpha{number}.site-a.{name.split('.', 2)[2]}",
                                settings=pool(number))
            self.leave(seat)
            self.seats.append(seat)
        super().start_agent(host, name, more, settings + (pool(0) if host is self.a else ""))
        if host is self.a:
            self.seats.insert(0, self.a)
            self.configurations = {seat.name: self.config_of(seat).read_text() for seat in self.seats}
            self.configurations[self.a.name] = self.config_a

    def config_of(self, seat):
        return self.lab.directory / seat.name / "agent.toml"

    def _lengthen(self):
        """The cable between site A's router and the rest becomes a long one."""
        self.router_a.run("ip", "link", "del", "outside")
        wire = subprocess.Popen(
            ["python3", SLOW_WIRE, str(self.router_a.pid), str(self.net.pid), str(ONE_WAY_MS),
             "outside", "to-a"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        wire.stdout.readline()
        self.wire = wire  # ends with its standard input
        for host, name, address in ((self.router_a, "outside", "192.0.2.2/30"),
                                    (self.net, "to-a", "192.0.2.1/30")):
            host.run("ip", "addr", "add", address, "dev", name)
            host.run("ip", "link", "set", name, "up")
        self.router_a.run("ip", "route", "add", "default", "via", "192.0.2.1")

    def announce(self, element: str):
        """What the network's script says, as in "PROXY 10.1.0.1:3128"."""
        self.script.write_text(NO_PROXY.replace("DIRECT", element))

    def leave(self, seat):
        for entry in [one for one in self.daemons if one[0] is seat]:
            self.daemons.remove(entry)
            seat.stop(entry[1])

    def enter(self, seat, settings=""):
        """Its agent anew, which knows nothing of this network; gives when that was."""
        self.leave(seat)
        config = self.config_of(seat)
        config.write_text(f"{settings}\n{self.configurations[seat.name]}")
        config.chmod(0o600)
        (self.lab.directory / seat.name / "state" / "networks").unlink(missing_ok=True)
        began = time.monotonic()
        self.daemons.append((seat, self.run_daemon(
            seat, [str(self.build / "culvert-agent"), "--config", str(config)], "agent")))
        return began

    def session(self, seat) -> dict:
        done = subprocess.run(self.status_command(seat, "--json"), capture_output=True, text=True)
        return json.loads(done.stdout)["session"] if done.returncode == 0 else {"why": done.stderr}

    def wait_until_up(self, seat, began, limit):
        """(session, seconds since `began`), or (what it said last, None)."""
        while True:
            session = self.session(seat)
            took = time.monotonic() - began
            if session.get("state") == "up":
                return session, took
            if took > limit:
                return session, None
            time.sleep(0.02)  # asks the product, which has no event to wait for

    def program(self, seat, *words) -> list[str]:
        return self.command_at(seat, ["python3", *map(str, words)])

    def pace_through(self, seat, what, number) -> list[str]:
        return self.program(seat, PACE, what, ORDINARY, self.port, number)

    def end(self):
        self.wire.stdin.close()
        self.wire.wait()
