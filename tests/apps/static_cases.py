"""Programs that no library can be loaded into, as cases."""
import os
import shutil
import subprocess

from compare import Case
from program_cases import BIG, CLIENTS, plain_servers, sha256


def servers(work) -> list[str]:
    commands = plain_servers(work)
    source = str(CLIENTS / "raw_connect.c")
    for compiler, name in (("cc", "glibc"), ("musl-gcc", "musl")):
        if shutil.which(compiler):
            subprocess.run([compiler, "-static", "-w", "-o", str(work / f"raw-{name}"), source],
                           check=True, stderr=subprocess.DEVNULL)
    if shutil.which("go"):
        build_go(work, "dialer", CGO_ENABLED="0")
        build_go(work, "dialer-cgo", "-ldflags=-linkmode=external", CGO_ENABLED="1")
    return commands


def build_go(work, name, *options, **environment):
    subprocess.run(["go", "build", *options, "-o", str(work / name), str(CLIENTS / "dialer.go")], check=True,
                   env={**os.environ, "GO111MODULE": "off", "GOCACHE": str(work / "gocache"),
                        "HOME": str(work), **environment})


def static_cases() -> list[Case]:
    found = [Case(f"a static program with {libc} connects by raw system calls",
                  f"exec $WORK/raw-{libc} $CULVERT_B 7000 81 80 2>&1", must_show="peer as asked for")
             for libc, compiler in (("glibc", "cc"), ("musl", "musl-gcc")) if shutil.which(compiler)]
    if shutil.which("go"):
        found += [Case("a Go program resolves, fetches and is refused",
                       "exec $WORK/dialer $CULVERT_B 2>&1", must_show="closed port: refused"),
                  Case("so does one that the system's linker has linked to libc",
                       "exec $WORK/dialer-cgo $CULVERT_B 2>&1", must_show="closed port: refused")]
    else:
        print("skipped a Go program resolves, fetches and is refused: golang-go is not installed")
    if shutil.which("busybox"):
        found += [
            Case("static busybox downloads ten megabytes unchanged",
                 "busybox wget -q -O - http://$CULVERT_B/big | sha256sum", must_show=sha256(BIG)),
            Case("a static program reaches an ordinary host",
                 "busybox wget -q -O - http://$CULVERT_ORDINARY/ 2>&1",
                 must_show="hello from an ordinary host"),
            Case("a static program finds its own loopback servers",
                 "busybox sh -c 'echo hello | busybox nc -l -p 7777 & for i in $(busybox seq 500); "
                 "do busybox nc 127.0.0.1 7777 </dev/null 2>/dev/null && break; done; wait'",
                 must_show="hello"),
            Case("exit status and user of a static program are its own",
                 "busybox sh -c 'id -u; exit 7'", must_show="exit status 7"),
            Case("a static program started with a cleared environment is carried all the same",
                 "env -i PATH=$PATH busybox wget -q -O - http://$CULVERT_B/ 2>&1",
                 must_show="hello from behind"),
            Case("python starts a static program by posix_spawn",
                 "python3 -c 'import os, sys; os.waitpid(os.posix_spawnp(\"busybox\", [\"busybox\", "
                 "\"wget\", \"-q\", \"-O\", \"-\", \"http://\" + os.environ[\"CULVERT_B\"]], "
                 "os.environ), 0)'", must_show="hello from behind"),
        ]
    return found
