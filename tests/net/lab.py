"""Hosts as network namespaces, and the processes in them. Knows nothing of Culvert.

Each host is one process in namespaces of its own (network, mounts, pids, IPC): whatever runs in the
host dies with it, and the host dies with the lab, however the lab ends. Nothing of the machine is
touched: /run and /dev/shm are fresh in each host, /etc/hosts and /etc/resolv.conf are bound over.
"""
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """Says what failed and what to do; the caller prints it and ends."""


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def add_system_folders():
    """nft, sshd, nginx live in sbin, which is not in an ordinary user's PATH."""
    path = os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin").split(":")
    path += [folder for folder in ("/usr/sbin", "/sbin") if folder not in path]
    os.environ["PATH"] = ":".join(path)


def why_impossible() -> str | None:
    """Why this machine cannot make the hosts, or None if it can. Tries what Host does."""
    add_system_folders()
    for tool in ("unshare", "nsenter", "setpriv", "ip", "nft", "sysctl", "dnsmasq"):
        if not shutil.which(tool):
            return f"the program {tool} is missing (run tools/install-packages --test)"
    probe = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "--net",
             "--mount", "--pid", "--ipc", "--fork", "--mount-proc", "sh", "-c",
             "mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /dev/shm && ip link add one "
             "type veth peer name two && nft add table ip probe && sysctl -qw net.ipv4.ip_forward=1"]
    done = subprocess.run(probe, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return f"network namespaces with nftables are not permitted here ({reason})"
    return None


def become_root_in_namespace():
    """An ordinary user runs the lab inside a user namespace where he is root."""
    if os.geteuid() != 0:
        os.environ["CULVERT_LAB_USER"] = f"{os.geteuid()}:{os.getegid()}"
        os.execvp("unshare", ["unshare", "--user", "--map-root-user", sys.executable, *sys.argv])


def ordinary_user() -> tuple[int, int] | None:
    """Who started the lab, if that was not root. In the lab's user namespace he looks like root, and
    has no other user: programs that drop privileges need to be started as him again."""
    given = os.environ.get("CULVERT_LAB_USER")
    if not given:
        return None
    uid, gid = given.split(":")
    return int(uid), int(gid)


class Host:
    def __init__(self, lab: "Lab", name: str):
        self.lab, self.name = lab, name
        self.processes: list[subprocess.Popen] = []
        self.etc = lab.directory / name / "etc"
        self.etc.mkdir(parents=True)
        (self.etc / "hosts").write_text(f"127.0.0.1 localhost {name}\n::1 localhost\n")
        (self.etc / "resolv.conf").write_text("")
        script = f"""set -e
            resolver=$(realpath -m /etc/resolv.conf)
            mount -t tmpfs -o mode=1777 tmpfs /run
            mount -t tmpfs -o mode=1777 tmpfs /dev/shm
            mkdir -p /run/sshd
            case $resolver in /run/*) mkdir -p "$(dirname "$resolver")"; : >"$resolver" ;; esac
            mount --bind '{self.etc}/hosts' /etc/hosts
            mount --bind '{self.etc}/resolv.conf' "$resolver"
            # Otherwise each interface has one more address 1 to 2 s after it is up, and a browser gives up
            # what it is fetching then (ERR_NETWORK_CHANGED), natively too.
            for scope in /proc/sys/net/ipv6/conf/all /proc/sys/net/ipv6/conf/default; do
                if [ -d $scope ]; then echo 0 >$scope/accept_dad; fi
            done
            ip link set lo up
            echo ready
            exec sleep infinity >/dev/null"""
        errors = lab.directory / name / "holder.log"
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--ipc", "--fork", "--mount-proc",
             "--kill-child=KILL", "sh", "-c", script],
            preexec_fn=die_with_parent, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=open(errors, "w"))
        if self.holder.stdout.readline() != b"ready\n":
            raise LabError(f"the host {name} did not come up: {errors.read_text().strip()}")
        children = pathlib.Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children")
        self.pid = int(children.read_text().split()[0])

    def inside(self, argv: list[str]) -> list[str]:
        return ["nsenter", f"--target={self.pid}", "--net", "--mount", "--pid",
                "--ipc", f"--wdns={os.getcwd()}", "--", *argv]

    def run(self, *argv: str, **options) -> subprocess.CompletedProcess:
        done = subprocess.run(self.inside(list(argv)), capture_output=True, text=True, **options)
        if done.returncode != 0:
            raise LabError(f"{self.name}: {' '.join(argv)}: {done.stderr.strip()}")
        return done

    def spawn(self, argv: list[str], log: str, **options) -> subprocess.Popen:
        out = open(self.lab.directory / self.name / f"{log}.log", "ab")
        process = subprocess.Popen(self.inside(argv), stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=out, preexec_fn=die_with_parent, **options)
        process.log = pathlib.Path(out.name)
        self.processes.append(process)
        return process

    def spawn_daemon(self, argv: list[str], log: str, environment=None, limit=20.0):
        """Runs a program that tells its readiness by sd_notify, and waits for that."""
        path = self.lab.directory / self.name / f"{log}.notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            path.unlink(missing_ok=True)  # of an earlier run of the same daemon
            notify.bind(str(path))
            os.chmod(path, 0o777)
            notify.settimeout(0.1)
            process = self.spawn(argv, log, env={**(environment or os.environ),
                                                 "NOTIFY_SOCKET": str(path)})
            deadline = time.monotonic() + limit
            while time.monotonic() < deadline:
                try:
                    if b"READY=1" in notify.recv(4096):
                        return process
                except TimeoutError:
                    if process.poll() is not None:
                        break
        raise LabError(f"{self.name}: {argv[0]} did not become ready:\n" + tail(process.log))

    def stop(self, process: subprocess.Popen, limit=10.0) -> int:
        """Asks a process of spawn() to end, and gives its exit status."""
        if process.poll() is None:
            # What we started is nsenter, which waits for its child and does not pass signals on.
            below = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            os.kill(int((below.split() or [process.pid])[0]), signal.SIGTERM)
        try:
            return process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            raise LabError(f"{self.name}: {process.args[-1]} did not end within {limit:.0f} s of "
                           f"SIGTERM\n{tail(process.log)}") from None

    def end(self):
        # The first process of a pid namespace: the kernel ends all others before it is gone.
        if self.holder.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
        for process in [self.holder, *self.processes]:
            process.wait()

    def listeners(self) -> dict[str, int]:
        """Listening TCP sockets, as the kernel writes their address, with their port. Not those
        on virtual addresses (127.64.0.0/10): these are held connects of an agent."""
        found = {}
        for table in ("tcp", "tcp6"):
            for line in pathlib.Path(f"/proc/{self.pid}/net/{table}").read_text().splitlines()[1:]:
                local, state = line.split()[1], line.split()[3]
                held = len(local) == 13 and local[6:8] == "7F" and int(local[4:6], 16) & 0xC0 == 64
                if state == "0A" and not held:
                    found[local] = int(local.split(":")[1], 16)
        return found

    def wait_for_listener(self, process, before, what: str, limit=20.0) -> set[int]:
        """Gives the ports that are new since `before` (an earlier listeners())."""
        deadline = time.monotonic() + limit
        while not (new := {port for local, port in self.listeners().items() if local not in before}):
            if process.poll() is not None:
                raise LabError(f"{what}: ended with status {process.returncode} before it "
                               f"listened\n{tail(process.log)}")
            if time.monotonic() > deadline:
                raise LabError(f"{what}: listens on nothing after {limit:.0f} s\n{tail(process.log)}")
            time.sleep(0.02)  # polling a kernel table that has no event
        return new


class LocalHost(Host):
    """Stands in where namespaces are not permitted: this machine itself, with its own folder."""

    def __init__(self, lab: "Lab", name: str):
        self.lab, self.name, self.pid = lab, name, "self"
        self.processes: list[subprocess.Popen] = []
        (lab.directory / name).mkdir()

    def inside(self, argv: list[str]) -> list[str]:
        return argv

    def spawn(self, argv, log, **options):
        return super().spawn(argv, log, start_new_session=True, **options)

    def end(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def tail(path, lines=20) -> str:
    try:
        return "\n".join(pathlib.Path(path).read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


class Lab:
    """`with Lab() as lab:` everything made inside is gone afterwards."""

    def __init__(self):
        place = tempfile.gettempdir()
        if place.startswith("/run/"):
            place = "/tmp"  # hosts have a /run of their own
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="culvert-lab-", dir=place))
        os.chmod(self.directory, 0o755)
        self.hosts: list[Host] = []
        self.made: list[pathlib.Path] = []

    def __enter__(self):
        self.handlers = {number: signal.signal(number, self._on_signal)
                         for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
        return self

    @staticmethod
    def _on_signal(number, _frame):
        raise SystemExit(128 + number)

    def __exit__(self, *_):
        for number in self.handlers:
            signal.signal(number, signal.SIG_IGN)
        for host in self.hosts:
            host.end()
        for folder in self.made:
            folder.rmdir()
        shutil.rmtree(self.directory, ignore_errors=True)
        for number, handler in self.handlers.items():
            signal.signal(number, handler)

    def need_folder(self, path: str):
        """A folder of the machine; removed at the end if it was not there."""
        folder = pathlib.Path(path)
        if not folder.exists():
            folder.mkdir()
            self.made.append(folder)

    def host(self, name: str, kind=Host) -> Host:
        host = kind(self, name)
        self.hosts.append(host)
        return host

    @staticmethod
    def wire(one: Host, one_interface: str, one_address: str,
             other: Host, other_interface: str, other_address: str):
        """A cable between two hosts, made inside the first so that no name meets the machine's."""
        # Not in the host's pid namespace: the peer is named by the pid that we see.
        subprocess.run(["nsenter", f"--target={one.pid}", "--net", "--", "ip", "link", "add",
                        one_interface, "type", "veth", "peer", "name", other_interface,
                        "netns", str(other.pid)], check=True, capture_output=True)
        for host, interface, address in ((one, one_interface, one_address),
                                         (other, other_interface, other_address)):
            host.run("ip", "addr", "add", address, "dev", interface)
            host.run("ip", "link", "set", interface, "up")
