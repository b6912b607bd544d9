"""Real servers with throw-away configuration: nginx and sshd, as shell commands for a site."""
import dataclasses
import os
import pathlib
import pwd
import subprocess

from lab import LabError, ordinary_user


def runs_as_root() -> bool:
    """Whether these servers will be root: not in the namespace of an ordinary user's lab."""
    return os.geteuid() == 0 and ordinary_user() is None


def login_name() -> str:
    """Whom sshd lets in: the user that it runs as."""
    user = ordinary_user()
    return pwd.getpwuid(user[0] if user else os.geteuid()).pw_name


def make_web_server(directory: pathlib.Path, port=80, page="hello from behind a firewall\n") -> str:
    (directory / "root").mkdir(parents=True)
    (directory / "root" / "index.html").write_text(page)
    user = "user root;" if runs_as_root() else ""
    temporary = "".join(f"{kind}_temp_path {directory}/tmp; "
                        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (directory / "nginx.conf").write_text(
        f"daemon off; {user} pid {directory}/pid; error_log stderr; worker_processes 1;\n"
        "events { worker_connections 256; }\n"
        f"http {{ access_log {directory}/access.log; {temporary}\n"
        f"  server {{ listen {port}; listen [::]:{port}; root {directory}/root; }} }}\n")
    return f"exec nginx -p {directory} -e stderr -c {directory}/nginx.conf"


def make_tls_web_server(directory: pathlib.Path, name: str) -> str:
    """nginx with three workers: port 80, 443 with a certificate for `name`, 8081 with a listening
    socket for each worker (SO_REUSEPORT)."""
    command = make_web_server(directory)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName=DNS:{name}", "-keyout", str(directory / "key"),
                    "-out", str(directory / "certificate")], check=True, capture_output=True)
    conf = directory / "nginx.conf"
    more = (f"listen 443 ssl; ssl_certificate {directory}/certificate; "
            f"ssl_certificate_key {directory}/key; listen 8081 reuseport; root ")
    text = conf.read_text().replace("worker_processes 1", "worker_processes 3")
    conf.write_text(text.replace("; root ", f"; {more}"))
    return command


@dataclasses.dataclass
class Sshd:
    command: str
    key: pathlib.Path
    known_hosts: pathlib.Path


def make_sshd(directory: pathlib.Path, port=22) -> Sshd:
    directory.mkdir(parents=True)
    for name in ("host", "client"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f",
                        str(directory / name)], check=True)
    (directory / "authorized_keys").write_text((directory / "client.pub").read_text())
    (directory / "sshd_config").write_text(
        f"Port {port}\nHostKey {directory}/host\nAuthorizedKeysFile {directory}/authorized_keys\n"
        "PasswordAuthentication no\nPermitRootLogin yes\nStrictModes no\nUsePAM no\nPidFile none\n"
        "UseDNS no\nPrintMotd no\n")
    host_key = " ".join((directory / "host.pub").read_text().split()[:2])
    (directory / "known_hosts").write_text(f"* {host_key}\n")
    return Sshd(f"exec /usr/sbin/sshd -D -e -f {directory}/sshd_config", directory / "client",
                directory / "known_hosts")


def ssh_command(sshd: Sshd, port: int, host: str, command: str) -> list[str]:
    return ["ssh", "-F", "/dev/null", "-i", str(sshd.key), "-p", str(port), "-l", login_name(),
            "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={sshd.known_hosts}",
            "-o", "StrictHostKeyChecking=yes", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=20",
            host, command]


def make_database(directory: pathlib.Path, port=5432) -> str:
    """A PostgreSQL cluster that trusts everybody, run by an ordinary user: it refuses root."""
    programs = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        raise LabError("initdb is missing: run tools/install-packages --test")
    directory.mkdir(parents=True)
    binaries, data = programs[-1].parent, directory / "data"
    as_user, user = [], ordinary_user()
    if runs_as_root():
        nobody = pwd.getpwnam("nobody")
        os.chown(directory, nobody.pw_uid, nobody.pw_gid)
        as_user = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}",
                   "--clear-groups"]
    elif user:
        as_user = ["unshare", "--user", f"--map-user={user[0]}", f"--map-group={user[1]}"]
    done = subprocess.run([*as_user, str(binaries / "initdb"), "-D", str(data), "-U", "postgres",
                           "-A", "trust", "--no-sync", "--locale=C", "-E", "UTF8"],
                          capture_output=True, text=True, cwd="/")
    if done.returncode != 0:
        raise LabError(f"initdb: {done.stderr.strip()}")
    with open(data / "pg_hba.conf", "a") as access:
        access.write("host all all 0.0.0.0/0 trust\nhost all all ::/0 trust\n")
    drop = " ".join(as_user) if runs_as_root() else ""
    return (f"exec {drop} {binaries}/postgres -D {data} -p {port} -k {directory} -F "
            "-c listen_addresses='*'")
