"""Memory and descriptors of daemons over time, and whether they grow."""
import os
import pathlib
import threading
import time


def resident_kib(pid) -> int:
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def slope(points) -> float:
    """Of the best straight line, per minute."""
    if len(points) < 2:
        return 0.0
    mean_t = sum(t for t, _ in points) / len(points)
    mean_v = sum(v for _, v in points) / len(points)
    spread = sum((t - mean_t) ** 2 for t, _ in points)
    return 60 * sum((t - mean_t) * (v - mean_v) for t, v in points) / spread if spread else 0.0


class Growth(threading.Thread):
    """`with Growth({"service": pid}):` samples twice a second until the end."""

    def __init__(self, pids: dict[str, int], every=0.5):
        super().__init__(daemon=True)
        self.pids, self.every, self.over = pids, every, threading.Event()
        self.samples = {name: [] for name in pids}  # (time, KiB, descriptors)
        self.gone = set()

    def run(self):
        while not self.over.wait(self.every):
            for name, sample in self.sample().items():
                self.samples[name].append(sample)

    def sample(self) -> dict:
        now, found = time.monotonic(), {}
        for name, pid in self.pids.items():
            try:
                found[name] = (now, resident_kib(pid), len(os.listdir(f"/proc/{pid}/fd")))
            except OSError:
                self.gone.add(name)
        return found

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()

    def report(self):
        """A line per daemon. The first fifth is warming up."""
        for name, samples in self.samples.items():
            late = samples[len(samples) // 5:]
            if not late:
                yield f"{name}: too short a time to tell"
                continue
            memory = slope([(t, kib) for t, kib, _ in late])
            files = slope([(t, files) for t, _, files in late])
            yield (f"{name}: {late[-1][1]} KiB resident, {memory:+.0f} KiB per minute; "
                   f"{late[-1][2]} descriptors, {files:+.1f} per minute"
                   + (", HAS ENDED" if name in self.gone else ""))
