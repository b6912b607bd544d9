"""Test suites of other projects, run natively on one host and under Culvert on another, and compared test by
test. In one of two modes:

bypass   the shim is loaded, and the programs use no virtual name: every test must end as natively
through  every TCP connection that a test makes to its own servers goes by this machine's virtual
         name, through its agent and the service: natively minus the list of suite_exclusions.py

A test that differs is run again on both sides, twice: what differs only by chance is no finding.
"""
import dataclasses
import json
import pathlib
import subprocess
import xml.etree.ElementTree as xml
from collections.abc import Callable

import suite_exclusions
from compare import ROOT  # noqa: F401  (makes tests/net importable)
from lab import Lab, LabError
from sites import NAME_A, Sites

THROUGH = pathlib.Path(__file__).resolve().parent / "cpython_through"
PYTHON = "/usr/bin/python3.11"
LIMIT = 1800


@dataclasses.dataclass
class Suite:
    name: str
    # Of the folder to work in, the report to write there (JUnit's XML), and the tests wanted (none: all).
    command: Callable[[pathlib.Path, pathlib.Path, set[str]], list[str]]


def outcomes(report: pathlib.Path) -> dict[str, str]:
    """Name of test: ok, failed or skipped."""
    found = {}
    if not report.exists():
        return found
    for case in xml.parse(report).getroot().iter("testcase"):
        bad = case.find("failure") is not None or case.find("error") is not None
        skipped = case.find("skipped") is not None
        name = f"{case.get('classname', '')}.{case.get('name')}".lstrip(".")
        state = "failed" if bad else "skipped" if skipped else "ok"
        if found.get(name) != "failed":  # subtests come one by one, under one name
            found[name] = state
    return found


class Run:
    """A suite, or some tests of it, on one host."""

    def __init__(self, sites, host, suite, carried, mode, only=frozenset()):
        self.folder = sites.lab.directory / host.name / f"{suite.name}-{'culvert' if carried else 'native'}"
        self.folder.mkdir(exist_ok=True)
        self.report = self.folder / "report.xml"
        self.report.unlink(missing_ok=True)
        argv = suite.command(self.folder, self.report, only)
        environment = sites.environment()
        if carried and mode == "through":
            environment |= {"PYTHONPATH": str(THROUGH), "CULVERT_TEST_NAME": NAME_A}
        command = sites.command_at(host, argv) if carried else host.inside(argv)
        self.log = open(self.folder / "output", "wb")
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log, cwd=self.folder)

    def finish(self) -> dict[str, str]:
        try:
            self.process.wait(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()
        return outcomes(self.report)


def run_both(sites, suite, mode, only=frozenset()):
    """At the same time, on different hosts: the suites mostly wait."""
    runs = [Run(sites, sites.b, suite, False, mode, only), Run(sites, sites.a, suite, True, mode, only)]
    return [run.finish() for run in runs], runs[1].folder / "output"


def differing(native, carried, suite, mode) -> set[str]:
    names = {name for name in native.keys() | carried.keys() if native.get(name) != carried.get(name)}
    if mode == "through":
        names = {name for name in names if not suite_exclusions.reason(suite.name, name)}
    return names


def compare_suite(sites, suite, mode) -> bool:
    (native, carried), output = run_both(sites, suite, mode)
    count = sum(state == "ok" for state in native.values())
    names = differing(native, carried, suite, mode)
    for _ in range(2):
        if not names or len(names) > 40:
            break
        (again, carried_again), _ = run_both(sites, suite, mode, names)
        names = {name for name in names
                 if differing({name: again.get(name)}, {name: carried_again.get(name)}, suite, mode)}
    ok = not names and count > 0
    how = "as natively" if mode == "bypass" else "as natively, but for the exclusions"
    print(f"{'ok' if ok else 'not ok'} {suite.name}, {mode}: all tests end {how}", flush=True)
    print(f"  {count} of {len(native)} pass natively", flush=True)
    for name in sorted(names):
        print(f"  {name}: {native.get(name)} natively, {carried.get(name)} under Culvert")
    if not ok:
        print(output.read_text(errors="replace")[-6000:])
    return ok


def run_mode(mode, suites) -> int:
    failed = 0
    with Lab() as lab:
        sites = Sites(lab, native=False)
        if mode == "through":  # so that the name exists even when no test listens
            sites.a.spawn(sites.under_culvert(sites.a, [PYTHON, "-c", KEEP_LISTENING]), "listener")
            sites.wait_until_resolved(name=NAME_A)
        before = octets(sites)
        for suite in suites:
            failed += not compare_suite(sites, suite, mode)
        went = octets(sites) - before
        carried = went > 10_000 if mode == "through" else went == 0
        print(f"{'ok' if carried else 'not ok'} {mode}: "
              f"{'the connections' if mode == 'through' else 'none of them'} went through the agent")
        if not carried:
            print(f"  {went} octets went to this machine by its virtual name")
        failed += not carried
        sites.stop_daemons()
    return failed


def octets(sites) -> int:
    """Sent from this machine to itself, by its virtual name."""
    done = subprocess.run(sites.status_command(sites.a, "--json"), capture_output=True, text=True)
    peers = json.loads(done.stdout)["peers"]
    return sum(peer["octets_sent"] for peer in peers if peer["name"] == NAME_A)


KEEP_LISTENING = ("import socket, time; s = socket.create_server(('', 9)); time.sleep(1e6)")


def run_modes(chosen: dict[str, list[Suite]]) -> int:
    """By mode. The caller has seen to it that labs are possible, and is root in its namespace."""
    try:
        failed = sum(run_mode(mode, suites) for mode, suites in chosen.items())
    except LabError as error:
        print(f"not ok the sites come up, and end cleanly\n{error}")
        return 1
    return 1 if failed else 0
