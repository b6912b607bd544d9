"""UDP programs as cases: a probe of every call, and real ones: dig, nc, iperf3, logger."""
import compare  # noqa: F401  (makes tests/net importable)
import pathlib

from compare import Case
from sites import build_directory

CLIENTS = pathlib.Path(__file__).resolve().parent / "clients"
PROBE = build_directory() / "probes/probe-datagrams"
SANDBOXED = build_directory() / "probes/probe-sandboxed"
DNS = ("dnsmasq --no-daemon --conf-file=/dev/null --no-resolv --no-hosts --pid-file= --port=5353 "
       "--local=/#/ --host-record=printer.inside,10.9.8.7 --txt-record=long.inside,"
       + ",".join(f"{n:03}{'x' * 200}" for n in range(12)))
DIG = "dig @$CULVERT_B -p 5353 +tries=2 +timeout=10"
STABLE = ((r"Query time: .*|WHEN: .*|, id: \d+|COOKIE: .*|SERVER: .*", "..."),)


def servers(_work) -> list[str]:
    return [f"exec python3 {CLIENTS}/udp_server.py 7004", f"exec {DNS}", "exec iperf3 -s",
            f"exec python3 {CLIENTS}/told_server.py 7008"]


def asked_elsewhere(question: str) -> str:
    return ("python3 -c '"
            "import os, socket\n"
            "one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
            "one.settimeout(15)\n"
            "asked = (socket.gethostbyname(os.environ[\"CULVERT_B\"]), 7004)\n"
            f"one.sendto(b\"{question}\", asked)\n"
            "data, other = one.recvfrom(99)\n"
            "print(data, other[0] == asked[0], other[1] != asked[1])\n"
            "one.sendto(b\"again\", other)\n"
            "data, same = one.recvfrom(99)\n"
            "print(data, same == other)\n"
            "one.sendto(b\"still here\", asked)\n"
            "print(one.recvfrom(99) == (b\"still here\", asked))' 2>&1")


FROM_THAT_PORT = """\
import os, socket
there = (socket.gethostbyname(os.environ["CULVERT_B"]), 7004)
for number in range(3):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("0.0.0.0", 7004))
        one.settimeout(15)
        for size in 10, 1, 60_000:
            one.sendto(b"x" * size, there)
            data, sender = one.recvfrom(65_536)
            print(size, data == b"x" * size, sender == there)
"""

# Without CAP_NET_RAW the agent tells of a refusal with the second datagram.
REFUSED_OR_NOT = """
import socket, sys
there = (socket.gethostbyname(sys.argv[1]), int(sys.argv[2]))
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    one.connect(there)
    one.settimeout(0.5)
    for _ in range(20):
        try:
            one.send(b"hello")
            print(one.recv(100))
            break
        except TimeoutError:
            continue
        except OSError as error:
            print(error.strerror)
            break
    else:
        print("silence")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.sendto(b"hello", there)
        other.settimeout(0.2)
        try:
            print(other.recv(100))
        except OSError as error:
            print(type(error).__name__)
"""

CASES = [
    Case("every UDP call does what it does natively",
         f"{PROBE} $CULVERT_B 7004 7005 7006 2>&1", must_show="exit status 0", limit=90),
    Case("a sandbox that kills for unusual calls hears of none",
         f"{SANDBOXED} $CULVERT_B 7004 7005 7006 2>&1", must_show="received 5: hello\n\nexit status 0"),
    Case("a UDP server sees who asks",
         "printf '?who' | nc -u -w 3 $CULVERT_B 7004 2>&1", must_show="alpha.site-a.example.net"),
    Case("one question gets several answers",
         "printf '?many' | nc -u -w 3 $CULVERT_B 7004 2>&1", must_show="onetwothree"),
    Case("a UDP server answers from another port, where it is asked on",
         asked_elsewhere("?port"), must_show="again, of the same' True\nTrue"),
    Case("a UDP server connects another socket to who asked",
         asked_elsewhere("?peer"), must_show="again, of the same' True\nTrue"),
    Case("a program in a namespace is answered from another port",
         "$CULVERT_NAMESPACE " + asked_elsewhere("?port"), must_show="again, of the same' True\nTrue"),
    Case("a program in a namespace hears that nobody serves a UDP port",
         f"for port in 7006 7004; do $CULVERT_NAMESPACE python3 -c '{REFUSED_OR_NOT}' $CULVERT_B $port 2>&1; done",
         must_show="Connection refused\n"),
    Case("a UDP server in a namespace sends from the port to the same port elsewhere",
         f"$CULVERT_NAMESPACE python3 -c '{FROM_THAT_PORT}' 2>&1", must_show="60000 True True"),
    Case("asyncio is reached at a UDP port that it has told by TCP",
         f"python3 {CLIENTS}/telling.py $CULVERT_B 7008 2>&1", must_show="hello from asyncio"),
    Case("Node is reached at a UDP port that it has told by TCP",
         f"node {CLIENTS}/telling.js $CULVERT_B 7008 2>&1", must_show="hello from node"),
    Case("a program in a namespace is reached at a UDP port that it has told by TCP",
         f"$CULVERT_NAMESPACE python3 {CLIENTS}/telling.py $CULVERT_B 7008 2>&1",
         must_show="hello from asyncio"),
    Case("dig asks a resolver behind the firewall",
         f"{DIG} +short printer.inside 2>&1", must_show="10.9.8.7"),
    Case("dig hears that there is no such name", f"{DIG} other.inside 2>&1", STABLE, "NXDOMAIN"),
    Case("iperf3 sends datagrams both ways",
         "for way in '' -R; do iperf3 -c $CULVERT_B -u -b 2M -l 1000 -t 2 -J $way 2>&1 | "
         "python3 -c 'import json, sys; end = json.load(sys.stdin)[\"end\"][\"sum\"]; "
         "print(end[\"lost_packets\"], end[\"packets\"] > 400)'; done", must_show="0 True\n0 True"),
    Case("an ordinary host answers datagrams",
         "printf 'hello' | nc -u -w 3 $CULVERT_ORDINARY 7 2>&1", must_show="hello"),
]
