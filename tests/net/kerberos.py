"""A Kerberos realm of its own: a real KDC on a host of a lab, a keytab for a service there, tickets
for a user."""
import os
import pathlib
import subprocess

from lab import Host, LabError, ordinary_user
from middleboxes import NOBODY, as_somebody

REALM = "SITE.TEST"
PORT = 8890


class Realm:
    def __init__(self, host: Host, address: str, directory: pathlib.Path):
        self.directory = directory
        directory.mkdir()
        if ordinary_user() is None:
            os.chown(directory, NOBODY, NOBODY)
        (directory / "krb5.conf").write_text(
            f"[libdefaults]\n  default_realm = {REALM}\n  dns_lookup_kdc = false\n"
            "  dns_canonicalize_hostname = false\n  rdns = false\n  udp_preference_limit = 1\n"
            f"[realms]\n  {REALM} = {{\n    kdc = {address}:{PORT}\n  }}\n")
        (directory / "kdc.conf").write_text(
            f"[kdcdefaults]\n  kdc_listen = {PORT}\n  kdc_tcp_listen = {PORT}\n"
            f"[realms]\n  {REALM} = {{\n    database_name = {directory}/principal\n"
            f"    key_stash_file = {directory}/stash\n    acl_file = {directory}/acl\n  }}\n")
        self.environment = {**os.environ, "KRB5_CONFIG": str(directory / "krb5.conf"),
                            "KRB5_KDC_PROFILE": str(directory / "kdc.conf")}
        self._run("/usr/sbin/kdb5_util", "create", "-s", "-P", "master", "-r", REALM)
        self.keytab = directory / "keytab"
        self.principal = f"HTTP/{address}@{REALM}"
        for query in ("addprinc -pw secret alice", f"addprinc -randkey HTTP/{address}",
                      f"ktadd -k {self.keytab} HTTP/{address}"):
            self._run("/usr/sbin/kadmin.local", "-r", REALM, "-q", query)
        self.kdc = host.spawn(as_somebody(["/usr/sbin/krb5kdc", "-n", "-r", REALM]), "kdc",
                              env=self.environment)
        while PORT not in host.wait_for_listener(self.kdc, set(), "the KDC"):
            pass

    def _run(self, *argv: str):
        done = subprocess.run(as_somebody(list(argv)), env=self.environment, capture_output=True,
                              text=True)
        if done.returncode != 0:
            raise LabError(f"{' '.join(argv)}: {done.stdout}{done.stderr}")

    def cache(self) -> str:
        return str(self.directory / "tickets")

    def log_in(self, host: Host, user="alice", password="secret"):
        done = subprocess.run(host.inside(["kinit", "-c", self.cache(), user]), text=True,
                              env=self.environment, input=password + "\n", capture_output=True)
        if done.returncode != 0:
            raise LabError(f"kinit: {done.stdout}{done.stderr}")

    def log_out(self):
        pathlib.Path(self.cache()).unlink(missing_ok=True)

    def for_agent(self) -> dict[str, str]:
        return {"KRB5_CONFIG": self.environment["KRB5_CONFIG"],
                "KRB5CCNAME": f"FILE:{self.cache()}"}
