"""Counts results and reads them from the programs that report them, of which several may run at once."""
import os
import re
import subprocess
import time
import xml.etree.ElementTree as xml

SKIPPED = 77  # the exit status of a script that cannot run at all
RESULT = re.compile(r"^(ok|not ok|skipped) (?:- )?(.*)$")


def read_lines(label: str, output: str) -> tuple[list[str], dict[str, str], list[tuple[str, str]]]:
    """What passed, failed and was skipped: sentences, sentences with details, and with reasons."""
    passed, failed, skipped = [], {}, []
    for line in output.splitlines():
        if not (match := RESULT.match(line)):
            continue
        word, sentence = match.groups()
        if " # skip " in sentence:
            word, sentence = "skipped", sentence.replace(" # skip ", ": ", 1)
        if word == "skipped":
            name, _, reason = sentence.partition(": ")
            skipped.append((f"{label}: {name}", reason or "it gives no reason"))
        elif word == "ok":
            passed.append(sentence)
        else:
            failed[f"{label}: {sentence}"] = ""
    return passed, failed, skipped


class Tally:
    def __init__(self):
        self.passed, self.failed, self.skipped, self.unsteady = 0, [], [], []
        self.ending = False
        self._running: set[subprocess.Popen] = set()

    def add(self, name: str, ok: bool, detail=""):
        if ok:
            self.passed += 1
            return
        self.failed.append(name)
        print(f"FAILED {name}\n{detail.rstrip()}", flush=True)

    def skip(self, name: str, reason: str):
        self.skipped.append((name, reason))
        print(f"skipped {name}: {reason}", flush=True)

    def read_gtest(self, label: str, report, done: subprocess.CompletedProcess):
        """The XML file of a program that has ended. It writes none if it died."""
        if not report.exists():
            self.add(label, False, f"{done.stdout[-6000:]}\nexit status: {done.returncode}")
            return
        cases = xml.parse(report).getroot().findall("testsuite/testcase")
        failed = False
        for case in cases:
            name = f"{label}: {case.get('classname')}.{case.get('name')}"
            if (skipped := case.find("skipped")) is not None:
                reason = (skipped.get("message") or "").split("\n")[-1].strip()
                self.skip(name, reason or "it gives no reason")
            elif case.get("status") == "run":
                problems = [one.text or one.get("message") for one in case.findall("failure")]
                failed = failed or bool(problems)
                self.add(name, not problems, "\n".join(problems)[-4000:])
        if done.returncode != 0 and not failed:  # at its end: a leak, say
            self.add(label, False, f"{done.stdout[-6000:]}\nexit status: {done.returncode}")

    def run_script(self, label: str, argv, limit: float, environment=None):
        """Runs a script that prints a line per result (tests/README.md). One that failed has a second
        chance, for its hosts and browsers share a machine with others; a script that needed it is named
        at the end: its first output shows a race, of the test's or of the product's, to be found."""
        passed, failed, skipped = self._run_once(label, argv, limit, environment)
        if failed and not self.ending:
            print(f"  {label}: once more, after {len(failed)} failed", flush=True)
            first = failed
            passed, failed, skipped = self._run_once(label, argv, limit, environment)
            if not failed:
                self.unsteady.extend(first)
        self.passed += len(passed)
        for name, detail in failed.items():
            self.add(name, False, detail)
        for name, reason in skipped:
            self.skip(name, reason)

    def _run_once(self, label: str, argv, limit: float, environment):
        """As read_lines(); what came of the script itself is among it."""
        started = time.monotonic()
        process = subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   errors="replace", env=environment or os.environ)
        self._running.add(process)
        try:
            output, status = process.communicate(timeout=limit)[0], process.returncode
        except subprocess.TimeoutExpired:
            process.terminate()  # not kill: it has a lab to take down
            output = process.communicate()[0]
            status = f"none, it was stopped after {limit:.0f} s"
        self._running.discard(process)
        passed, failed, skipped = read_lines(label, output)
        told = len(passed) + len(failed) + len(skipped)
        if status == SKIPPED and not told:
            skipped = [(label, (output.strip().splitlines() or ["it gives no reason"])[-1])]
        elif (status != 0 and not failed) or not told:
            failed = {label: f"exit status: {status}, {told} results"}
        if failed:
            print(output[-12000:], *failed.values(), sep="\n", flush=True)
        print(f"  {label}: {told} results in {time.monotonic() - started:.0f} s", flush=True)
        return passed, failed, skipped

    def end_scripts(self):
        """Those that still run, if any: their output is read by who waits for them."""
        self.ending = bool(self._running)
        for process in list(self._running):
            process.terminate()

    def summary(self) -> str:
        counts = f"{self.passed} passed, {len(self.failed)} failed"
        return counts + (f", {len(self.skipped)} skipped" if self.skipped else "")
