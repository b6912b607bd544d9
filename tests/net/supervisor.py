#!/usr/bin/env python3
"""A small service manager: starts a daemon, keeps what it stores (sd_notify FDSTORE=1), and hands that
to the next process (LISTEN_FDS), as systemd does for Type=notify with FileDescriptorStoreMax=.

`supervisor.py exec FD,FD... PROGRAM ...` is its helper inside the host's namespaces.
"""
import array
import os
import pathlib
import socket
import sys
import threading

FIRST = 3  # SD_LISTEN_FDS_START


class Supervisor:
    def __init__(self, host, argv, log):
        self.host, self.argv, self.log = host, argv, log
        self.store: list[tuple[int, str]] = []
        self.process = None
        path = host.lab.directory / host.name / f"{log}.notify"
        self.path = path
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(path))
        os.chmod(path, 0o777)
        self.ready = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        room = socket.CMSG_SPACE(253 * array.array("i").itemsize)
        while True:
            text, ancillary, _, _ = self.notify.recvmsg(65536, room, socket.MSG_CMSG_CLOEXEC)
            descriptors = array.array("i")
            for _, kind, data in ancillary:
                if kind == socket.SCM_RIGHTS:
                    descriptors.frombytes(data[:len(data) - len(data) % descriptors.itemsize])
            said = dict(line.split("=", 1) for line in text.decode().splitlines() if "=" in line)
            name = said.get("FDNAME", "stored")
            if "FDSTOREREMOVE" in said:
                self.forget(name)
            if "FDSTORE" in said:
                self.store += [(one, name) for one in descriptors]
            else:
                for one in descriptors:  # BARRIER=1: everything before it has been dealt with
                    os.close(one)
            if "READY" in said:
                self.ready.set()

    def forget(self, name=None):
        for one, its_name in self.store:
            if name in (None, its_name):
                os.close(one)
        self.store = [entry for entry in self.store if name not in (None, entry[1])]

    def lose_state(self):
        """As if the state were of another version: the sockets are kept, and nobody knows what for."""
        for entry in list(self.store):
            if os.readlink(f"/proc/self/fd/{entry[0]}").startswith("/memfd:"):
                os.close(entry[0])
                self.store.remove(entry)

    def start(self, limit=20.0):
        self.ready.clear()
        given = [one for one, _ in self.store]
        environment = {**os.environ, "NOTIFY_SOCKET": str(self.path),
                       "LISTEN_FDNAMES": ":".join(name for _, name in self.store)}
        helper = [sys.executable, str(pathlib.Path(__file__).resolve()), "exec",
                  ",".join(map(str, given))]
        self.process = self.host.spawn([*helper, *self.argv], self.log, env=environment,
                                       pass_fds=given)
        if not self.ready.wait(limit):
            raise RuntimeError(f"{self.argv[0]} did not become ready: {self.process.log.read_text()}")
        return self.process

    def end(self) -> int:
        return self.host.stop(self.process)

    def restart(self, meanwhile=None) -> int:
        """systemctl restart. Gives the exit status of the process that ended."""
        status = self.end()
        if meanwhile:
            meanwhile()
        self.start()
        return status

    def stop(self) -> int:
        """systemctl stop: what was stored is dropped."""
        status = self.end()
        self.forget()
        return status


def run_with(given: list[int], argv: list[str]):
    high = max([FIRST + len(given), *given]) + 1
    for number, one in enumerate(given):
        os.dup2(one, high + number)
    for number in range(len(given)):
        os.dup2(high + number, FIRST + number, inheritable=True)
    os.closerange(FIRST + len(given), high + len(given))
    if given:
        os.environ["LISTEN_PID"] = str(os.getpid())
        os.environ["LISTEN_FDS"] = str(len(given))
    else:
        os.environ.pop("LISTEN_FDNAMES", None)
    os.execvp(argv[0], argv)


if __name__ == "__main__":
    run_with([int(one) for one in sys.argv[2].split(",") if one], sys.argv[3:])
