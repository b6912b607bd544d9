"""Runs commands at site A natively and through Culvert and compares what a user would see: output,
errors, exit status. Nothing is normalised but addresses and what a case names itself."""
import dataclasses
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/net"))
import lab as lab_module  # noqa: E402
from checks import SKIPPED  # noqa: E402
from lab import Lab, LabError  # noqa: E402
from sites import NOBODY, Sites  # noqa: E402

ADDRESS = re.compile(r"\b(127\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.\d+\.\d+"  # virtual
                     r"|10\.[12]\.0\.\d+|203\.0\.113\.20|198\.51\.100\.\d+)\b")


@dataclasses.dataclass
class Case:
    name: str                      # a sentence
    script: str                    # sh, at site A; $WORK is the folder that make_servers() filled
    replace: tuple[tuple[str, str], ...] = ()   # further (pattern, text) for what must differ
    must_show: str = ""            # guards against two equal failures
    limit: float = 60.0


@dataclasses.dataclass
class Way:
    name: str
    native: bool
    unprivileged: bool = False
    options: tuple[str, ...] = ()  # of culvert run, at site A
    server_options: tuple[str, ...] = ()  # at site B


NATIVE = Way("natively", native=True)
CULVERT = Way("through Culvert", native=False)
NATIVE_UNPRIVILEGED = Way("natively, as nobody", native=True, unprivileged=True)
CULVERT_UNPRIVILEGED = Way("through Culvert, as nobody", native=False, unprivileged=True)
ENCLOSED = Way("in a namespace", native=False, options=("--how=namespace",))
ENCLOSED_UNPRIVILEGED = Way("in a namespace, as nobody", native=False, unprivileged=True,
                            options=("--how=namespace",))
ENCLOSED_SERVERS = Way("with servers in a namespace", native=False,
                       server_options=("--how=namespace",))
SUPERVISED_UNPRIVILEGED = Way("by their system calls, as nobody", native=False, unprivileged=True,
                              options=("--how=calls",))


def normalise(text: str, case: Case) -> str:
    text = ADDRESS.sub("ADDRESS", text)
    for pattern, replacement in case.replace:
        text = re.sub(pattern, replacement, text)
    return text


def transcript(sites: Sites, case: Case, work: pathlib.Path) -> str:
    command = sites.command_at(sites.a, ["sh", "-c", case.script])
    try:
        done = subprocess.run(command, env={**sites.environment(), "WORK": str(work)}, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, errors="replace", timeout=case.limit)
    except subprocess.TimeoutExpired as late:
        return f"{(late.stdout or b'').decode(errors='replace')}\nstopped after {case.limit:.0f} s"
    return f"{normalise(done.stdout, case)}\nexit status {done.returncode}"


def run_way(way: Way, cases: list[Case], make_servers, work: pathlib.Path) -> list[str]:
    """`work` is emptied first: the same path in every way, so that outputs can be equal."""
    shutil.rmtree(work)
    work.mkdir()
    work.chmod(0o755)
    with Lab() as lab:
        sites = Sites(lab, way.native, way.unprivileged)
        try:
            commands = make_servers(work)
            if way.unprivileged:
                subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(work)], check=True)
            sites.run_options = way.server_options
            sites.serve_at_b(commands)
            sites.run_options = way.options
            transcripts = [transcript(sites, case, work) for case in cases]
            sites.stop_daemons()
        except LabError:
            print(sites.logs(40))
            raise
    return transcripts


def run_all(cases: list[Case], make_servers, ways: tuple[Way, Way] = (NATIVE, CULVERT)) -> int:
    """make_servers(work) gives the commands for site B; called once for each of the ways."""
    impossible = lab_module.why_impossible()
    if impossible:
        print(impossible)
        return SKIPPED
    if any(way.unprivileged for way in ways) and lab_module.ordinary_user():
        print("only root can become nobody")
        return SKIPPED
    lab_module.become_root_in_namespace()
    words = sys.argv[1:]  # for a person who looks at one case
    cases = [case for case in cases if all(word in case.name for word in words)]
    work = pathlib.Path(tempfile.mkdtemp(prefix="culvert-apps-"))
    seen = []
    try:
        for way in ways:
            seen.append(run_way(way, cases, make_servers, work))
    except LabError as error:
        print(f"not ok the sites come up {ways[len(seen)].name}, and end cleanly")
        print(error)
        return 1
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return judge(cases, ways, seen)


def judge(cases: list[Case], ways: tuple[Way, Way], seen: list[list[str]]) -> int:
    failed = 0
    for case, first, second in zip(cases, *seen):
        ok = first == second and case.must_show in first
        failed += not ok
        print(f"{'ok' if ok else 'not ok'} {case.name}", flush=True)
        if not ok:
            for way, text in zip(ways, (first, second)):
                print(f"--- {way.name}\n{text}", flush=True)
            print("---")
            if case.must_show not in first:
                print(f"what was seen {ways[0].name} does not show '{case.must_show}'")
    return 1 if failed else 0
