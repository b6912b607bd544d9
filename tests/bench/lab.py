"""The place where contenders run: a namespace of their own, processes that are surely ended, and
what the kernel says about their CPU time and memory. Knows no contender."""
import contextlib
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
LISTEN_PORTS = range(10000, 20000)   # outside the range that connects take theirs from
CONNECT_PORTS = "20000 65000"
ORDINARY_NAME = "ordinary.test"      # this machine, as a name that no virtual host has


class Unavailable(Exception):
    """A contender that cannot run here, and why: it is named as skipped."""


# --- the namespace ----------------------------------------------------------------------------

def unshare_command():
    """The command line that puts a program into fresh namespaces, or None where that is not
    permitted. The process namespace makes sure that nothing outlives the run."""
    flags = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    for user in ([], ["--user", "--map-root-user"]):
        command = ["unshare", *user, *flags, "--"]
        with contextlib.suppress(OSError):
            if subprocess.run([*command, "true"], stderr=subprocess.DEVNULL).returncode == 0:
                return command
    return None


def write(path, text):
    Path(path).write_text(text)
    return str(path)


def prepare_namespace(directory):
    """Inside: loopback up, one congestion control for all, names, a /run for daemons."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    ipv4 = Path("/proc/sys/net/ipv4")
    write(ipv4 / "tcp_congestion_control", "reno")
    write(ipv4 / "ip_local_port_range", CONNECT_PORTS)
    hosts = write(directory / "hosts", f"127.0.0.1 localhost\n127.0.0.1 {ORDINARY_NAME}\n")
    subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    os.mkdir("/run/sshd", 0o755)  # sshd separates its privileges there


def congestion_control():
    return Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()


# --- what the kernel counts ---------------------------------------------------------------------

def stat_fields(pid):
    """The fields of /proc/PID/stat from the third on (the second may hold spaces)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def family(pids):
    """These processes and all their descendants."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := stat_fields(entry)):
            children.setdefault(int(fields[1]), []).append(int(entry))
    out, todo = [], list(pids)
    while todo:
        pid = todo.pop()
        out.append(pid)
        todo += children.get(pid, [])
    return out


def cpu_seconds(pids):
    """User and system time of the family so far, ended and reaped children included."""
    total = 0
    for pid in family(pids):
        if fields := stat_fields(pid):
            total += sum(int(ticks) for ticks in fields[11:15])
    return total / TICKS


def private_bytes(pid):
    """Memory that is this process's own: its anonymous pages, shared ones in proportion."""
    values = {}
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
            key, value = line.split()[:2]
            values[key.rstrip(":")] = int(value) * 1024
    except OSError:
        return 0
    return values.get("Pss_Anon", values["Private_Dirty"]) + values.get("Pss_Shmem", 0)


# --- processes ----------------------------------------------------------------------------------

class Lab:
    """Starts programs, ends them in reverse order. One directory, gone afterwards."""

    def __init__(self, directory, programs):
        self.directory = Path(directory)
        self.programs = Path(programs)
        self.load = str(self.programs / "culvert-bench-load")
        self.processes = []
        self.ports = set()
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def path(self, name):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return path

    def find(self, *names):
        """Full paths of programs; Unavailable names the missing one."""
        search = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
        for name in names:
            if shutil.which(name, path=search) is None:
                raise Unavailable(f"{name} is not installed")
        found = [shutil.which(name, path=search) for name in names]
        return found[0] if len(found) == 1 else found

    def port(self):
        while True:
            port = random.choice(LISTEN_PORTS)
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                if port not in self.ports:
                    self.ports.add(port)
                    return port

    def spawn(self, command, name, **options):
        """A daemon in the foreground; its output goes to NAME.log."""
        with open(self.path(f"{name}.log"), "ab") as log:
            options = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log} | options
            process = subprocess.Popen([str(word) for word in command], **options)
        process.log_name = name
        self.processes.append(process)
        return process

    def spawn_notifying(self, command, name, seconds=15):
        """A daemon that says READY=1 to NOTIFY_SOCKET; back when it has."""
        path = str(self.path(f"{name}.ready"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(path)
            ready.settimeout(0.1)
            process = self.spawn(command, name, env=os.environ | {"NOTIFY_SOCKET": path})
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                with contextlib.suppress(TimeoutError):
                    if b"READY=1" in ready.recv(4096):
                        return process
                if process.poll() is not None:
                    break
        raise Unavailable(f"{name} did not become ready: {self.last_words(name)}")

    def last_words(self, name):
        with contextlib.suppress(OSError):
            lines = self.path(f"{name}.log").read_text(errors="replace").strip().splitlines()
            return " / ".join(lines[-3:]) or "it said nothing"
        return "no log"

    def run(self, command, seconds=20, **options):
        """A command that ends by itself; its standard output. Unavailable if it fails."""
        command = [str(word) for word in command]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds,
                                  **options)
        except subprocess.TimeoutExpired:
            raise Unavailable(f"no answer within {seconds} s: {' '.join(command)}") from None
        if done.returncode != 0:
            words = (done.stderr or done.stdout).strip().splitlines()[-3:]
            raise Unavailable(" / ".join(words) or f"status {done.returncode}: {command[0]}")
        return done.stdout

    def start_server(self):
        """The far program of all measurements; its port."""
        process = self.spawn([self.load, "serve", "127.0.0.1", self.port()], "load-server",
                             stdout=subprocess.PIPE)
        return int(process.stdout.readline())

    def end(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        until = time.monotonic() + 5
        for process in reversed(self.processes):
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def parse_line(text):
    return json.loads(text.strip().splitlines()[-1])


def temporary_directory():
    return Path(tempfile.mkdtemp(prefix="culvert-bench-"))
