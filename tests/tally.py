"""Counts results and reads them from the programs that report them, of which several may run at once."""
import os
import re
import subprocess
import time
import xml.etree.ElementTree as xml

SKIPPED = 77  # the exit status of a script that cannot run at all
RESULT = re.compile(r"^(ok|not ok|skipped) (?:- )?(.*)$")


class Tally:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []
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

    def read_ctest(self, report, label: str):
        """The JUnit file that ctest has written."""
        for case in xml.parse(report).getroot().iter("testcase"):
            name, output = f"{label}: {case.get('name')}", case.findtext("system-out") or ""
            if "[  SKIPPED ]" in output:
                reason = re.search(r": Skipped\n(.*)", output)
                self.skip(name, reason[1].strip() if reason else "it gives no reason")
            else:
                self.add(name, case.get("status") == "run", output[-4000:])

    def run_script(self, label: str, argv, limit: float, environment=None):
        """Runs a script that prints a line per result (tests/README.md)."""
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
        told = self._read_lines(label, output)
        if status == SKIPPED and not told:
            return self.skip(label, (output.strip().splitlines() or ["it gives no reason"])[-1])
        failed_silently = status != 0 and "\nnot ok " not in "\n" + output
        if failed_silently or not told:
            self.add(label, False, f"{output[-4000:]}\nexit status: {status}, {told} results")
        elif status != 0:
            print(output[-12000:], flush=True)
        print(f"  {label}: {told} results in {time.monotonic() - started:.0f} s", flush=True)

    def end_scripts(self):
        """Those that still run, if any: their output is read by who waits for them."""
        for process in list(self._running):
            process.terminate()

    def _read_lines(self, label: str, output: str) -> int:
        told = 0
        for line in output.splitlines():
            if not (match := RESULT.match(line)):
                continue
            told += 1
            word, sentence = match.groups()
            if " # skip " in sentence:
                word, sentence = "skipped", sentence.replace(" # skip ", ": ", 1)
            if word == "skipped":
                name, _, reason = sentence.partition(": ")
                self.skip(f"{label}: {name}", reason or "it gives no reason")
            else:
                self.add(f"{label}: {sentence}", word == "ok")
        return told

    def summary(self) -> str:
        counts = f"{self.passed} passed, {len(self.failed)} failed"
        return counts + (f", {len(self.skipped)} skipped" if self.skipped else "")
