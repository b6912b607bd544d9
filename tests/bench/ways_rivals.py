"""What people use today where only a proxy leads out, each with a program's connection led through it."""
import pathlib
import shutil
import subprocess

from lab import die_with_parent
from servers import login_name, make_sshd
from ways_world import ORDINARY_ADDRESS, PACE

TITLES = ("httptunnel", "wstunnel", "ssh + corkscrew", "ssh + proxytunnel", "ssh + nc")
HTS = "203.0.113.1"  # the ordinary host has a web server on that port
PROXIES_OF_WSTUNNEL = pathlib.Path(__file__).resolve().parent / "wstunnel_url.js"
PORTS = {title: 7100 + number for number, title in enumerate(TITLES)}


class Rivals:
    """Their far ends are next to what is talked to: sshd and wstunnel on port 443, hts on port 80."""

    def __init__(self, world):
        self.world, self.running, self.far = world, {}, []
        self.sshd = make_sshd(world.lab.directory / "rival-sshd", port=443)
        before = world.ordinary.listeners()
        world.ordinary.wait_for_listener(
            world.ordinary.spawn(["sh", "-c", self.sshd.command], "sshd"), before, "sshd")

    def start(self, row, box, address):
        """Those that speak to such a middlebox, at once."""
        for title in self.fitting(row, box):
            options = {"cwd": "/", "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
                       "stderr": subprocess.DEVNULL, "preexec_fn": die_with_parent}
            if title == "httptunnel":
                self.far.append(self.world.net.spawn(
                    ["hts", "-w", "-F", f"{ORDINARY_ADDRESS}:{self.world.port}", "80"], "hts"))
            if title == "wstunnel":
                self.far.append(self.world.net.spawn(["wstunnel", "-s", f"{HTS}:443"], "wstunnel"))
            self.running[title] = subprocess.Popen(
                self.world.a.inside(self.command(title, row, box, address)), **options)

    def fitting(self, row, box):
        if row.announced.startswith("SOCKS"):
            programs = {"ssh + nc": "nc", **({"wstunnel": "wstunnel"} if row.announced == "SOCKS5" else {})}
            return [title for title, program in programs.items() if shutil.which(program)]
        programs = {"httptunnel": "htc", "wstunnel": "wstunnel", "ssh + corkscrew": "corkscrew",
                    **({"ssh + proxytunnel": "proxytunnel"} if row.thorough else {})}
        return [title for title, program in programs.items()
                if row.speaks_connect and shutil.which(program)]

    def command(self, title, row, box, address):
        if title == "httptunnel":
            return ["htc", "-w", "-F", str(PORTS[title]), "-P", f"{address}:{box.port}",
                    f"{HTS}:80"]
        if title == "wstunnel":
            kind = "socks" if row.announced.startswith("SOCKS") else "http"
            return ["env", f"NODE_OPTIONS=--require={PROXIES_OF_WSTUNNEL}", "wstunnel", "-t",
                    f"127.0.0.1:{PORTS[title]}:{ORDINARY_ADDRESS}:{self.world.port}",
                    "-p", f"{kind}://{address}:{box.port}", f"ws://{HTS}:443"]
        proxy = {"ssh + corkscrew": f"corkscrew {address} {box.port} %h %p",
                 "ssh + proxytunnel": f"proxytunnel -q -p {address}:{box.port} -d %h:%p",
                 "ssh + nc": f"nc -X {row.announced[-1]} -x {address}:{box.port} %h %p"}[title]
        return ["ssh", "-F", "/dev/null", "-N", "-T", "-i", str(self.sshd.key), "-p", "443", "-l",
                login_name(), "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={self.sshd.known_hosts}",
                "-o", "StrictHostKeyChecking=yes", "-o", f"ProxyCommand={proxy}", "-c",
                "aes128-gcm@openssh.com", "-L",
                f"127.0.0.1:{PORTS[title]}:{ORDINARY_ADDRESS}:{self.world.port}", ORDINARY_ADDRESS]

    def pace(self, title, what, number):
        return self.world.a.inside(["python3", PACE, what, "127.0.0.1", str(PORTS[title]), str(number)])

    def stop(self):
        for process in self.running.values():
            self.world.a.stop(process)
        self.running = {}
        for process in self.far:
            self.world.net.stop(process)
        self.far = []
