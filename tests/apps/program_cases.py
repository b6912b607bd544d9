"""Real, unmodified programs as cases: curl, telnet, nc, ssh, git over ssh, psql against a real
PostgreSQL, Python asyncio, Node."""
import hashlib
import os
import pathlib
import subprocess

from compare import Case
from servers import login_name, make_database, make_sshd, make_web_server

CLIENTS = pathlib.Path(__file__).resolve().parent / "clients"
SSH = f"ssh -F $WORK/ssh_config -l {login_name()}"
GIT = f"GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_SSH_COMMAND='{SSH}' git"


def plain_servers(work) -> list[str]:
    """Those that need no user who can log in."""
    web = make_web_server(work / "web")
    (work / "web/root/big").write_bytes(BIG)
    return [web, f"exec python3 {CLIENTS}/echo_server.py 7000"]


def servers(work) -> list[str]:
    sshd = make_sshd(work / "ssh")
    (work / "ssh_config").write_text(
        f"Host *\n  IdentityFile {sshd.key}\n  UserKnownHostsFile {sshd.known_hosts}\n"
        "  BatchMode yes\n  LogLevel ERROR\n  CheckHostIP no\n")
    (work / "mosh").write_text(
        f"""export LC_ALL=C.UTF-8 TERM=xterm; stty rows 24 cols 80
exec mosh --ssh="{SSH}" $CULVERT_B -- sh -c 'echo mosh says $((6 * 7)); sleep 1'
""")
    make_repository(work / "repository")
    return [*plain_servers(work), sshd.command, make_database(work / "database")]


def make_repository(directory):
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
                   "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
                   "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}
    git = ["git", "-C", str(directory), "-c", "user.name=a", "-c", "user.email=a@example.net"]
    subprocess.run(["git", "init", "-q", "-b", "main", str(directory)], check=True,
                   env=environment)
    (directory / "file").write_text("content\n" * 10_000)
    subprocess.run([*git, "add", "."], check=True, env=environment)
    subprocess.run([*git, "commit", "-q", "-m", "first"], check=True, env=environment)


def sha256(data: bytes) -> str:
    """As sha256sum prints it: shows that something arrived, not only the same nothing twice."""
    return hashlib.sha256(data).hexdigest()


BIG = bytes(range(256)) * 40_000
COUNTED = b"".join(b"%d\n" % n for n in range(1, 100_001))
HASHED = b"".join(hashlib.md5(b"%d" % n).hexdigest().encode() + b"\n" for n in range(1, 200_001))

PLAIN_CASES = [  # need plain_servers() alone
    Case("curl fetches a page", "curl -sS http://$CULVERT_B/ 2>&1", must_show="hello from behind"),
    Case("curl sees the same headers", "curl -sSI http://$CULVERT_B/ 2>&1",
         ((r"(Date|Last-Modified|ETag): .*", r"\1"),), "200 OK"),
    Case("curl downloads ten megabytes unchanged",
         "curl -sS http://$CULVERT_B/big | sha256sum", must_show=sha256(BIG)),
    Case("openssl tells that a name is unknown, and of no other error",
         "openssl s_client -connect nobody.$CULVERT_B:443 </dev/null 2>&1 | sed 's/^[0-9A-F]*://'",
         must_show="connect:errno=0"),
    Case("curl reports a closed port",
         "curl -sS -m 20 http://$CULVERT_B:81/ 2>&1", ((r"after \d+ ms", "after N ms"),), "(7)"),
    Case("curl reports a name that does not exist",
         "curl -sS -m 20 http://nobody.site-b.example.net/ 2>&1", must_show="(6)"),
    Case("curl reaches an ordinary host", "curl -sS http://$CULVERT_ORDINARY/ 2>&1",
         must_show="hello from an ordinary host"),
    Case("curl reports a closed port of an ordinary host",
         "curl -sS -m 20 http://$CULVERT_ORDINARY:81/ 2>&1", ((r"after \d+ ms", "after N ms"),), "(7)"),
    Case("curl's multi interface fetches twenty at once",
         "curl -sS --parallel $(seq -f http://$CULVERT_B/?%g 20) 2>/dev/null | sort | uniq -c",
         must_show="20 hello"),
    Case("nc sends, half-closes and gets everything back",
         "seq 100000 | nc -N $CULVERT_B 7000 | sha256sum", must_show=sha256(COUNTED)),
    Case("nc reports a closed port", "nc -v -w 20 $CULVERT_B 81 </dev/null 2>&1", must_show="refused"),
    Case("telnet connects, talks and sees the end",
         "(printf 'hello\\r\\n'; sleep 1) | telnet $CULVERT_B 7000 2>&1", must_show="hello"),
    Case("Python asyncio opens ok, refused and unknown at once while its loop goes on",
         f"python3 {CLIENTS}/asyncio_client.py $CULVERT_B 7000 81 2>&1", must_show="ConnectionRefused"),
    Case("dig finds a host by UDP and TCP, and no other data of it",
         "dig +short $CULVERT_B && dig +tcp +short $CULVERT_B && dig $CULVERT_B MX | grep -c 'NOERROR'",
         must_show="ADDRESS\nADDRESS\n1"),
    Case("dig hears at once that there is no such name",
         "dig nobody.site-b.example.net | grep -o 'status: [A-Z]*'", must_show="NXDOMAIN"),
    Case("dig finds the name of an address",
         "dig +short -x $(dig +short $CULVERT_B)", must_show="bravo.site-b"),
    Case("host finds hosts on both sides of the service",
         "host -t A $CULVERT_B && host -t A $CULVERT_ORDINARY", must_show="ordinary.test has address"),
    Case("Node's own resolver finds a host and tells what it does not find",
         f"node {CLIENTS}/resolve.js $CULVERT_B nobody.site-b.example.net 2>&1",
         must_show="ENOTFOUND"),
    Case("libc's DNS client finds the record of a host",
         f"python3 {CLIENTS}/res_query.py $CULVERT_B nobody.site-b.example.net", must_show="1 answer"),
    Case("Node's http client fetches and reports errors",
         f"node {CLIENTS}/http_client.js $CULVERT_B 2>&1", must_show="ECONNREFUSED"),
]

PSQL = "PGCONNECT_TIMEOUT=15 psql -X -h $CULVERT_B -U postgres -d postgres"
CASES = [
    *PLAIN_CASES,
    Case("ssh runs a command and passes its exit status",
         f"{SSH} $CULVERT_B 'echo hello; exit 7' 2>&1", must_show="exit status 7"),
    Case("ssh carries five megabytes both ways",
         f"head -c 5000000 /dev/zero | tr '\\0' x | {SSH} $CULVERT_B cat | sha256sum",
         must_show=sha256(b"x" * 5_000_000)),
    Case("ssh reports a closed port", f"{SSH} -p 81 $CULVERT_B true 2>&1", must_show="refused"),
    Case("mosh has a terminal behind the firewall",
         "script -qec 'sh $WORK/mosh' /dev/null </dev/null 2>&1 | "
         "grep -ao 'mosh says 42\\|mosh is exiting'", must_show="mosh says 42\nmosh is exiting"),
    Case("git clones over ssh",
         f"{GIT} clone -q $CULVERT_B:$WORK/repository $WORK/clone 2>&1 && "
         "git -C $WORK/clone log --format='%H %s' && sha256sum <$WORK/clone/file", must_show="first"),
    Case("git pushes over ssh",
         f"cd $WORK/clone && {GIT} push -q origin HEAD:refs/heads/copy 2>&1 && "
         f"{GIT} ls-remote origin 2>&1", must_show="refs/heads/copy"),
    Case("psql queries a real PostgreSQL",
         f"{PSQL} -c 'select sum(n) from generate_series(1, 100000) n' 2>&1", must_show="5000050000"),
    Case("psql copies a large result",
         f"{PSQL} -Atc 'select md5(n::text) from generate_series(1, 200000) n' 2>&1 | sha256sum",
         must_show=sha256(HASHED)),
    Case("psql reports a closed port",
         "PGCONNECT_TIMEOUT=15 psql -X -h $CULVERT_B -p 81 -U postgres -c 'select 1' 2>&1",
         must_show="refused"),
]
