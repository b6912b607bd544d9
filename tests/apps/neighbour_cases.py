"""What machines that know each other expect: names that confirm each other, and answers when called back."""
import pathlib
import subprocess

from compare import Case
from sites import NAME_A

CLIENTS = pathlib.Path(__file__).resolve().parent / "clients"
MARIADB = "mariadb --no-defaults -h $CULVERT_B -u somebody -psecret"


def make_mariadb(directory: pathlib.Path) -> str:
    """A user may come from site A's name alone: the server looks up who calls, both ways."""
    directory.mkdir()
    subprocess.run(["mariadb-install-db", "--no-defaults", "--skip-test-db", "--user=root",
                    "--auth-root-authentication-method=normal", f"--datadir={directory}"],
                   check=True, capture_output=True)
    (directory / "init.sql").write_text(
        f"CREATE DATABASE IF NOT EXISTS shop;\nGRANT ALL ON shop.* TO 'somebody'@'{NAME_A}' "
        "IDENTIFIED BY 'secret';\n")
    return (f"exec mariadbd --no-defaults --user=root --datadir={directory} --port=3306 "
            f"--bind-address=0.0.0.0 --socket={directory}/socket --init-file={directory}/init.sql")


def make_tftpd(directory: pathlib.Path) -> str:
    """Its TCP port, for DNS, shows that it is there. It answers each transfer from a port of its own."""
    directory.mkdir()
    (directory / "kernel").write_bytes(bytes(range(256)) * 1200 + b"the end")
    return ("exec dnsmasq --no-daemon --conf-file=/dev/null --no-resolv --no-hosts --pid-file= "
            f"--user=root --port=5354 --enable-tftp --tftp-root={directory}")


def servers(work: pathlib.Path) -> list[str]:
    return [make_mariadb(work / "mariadb"),
            make_tftpd(work / "tftp"),
            f"exec python3 {CLIENTS}/port_server.py 7041",
            f"exec python3 {CLIENTS}/dropped_privileges.py serve 7042",
            f"exec python3 {CLIENTS}/echo_server.py 7000",
            "exec iperf -s -p 5001",
            f"exec python3 {CLIENTS}/confirming_server.py 7040"]


def own_name(port: int) -> str:
    return ("python3 -c '"
            "import socket\n"
            f"name = \"{NAME_A}\"\n"
            "print(socket.gethostbyaddr(socket.gethostbyname(name))[0])\n"
            f"try: socket.create_connection((name, {port}), timeout=10)\n"
            "except OSError as error: print(error.strerror)'")

# Cluster software does so: each of its machines listens on the port that it calls on the others.
SAME_PORT = ("python3 -c '"
             "import os, socket\n"
             "with socket.create_server((\"\", 7000)):\n"
             "    with socket.create_connection((os.environ[\"CULVERT_B\"], 7000), timeout=10) as one:\n"
             "        print(\"calls port\", one.getpeername()[1])' 2>&1")

# Of this machine itself, where the agent knows at once that nobody listens.
REFUSED_LATER = ("python3 -c '"
                 "import errno, select, socket\n"
                 "one = socket.socket()\n"
                 "one.setblocking(False)\n"
                 f"print(errno.errorcode[one.connect_ex((\"{NAME_A}\", 99))])\n"
                 "select.select([], [one], [], 10)\n"
                 "print(errno.errorcode[one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)])' 2>&1")

# Both transfers are reported, natively as often as not after a word of the interval.
IPERF = ("iperf -c $CULVERT_B -p 5001 -d -n 2M -y C 2>/dev/null | "
         "awk -F, '$8 >= 2000000 { n++ } END { print n, \"ways\" }'")

CASES = [
    Case("a server's look-up of who calls is confirmed, and calling back is refused by a closed port",
         "nc -d $CULVERT_B 7040 2>&1", must_show=f"{NAME_A}, confirmed; port 1: Connection refused"),
    Case("a machine knows its own name though nothing is published there", own_name(99),
         must_show="Connection refused"),
    Case("a server sees the port that its caller has bound, a privileged one too",
         "nc -d -p 41234 $CULVERT_B 7041 2>&1; nc -d -p 1023 $CULVERT_B 7041 2>&1; "
         "nc -d -p 41234 $CULVERT_B 7041 2>&1",
         must_show=f"{NAME_A} from port 41234\n{NAME_A} from port 1023\n{NAME_A} from port 41234"),
    Case("sockets made as root are used by who has become another user, to listen and to call",
         f"python3 {CLIENTS}/dropped_privileges.py call $CULVERT_B 7042 2>&1",
         must_show="a stream of nobody's\na datagram of nobody's"),
    Case("a caller and its server agree on the caller's port, whoever has chosen it",
         "python3 -c '"
         "import os, socket\n"
         "for _ in range(5):\n"
         "    with socket.create_connection((os.environ[\"CULVERT_B\"], 7041), timeout=10) as one:\n"
         "        said = one.makefile().readline()\n"
         "        print(said.endswith(f\" from port {one.getsockname()[1]}\\n\"))' 2>&1",
         must_show="True\nTrue\nTrue\nTrue\nTrue\n"),
    Case("curl fetches a file by TFTP, from a server that answers from another port",
         "curl -sS -m 20 tftp://$CULVERT_B/kernel | md5sum 2>&1; "
         "curl -sS -m 20 tftp://$CULVERT_B/missing 2>&1",
         must_show="0b098bd90fbba154b7dd0b02e5a958a3"),
    Case("mariadbd lets a user in who may come from one machine alone",
         f"{MARIADB} -e 'select current_user()' 2>&1", must_show=f"somebody@{NAME_A}"),
    Case("mariadb stores and reads three megabytes",
         f"{MARIADB} shop -e 'create or replace table t (b longtext)' && "
         "(echo 'insert into t values (\"'; head -c 3000000 /dev/zero | tr '\\0' a; echo '\");') | "
         f"tr -d '\\n' | {MARIADB} shop && {MARIADB} shop -Ne 'select length(b), md5(b) from t'",
         must_show="3000000"),
    Case("curl that wants one interface reaches the far end all the same",
         "curl -sS -m 10 --interface eth0 telnet://$CULVERT_B:7000 </dev/null 2>&1; "
         "echo there | nc -N -w 10 $CULVERT_B 7000", must_show="there"),
    Case("a program listens on every address on the port that it has just called elsewhere",
         "echo called | nc -N -w 10 $CULVERT_B 7000; (echo here | nc -l -N 7000 2>&1) & "
         "for i in $(seq 200); do nc -d 127.0.0.1 7000 && break; sleep 0.05; done; wait",
         must_show="called\nhere"),
    Case("a program that listens on a port and calls the same one elsewhere sees that it calls it",
         SAME_PORT, must_show="calls port 7000"),
    Case("a connect that does not wait is refused afterwards, though this machine itself refuses it",
         REFUSED_LATER, must_show="EINPROGRESS\nECONNREFUSED"),
    Case("iperf 2 is called back on the port that it calls", IPERF, must_show="2 ways"),
]
