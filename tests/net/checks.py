"""Results of the lab scripts, one line each, as tests/run_all.py reads them."""
import sys
import time

from lab import Lab, LabError, become_root_in_namespace, why_impossible

SKIPPED = 77


class Checks:
    def __init__(self):
        self.failed = 0

    def check(self, sentence: str, ok: bool, detail=""):
        print(f"{'ok' if ok else 'not ok'} {sentence}", flush=True)
        if not ok:
            self.failed += 1
            if detail:
                print(detail, flush=True)


def eventually(condition, limit=20.0) -> bool:
    """The product is asked, which has no event to wait for."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def main(body):
    """Runs body(lab, checks) in a lab; exits with the result."""
    impossible = why_impossible()
    if impossible:
        print(impossible)
        sys.exit(SKIPPED)
    become_root_in_namespace()
    checks = Checks()
    try:
        with Lab() as lab:
            body(lab, checks)
    except LabError as error:
        checks.check("the lab came up and stayed up", False, str(error))
    sys.exit(1 if checks.failed else 0)
