"""A proxy that opens under running connections. Knows nothing of Culvert."""
import pathlib
import signal
import subprocess

from middleboxes import Middleboxes, start

PAGES_ONLY = "http_access deny CONNECT\n"
UPGRADES = "http_upgrade_request_protocols websocket allow all\n"


def signal_child(process, number):
    """What a lab started is nsenter, whose child is the program."""
    below = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    subprocess.run(["kill", f"-{int(number)}", below[0]], check=True)


class OpeningProxy:
    """squid that passes pages only, until permit_connect()."""

    def __init__(self, host, make: Middleboxes):
        self.box = make.squid("squid-opens", rules=PAGES_ONLY + "http_access allow all\n")
        self.conf = make.directory / "squid-opens" / "squid.conf"
        self.conf.write_text(self.conf.read_text().replace(UPGRADES, ""))
        self.process = start(host, self.box)

    def permit_connect(self):
        self.conf.write_text(self.conf.read_text().replace(PAGES_ONLY, ""))
        signal_child(self.process, signal.SIGHUP)  # it reads its configuration again
