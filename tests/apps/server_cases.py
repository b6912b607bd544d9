"""Real servers of other kinds, published from under culvert run, and their own clients: pre-fork and
SO_REUSEPORT workers, socket activation, daemons that fork, TLS."""
import hashlib
import pathlib
import subprocess

from compare import Case
from servers import make_database, make_tls_web_server
from sites import NAME_B

CLIENTS = pathlib.Path(__file__).resolve().parent / "clients"
BIG = bytes(range(251)) * 20_000
GIT = "GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_SSL_CAINFO=$WORK/web/certificate git"


def make_bare_repository(folder: pathlib.Path, work: pathlib.Path):
    run = lambda *argv: subprocess.run(argv, check=True, capture_output=True, env={  # noqa: E731
        "PATH": "/usr/bin:/bin", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"})
    run("git", "init", "-q", "-b", "main", str(work))
    (work / "file").write_text("content\n" * 10_000)
    run("git", "-C", str(work), "add", ".")
    run("git", "-C", str(work), "-c", "user.name=a", "-c", "user.email=a@example.net", "commit",
        "-q", "-m", "first")
    run("git", "clone", "-q", "--bare", str(work), str(folder))
    run("git", "-C", str(folder), "update-server-info")


def make_rsync(directory: pathlib.Path) -> str:
    files = directory / "files"
    (files / "deep/er").mkdir(parents=True)
    for n in range(50):
        (files / "deep" / f"file-{n}").write_bytes(BIG[n:n * 1000])
    (files / "deep/er/large").write_bytes(BIG)
    (directory / "conf").write_text(f"use chroot = no\nuid = 0\ngid = 0\n[files]\npath = {files}\n")
    return f"exec rsync --daemon --no-detach --port=873 --config={directory}/conf"


def make_ftp(directory: pathlib.Path) -> str:
    """vsftpd as Debian has it: each session's process is in a chroot and in a sandbox."""
    (directory / "root/up").mkdir(parents=True)
    (directory / "empty").mkdir()
    (directory / "root/up").chmod(0o777)
    directory.chmod(0o755)
    (directory / "root/large").write_bytes(BIG)
    (directory / "conf").write_text(
        "listen=YES\nbackground=NO\nanonymous_enable=YES\nno_anon_password=YES\n"
        "write_enable=YES\nanon_upload_enable=YES\nanon_umask=022\n"
        f"anon_root={directory}/root\nsecure_chroot_dir={directory}/empty\n")
    return f"exec vsftpd {directory}/conf"


APPLICATION = """def application(environ, start_response):
    peer = "this machine" if environ["REMOTE_ADDR"] == "127.0.0.1" else "another machine"
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['REQUEST_METHOD']} of {len(body)} octets from {peer}\\n".encode()]
"""


def servers(work: pathlib.Path) -> list[str]:
    web = make_tls_web_server(work / "web", NAME_B)
    (work / "web/root/big").write_bytes(BIG)
    make_bare_repository(work / "web/root/repository.git", work / "original")
    (work / "application.py").write_text(APPLICATION)
    (work / "redis").mkdir()
    return [web,
            f"exec gunicorn --log-level error -w 3 -b 0.0.0.0:8000 --chdir {work} application:application",
            f"exec redis-server --port 6379 --bind 0.0.0.0 --protected-mode no --save '' "
            f"--dir {work}/redis --daemonize no",
            make_rsync(work / "rsync"),
            make_ftp(work / "ftp"),
            "exec iperf3 -s -p 5201",
            f"exec node {CLIENTS}/http_server.js 8080",
            "exec systemd-socket-activate -l 0.0.0.0:7100 -a --inetd /bin/cat",
            make_database(work / "database")]


DIGEST = hashlib.sha256(BIG).hexdigest()
RATES = ((r"[\d.]+ requests per second", "N requests per second"),
         (r"p50=[\d.]+ msec", "p50=N msec"))
PGBENCH = ((r"= [\d.]+( ms|)( \(.*)?", "= N"), (r"\d+\.\d+ s ", "N s "))
IPERF = """import json, sys
end = json.load(sys.stdin)["end"]
sent, got = end["sum_sent"]["bytes"], end["sum_received"]["bytes"]
# The receiver stops counting when the sender has written its last octet.
print("megabytes received" if sent >= 30_000_000 and got >= 4_000_000 else f"{got} of {sent}")"""

CASES = [
    Case("nginx's forked workers share a listening port",
         "for n in $(seq 40); do curl -sS http://$CULVERT_B/big | sha256sum; done | sort | uniq -c",
         must_show=f"40 {DIGEST}"),
    Case("nginx's workers with SO_REUSEPORT are all reached",
         "curl -sS --parallel $(seq -f http://$CULVERT_B:8081/?%g 40) 2>/dev/null | sort | uniq -c",
         must_show="40 hello"),
    Case("wget fetches over http, and over https with the certificate of the virtual name",
         "wget -q -O- http://$CULVERT_B/ && wget -q --ca-certificate=$WORK/web/certificate -O- "
         "https://$CULVERT_B/big | sha256sum", must_show=DIGEST),
    Case("curl refuses a certificate that it does not know", "curl -sS https://$CULVERT_B/ 2>&1",
         must_show="(60)"),
    Case("git clones over https",
         f"{GIT} clone -q https://$CULVERT_B/repository.git $WORK/clone 2>&1 && "
         "git -C $WORK/clone log --format='%H %s' && sha256sum <$WORK/clone/file", must_show="first"),
    Case("gunicorn's forked workers answer, and see another machine as peer",
         "for n in $(seq 20); do head -c ${n}000 /dev/zero | curl -sS --data-binary @- "
         "http://$CULVERT_B:8000/; done", must_show="POST of 20000 octets from another machine"),
    Case("redis-cli stores and reads, also in a pipeline",
         "redis-cli -h $CULVERT_B set a b && redis-cli -h $CULVERT_B get a && "
         "seq 20000 | sed 's/.*/set k& v&/' | redis-cli -h $CULVERT_B --pipe 2>&1 && "
         "redis-cli -h $CULVERT_B dbsize", must_show="20001"),
    Case("redis-benchmark runs with fifty connections",
         "redis-benchmark -h $CULVERT_B -c 50 -n 3000 -q -t ping_inline,lpush 2>&1 | "
         "tr '\\r' '\\n' | grep 'per second'", RATES, "LPUSH"),
    Case("pgbench connects anew for each transaction",
         "export PGHOST=$CULVERT_B PGUSER=postgres PGDATABASE=postgres PGCONNECT_TIMEOUT=15; "
         "pgbench -i -q -I dtGv 2>&1 | grep -v 'done in' ; pgbench -n -C -c 4 -t 25 2>&1 | "
         "grep -v latency", PGBENCH, "100/100"),
    Case("rsync copies a tree from a daemon, and then nothing more",
         "rsync -a rsync://$CULVERT_B/files/ $WORK/copy/ 2>&1 && cd $WORK/copy && "
         "find . -type f | sort | xargs sha256sum && "
         "rsync -ai rsync://$CULVERT_B/files/ $WORK/copy/ 2>&1", must_show=DIGEST),
    *[Case(f"curl fetches from vsftpd and stores there, {how}",
           f"curl -sS {options} ftp://$CULVERT_B/large | sha256sum && "
           f"curl -sS {options} -T $WORK/web/root/big "
           f"ftp://$CULVERT_B/up/{how[3:]} 2>&1 && echo stored",
           must_show=f"{DIGEST}  -\nstored")
      for how, options in (("by EPSV", ""), ("by PASV", "--disable-epsv"), ("by EPRT", "-P -"),
                           ("by PORT", "-P - --disable-eprt"))],
    Case("vsftpd calls a curl back that is in a namespace",
         "$CULVERT_NAMESPACE curl -sS -P - ftp://$CULVERT_B/large | sha256sum", must_show=DIGEST),
    *[Case(f"iperf3 sends thirty megabytes {how}",
           f"iperf3 -c $CULVERT_B -p 5201 -n 30M {options} -J | python3 -c '{IPERF}'",
           must_show="megabytes received")
      for how, options in (("up", ""), ("down", "-R"), ("in four streams", "-P 4"))],
    Case("Node's http server answers, and sees another machine as peer",
         "head -c 300000 /dev/zero | curl -sS --data-binary @- http://$CULVERT_B:8080/",
         must_show="POST of 300000 octets"),
    Case("a socket that was activated for a program is published",
         "for n in 1 2 3; do echo line $n | nc -N $CULVERT_B 7100; done", must_show="line 3"),
]
