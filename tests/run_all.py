#!/usr/bin/env python3
"""Installs what is missing, builds Culvert, and runs every test.

    ./run-tests                 everything (see the end of its output for how long each part took)
    ./run-tests --quick         the plain build and its tests, without sanitizers, fuzzing and lint
    ./run-tests unit net        only the stages named (see --list), and the builds they need

Builds into build/ (g++), build-sanitize/ (clang, sanitizers, fuzzers) and build-threads/ (ThreadSanitizer),
leaves the machine as it was apart from packages, and can be run again at any time. Ends with the plain line
N passed, N failed  or  N passed, N failed, N skipped.
"""
import argparse
import concurrent.futures
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from ahead import Ahead
from tally import Tally

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD, SANITIZED = ROOT / "build", ROOT / "build-sanitize"
THREADS = ROOT / "build-threads"
FUZZ_SECONDS = 5
SHARDS, SHARD_LIMIT = 4, 300  # of a program of unit tests; seconds
LABS_AT_ONCE = 2  # each has hosts of its own, and waits most of its time
LABS_ALONE = {"roundtrips_test"}  # counts by the clock
LABS = {"net", "apps"}  # the stages that are made of them


class Broken(Exception):
    """Without this, nothing that follows can be judged."""


def sh(argv, **options) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in argv], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
                          cwd=ROOT, **options)


def must(argv, what):
    done = sh(argv)
    if done.returncode != 0:
        raise Broken(f"{done.stdout[-8000:]}\n{what} failed (see above)")


CONFIGURE, COMPILE = {}, {}  # by directory
CLANG = ("-DCMAKE_C_COMPILER=clang-14", "-DCMAKE_CXX_COMPILER=clang++-14")
for directory, definitions, targets in (
        (BUILD, (), ()),
        # One build for the second compiler, the sanitizers and the fuzzers: compiling takes longest.
        (SANITIZED, (*CLANG, "-DCULVERT_SANITIZE=ON", "-DCULVERT_FUZZ=ON"), ()),
        # AddressSanitizer and this one exclude each other.
        (THREADS, (*CLANG, "-DCULVERT_SANITIZE_THREADS=ON"), ("loop_threads_test", "service_test"))):
    CONFIGURE[directory] = ["cmake", "-S", ".", "-B", str(directory), "-G", "Ninja", *definitions]
    COMPILE[directory] = ["ninja", "-C", str(directory), *targets]
TIDY = ["tools/check-tidy"]


def build(directory: pathlib.Path):
    must(CONFIGURE[directory], f"configuring {directory.name}/")
    must(COMPILE[directory], f"building {directory.name}/")


def build_plain(tally):
    build(BUILD)
    tally.add("g++ builds everything without a warning", True)


def build_sanitized(tally):
    build(SANITIZED)
    tally.add("clang builds everything without a warning", True)


def run_text(tally):
    for sentence, argv in (("includes point down, files stay small", ["tests/layering_test.py"]),
                           ("clang-format finds nothing", ["tools/check-format"])):
        done = sh(argv)
        tally.add(sentence, done.returncode == 0, done.stdout[-4000:])


def run_tidy(tally):
    done = sh(TIDY)
    tally.add("clang-tidy finds nothing", done.returncode == 0, done.stdout[-8000:])


def run_gtests(tally, directory: pathlib.Path, label: str):
    """In shards, not a process for each case as ctest does: that is 0.1 s of start-up for each of 2000,
    sanitized."""
    def run_shard(program: pathlib.Path, shard: int):
        report = directory / f"unit/{program.name}.{shard}.xml"
        report.unlink(missing_ok=True)
        shards = {"GTEST_TOTAL_SHARDS": str(SHARDS), "GTEST_SHARD_INDEX": str(shard)}
        tally.read_gtest(f"{label}: {program.name}", report,
                         sh(["timeout", SHARD_LIMIT, program, f"--gtest_output=xml:{report}"],
                            env={**os.environ, **shards}))

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in [pool.submit(run_shard, program, shard)
                     for program in sorted((directory / "unit").glob("*_test"))
                     for shard in range(SHARDS)]:
            done.result()


def run_unit(tally):
    run_gtests(tally, BUILD, "unit")


def run_unit_sanitized(tally):
    run_gtests(tally, SANITIZED, "unit, sanitized")


def run_threads(tally):
    build(THREADS)
    run_gtests(tally, THREADS, "unit, threads")


def run_fuzz(tally):
    def fuzz(program):
        # One seed: a change is judged by what it changes. Runs of hours choose their own.
        return sh([program, "-seed=4711", f"-max_total_time={FUZZ_SECONDS}", "-max_len=4096",
                   "-rss_limit_mb=2048", f"-artifact_prefix={SANITIZED}/fuzz/"])

    programs = sorted((SANITIZED / "fuzz").glob("*_fuzz"))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for program, done in zip(programs, pool.map(fuzz, programs)):
            tally.add(f"fuzz: {program.name} for {FUZZ_SECONDS} s", done.returncode == 0,
                      done.stdout[-4000:])


def run_shim(tally):
    tally.run_script("shim", [ROOT / "tests/shim/run"], 300)


AHEAD = Ahead(ROOT)  # of stages that only compile


def run_folder(tally, folder: str, limit: float):
    scripts = sorted((ROOT / "tests" / folder).glob("*_test"))
    for script in scripts:
        if script.name in LABS_ALONE:
            tally.run_script(f"{folder}/{script.name}", [script], limit)
    AHEAD.begin()
    with concurrent.futures.ThreadPoolExecutor(LABS_AT_ONCE) as pool:
        runs = [pool.submit(tally.run_script, f"{folder}/{script.name}", [script], limit)
                for script in scripts if script.name not in LABS_ALONE]
        try:
            for one in runs:
                one.result()
        finally:  # of the whole run: what has not begun does not begin, what has begun is ended
            pool.shutdown(wait=False, cancel_futures=True)
            tally.end_scripts()


def run_net(tally):
    run_folder(tally, "net", 600)


def run_apps(tally):
    run_folder(tally, "apps", 400)


def run_apps_sanitized(tally):
    environment = {**os.environ, "CULVERT_BUILD": str(SANITIZED)}
    for name in ("programs_test", "unprivileged_probes_test"):
        tally.run_script(f"apps/{name}, sanitized", [ROOT / "tests/apps" / name], 600, environment)


STAGES = {  # name: (function, what it is, also with --quick, needs)
    "text": (run_text, "layering and clang-format", True, ()),
    "build": (build_plain, "g++ build in build/", True, ()),
    "unit": (run_unit, "unit tests", True, ("build",)),
    "shim": (run_shim, "the shim against a stand-in for the agent", True, ("build",)),
    "net": (run_net, "labs of network namespaces", True, ("build",)),
    "apps": (run_apps, "real programs, natively and through Culvert", True, ("build",)),
    "tidy": (run_tidy, "clang-tidy", False, ("build",)),
    "build-sanitize": (build_sanitized, "clang build with ASan, UBSan and libFuzzer", False, ()),
    "unit-sanitize": (run_unit_sanitized, "unit tests, sanitized", False, ("build-sanitize",)),
    "threads": (run_threads, "unit tests where threads meet, with ThreadSanitizer", False, ()),
    "apps-sanitize": (run_apps_sanitized, "real programs through sanitized agents and service",
                      False, ("build-sanitize",)),
    "fuzz": (run_fuzz, f"every fuzz target for {FUZZ_SECONDS} s", False, ("build-sanitize",)),
}


def chosen_stages() -> list[str]:
    parser = argparse.ArgumentParser(prog="./run-tests", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help="run only these (default: all)")
    parser.add_argument("--quick", action="store_true", help="leave out sanitizers, fuzzing, lint")
    parser.add_argument("--list", action="store_true", help="name the stages and end")
    arguments = parser.parse_args()
    if arguments.list:
        for name, (_, what, quick, _) in STAGES.items():
            print(f"{name:16} {what}{'' if quick else '   (not with --quick)'}")
        sys.exit(0)
    for stage in arguments.stages:
        if stage not in STAGES:
            parser.error(f"there is no stage '{stage}' (see --list)")
    if not arguments.stages:
        return [name for name, stage in STAGES.items() if stage[2] or not arguments.quick]
    wanted = {need for name in arguments.stages for need in (*STAGES[name][3], name)}
    return [name for name in STAGES if name in wanted]


def install():
    if shutil.which("apt-get"):
        must(["tools/install-packages", "--build", "--test"], "installing packages")
    else:
        print("this is not Debian: what is missing must be installed by hand")


def run(stages: list[str], tally: Tally) -> list[tuple[str, float]]:
    took = []
    for name in ["packages", *stages]:
        function, what = (lambda _: install(), "Debian packages") if name == "packages" \
            else STAGES[name][:2]
        print(f"== {name}: {what}", flush=True)
        started = time.monotonic()
        try:
            if name not in LABS:
                AHEAD.end()
            function(tally)
        except Broken as reason:
            tally.add(name, False, str(reason))
            break
        finally:
            took.append((name, time.monotonic() - started))
    return took


def stop(number, _frame):
    sys.exit(128 + number)


def main() -> int:
    stages = chosen_stages()
    signal.signal(signal.SIGTERM, stop)
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    os.environ["GTEST_COLOR"] = "no"
    tally = Tally()
    if "build-sanitize" in stages:
        AHEAD.commands += [CONFIGURE[SANITIZED], COMPILE[SANITIZED]]
    if "tidy" in stages:
        AHEAD.commands.append(TIDY)
    try:
        took = run(stages, tally)
    finally:
        AHEAD.end()
    print("\nseconds:", *(f"{seconds:6.0f}  {name}" for name, seconds in took),
          f"{sum(seconds for _, seconds in took):6.0f}  in all", sep="\n")
    if tally.skipped:
        print("\nskipped:", *(f"{name}: {reason}" for name, reason in tally.skipped), sep="\n  ")
    if tally.unsteady:
        print("\nfailed once, passed when repeated (the first output is above):", *tally.unsteady, sep="\n  ")
    if tally.failed:
        print("\nfailed:", *tally.failed, sep="\n  ")
    print(tally.summary())
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
