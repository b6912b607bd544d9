"""One small program for each thing that users of other shims have complained about (proxychains-ng,
torsocks, tsocks, dante, mirrord, graftcp ...), and for what a process may do in its life. The numbers
are only names. Elsewhere: epoll before connect (2), asyncio (3), EINTR and time limits in probe_cases and
program_cases; shared listeners (21) in server_cases; static, Go and setuid programs (5, 8) and addresses
that mean another host later (19) in the unit tests."""
import pathlib
import re

from compare import Case
from sites import build_directory

HERE = pathlib.Path(__file__).resolve().parent
PROBES = build_directory() / "probes"
LIBRARIES = "/usr/lib/x86_64-linux-gnu"

SENTENCES = {
    1: "a program that closes all descriptors goes on connecting",
    4: "a closed port is refused, and the next address is tried",
    7: "no thread and no descriptor is added to a process",
    14: "a child resolves for its parent, and a parent for its child",
    16: "raw system calls work",
    17: "connections to localhost and unix sockets work",
    18: "reverse look-ups work, also of nothing",
    20: "forks beside threads that resolve and connect leave no lock behind",
    22: "signal handlers run where they should, and nothing interrupts poll",
    23: "descriptor numbers are reused as ever",
    24: "connect() by libc's other name is carried",
    27: "a connecting socket is passed to another process, which sees it connect",
    28: "a connection is dissolved with AF_UNSPEC and made again",
    29: "a daemon connects",
}

CURL = "curl -sS http://$CULVERT_B/ 2>&1"
NODE_LOOKUPS = ("const dns = require(`dns`); for (const name of [`nobody.` + process.argv[1], "
                "`a`.repeat(300), `-.-`, `localhost`]) dns.lookup(name, (error, address) => "
                "console.log(name.length, error ? error.code : address))")
CASES = [
    *[Case(f"{sentence} ({number})",
           f"python3 {HERE}/clients/complaints.py {number} $CULVERT_B 2>&1",
           must_show="exit status 0")
      for number, sentence in SENTENCES.items()],
    Case("ssh compares the address with its list of known hosts (11)",
         "ssh -F $WORK/ssh_config -o CheckHostIP=yes $CULVERT_B echo hello 2>&1",
         must_show="hello"),
    Case("Node survives every way of not finding a name (13)",
         f"node -e '{NODE_LOOKUPS}' $CULVERT_B 2>&1 | sort", must_show="ENOTFOUND"),
    *[Case(f"a program with {name} as its allocator works (15)",
           f"LD_PRELOAD=\"${{LD_PRELOAD:+$LD_PRELOAD:}}{LIBRARIES}/{library}\" {CURL}; "
           f"LD_PRELOAD=\"{LIBRARIES}/{library}${{LD_PRELOAD:+:$LD_PRELOAD}}\" {CURL}",
           must_show="hello from behind")
      for name, library in (("jemalloc", "libjemalloc.so.2"),
                            ("tcmalloc", "libtcmalloc_minimal.so.4"))],
    Case("a program with the address sanitizer works (15)",
         f"{PROBES}/probe-address-sanitizer $CULVERT_B 7000 7000 7000 2>&1",
         must_show="echo: equal"),
    Case("a program with a cleared environment is carried (30)",
         "env -i /usr/bin/curl -sS http://$CULVERT_B/ 2>&1; "
         "python3 -c 'import os, sys; os.posix_spawn(\"/usr/bin/curl\", "
         "[\"curl\", \"-sS\", \"http://\" + sys.argv[1] + \"/\"], {}); os.wait()' $CULVERT_B 2>&1",
         must_show="hello from behind"),
]
assert not [case for case in CASES if not re.search(r"\(\d+\)$", case.name)]
