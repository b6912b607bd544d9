"""One `steady.py talk` at site A, and how it fares."""
import json
import pathlib
import subprocess
import time

STEADY = str(pathlib.Path(__file__).resolve().parent / "steady.py")


class Talk:
    def __init__(self, sites, host, port, ahead=16):
        self.process = subprocess.Popen(
            sites.command_at(sites.a, ["python3", STEADY, "talk", host, str(port), str(ahead)]),
            env=sites.environment(), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)

    def ask(self) -> dict:
        try:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it says why, below
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": self.process.communicate()[1]}

    def wait_for_blocks(self, more, limit=60.0):
        """Until `more` blocks have come back; gives the longest pause on the way, or an error."""
        deadline = time.monotonic() + limit
        first, longest = None, 0.0
        while time.monotonic() < deadline:
            shown = self.ask()
            if "error" in shown:
                return None, shown["error"]
            first = shown["blocks"] if first is None else first
            longest = max(longest, shown["longest"])
            if shown["blocks"] >= first + more:
                return longest, ""
            time.sleep(0.05)  # asks the program, which has no event for "again"
        return None, f"no {more} blocks within {limit:.0f} s"

    def end(self) -> str:
        _, errors = self.process.communicate(timeout=60)
        return errors if self.process.returncode else ""
