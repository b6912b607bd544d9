"""Two sites whose agents survive restarts, and programs there that send datagrams (udp_party.py)."""
import json
import pathlib
import subprocess

from checks import eventually
from lab import LabError
from sites import Sites
from supervisor import Supervisor

PARTY = str(pathlib.Path(__file__).resolve().parent / "udp_party.py")


class UdpSites(Sites):
    def __init__(self, lab, **options):
        self.supervisors: dict[str, Supervisor] = {}
        super().__init__(lab, native=False, **options)

    def run_daemon(self, host, argv, log):
        one = self.supervisors[host.name] = Supervisor(host, [*argv, "--keep-for-restart"], log)
        return one.start()

    def stop_daemons(self):
        for name, supervisor in self.supervisors.items():
            if supervisor.stop() != 0:
                raise LabError(f"the daemon of {name} does not end in order\n{self.logs()}")


def published(sites, host) -> set[int]:
    done = subprocess.run(sites.status_command(host, "--json"), capture_output=True, text=True)
    return set(json.loads(done.stdout)["published_udp"])


class Party:
    def __init__(self, sites, host, port, how=()):
        self.sites, self.host, self.port = sites, host, port
        argv = [str(sites.build / "culvert"), "run", "--agent", str(sites.sockets[host.name]), *how, "--",
                "python3", PARTY, str(port)]
        self.process = subprocess.Popen(host.inside(sites.as_user(argv)), env=sites.environment(), text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if (said := self._line()) != "bound":
            raise LabError(f"a party at {host.name}, port {port}, says {said}\n{sites.logs()}")

    def _line(self) -> str:
        return self.process.stdout.readline().strip()

    def wait_until_published(self):
        if not eventually(lambda: self.port in published(self.sites, self.host)):
            raise LabError(f"{self.port} is not published at {self.host.name}\n{self.sites.logs()}")

    def answer(self) -> str:
        """Of what was told before."""
        return self._line()

    def tell(self, what: str):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()

    def ask(self, what: str) -> str:
        self.tell(what)
        return self._line()

    def call_until(self, other: "Party", call: str, text: str, heard: str) -> bool:
        """UDP loses what comes while somebody is away: programs send again."""
        for number in range(8):
            self.tell(f"{call} {text}")
            if (got := other.ask("hear")) == heard:
                return True
            if got != "nothing":
                print("# heard:", got, flush=True)
        return False

    def end(self):
        self.process.communicate()
