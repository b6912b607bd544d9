"""The probes of tests/apps/probes as cases: each prints what a program sees of its sockets."""
import compare  # noqa: F401  (makes tests/net importable)
from compare import Case
from sites import build_directory

PROBES = build_directory() / "probes"
PORTS = "7001 7002 7003"  # echo, slow, refused; see probes/peer.c
SENTENCES = {
    "epoll-before-connect": "a socket added to epoll before its connect gets the native events",
    "connect-matrix": "every way of waiting sees a connect succeed and be refused alike",
    "connect-arguments": "bad arguments and repeated connects give the native errors",
    "deep-binding": "plugins that are bound to libc before all else are carried too",
    "first-send": "data sent with the connect arrives",
    "fork-exec": "sockets and names survive fork and exec",
    "half-close": "a half-close leaves the other direction open",
    "interrupted": "time limits and signals interrupt a connect",
    "library-handle": "functions taken from a library's handle are carried too",
    "no-descriptor-left": "a program without a descriptor left connects all the same",
    "own-name": "a socket that was bound to every address shows one that can be called",
    "peer-name": "getpeername and reverse names tell the peer",
    "raw-calls": "programs that call the kernel by syscall() are carried too",
    "reset": "a reset arrives as a reset",
    "threads": "threads connect at once",
}


def probe_case(probe, sentence):
    return Case(sentence, f"{PROBES}/probe-{probe} $CULVERT_B {PORTS} 2>&1", limit=90, must_show="exit status 0")


CASES = [probe_case(probe, sentence) for probe, sentence in SENTENCES.items()]
# Refusals are forged exactly by a privileged agent alone: elsewhere hooks put them right, which these rings
# have none for; and there are no rings where calls are supervised.
URING = probe_case("uring", "connects that liburing submits are carried")


def servers(_work):
    return [f"sleep infinity | exec {PROBES}/probe-peer 0.0.0.0 {PORTS}"]
