"""A link of chosen delay, rate and faults: culvert-test-link as a Python object. Knows no Culvert."""
import json
import subprocess


class Link:
    """`Link([build / "culvert-test-link"], ("127.0.0.1", 443), delay_ms=50)`; connect to `.port`."""

    def __init__(self, program: list, to, delay_ms=0, rate_mbit=0, queue_kib=0):
        command = [*program, "--to", f"{to[0]}:{to[1]}",
                   "--shape", f"{delay_ms} {rate_mbit} {queue_kib}"]
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"culvert-test-link ended with status {self.process.wait()}")
        self.port = int(line)

    def ask(self, command: str) -> str:
        """One command; its answer. From then on it is in force."""
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer or answer.startswith("error"):
            raise RuntimeError(f"culvert-test-link: {command}: {answer or 'it has ended'}")
        return answer

    def stats(self) -> dict:
        return json.loads(self.ask("stats"))

    def end(self) -> int:
        self.process.stdin.close()
        return self.process.wait(timeout=10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
