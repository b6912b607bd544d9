"""Numbers to Markdown: one table of contenders, one of goals, and what to know about them."""
import datetime
import os
import platform
import statistics

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


class Results:
    """All numbers by contender, test and key, one per round. Ratios are taken within a round and
    the median of them counts: neighbours in time share what else the machine was doing."""

    def __init__(self):
        self.values = {}
        self.failures = {}  # contender name -> sentences

    def add(self, contender, test, numbers):
        for key, value in numbers.items():
            self.values.setdefault((contender, test, key), []).append(value)

    def fail(self, contender, sentence):
        sentences = self.failures.setdefault(contender, [])
        if sentence not in sentences:
            sentences.append(sentence)

    def median(self, contender, test, key):
        values = self.values.get((contender, test, key))
        return statistics.median(values) if values else None

    def ratio(self, one, other, test, key):
        pairs = zip(self.values.get((one, test, key), []), self.values.get((other, test, key), []))
        ratios = [a / b for a, b in pairs if b]
        return statistics.median(ratios) if ratios else None


def shown(value, pattern="{:.2f}"):
    return "-" if value is None else pattern.format(value)


def idle_memory(results, name):
    both = [results.median(name, "memory", key) for key in ("largest_daemon", "all_daemons")]
    if None in both:
        return "-"
    return " / ".join(shown(max(value, 0) / 1000, "{:.2f}" if value < 10e3 else "{:.0f}")
                      for value in both)


def rate(results, name, test):
    value = results.median(name, test, "gb_per_second")
    if value is None:
        return "-"
    ratio = results.ratio(name, "raw", test, "gb_per_second")
    return f"{value:.2f}" + ("" if name == "raw" or ratio is None else f" ({ratio:.2f})")


def cpu_per_gb(results, name):
    """The dearer direction of one stream."""
    both = [results.median(name, test, "cpu_per_gb") for test in ("up", "down")]
    both = [value for value in both if value is not None]
    return max(both) if both else None


def microseconds(results, name, test):
    p50, p99 = (results.median(name, test, key) for key in ("p50_us", "p99_us"))
    return "-" if p50 is None else f"{p50:.0f} / {p99:.0f}"


def per_second(results, name):
    value = results.median(name, "connections", "per_second")
    ratio = results.ratio(name, "raw", "connections", "per_second")
    if value is None:
        return "-"
    return f"{value:,.0f}" + ("" if name == "raw" or ratio is None else f" ({ratio:.2f})")


COLUMNS = (
    ("1 stream up, GB/s (of raw)", lambda r, n: rate(r, n, "up")),
    ("down", lambda r, n: rate(r, n, "down")),
    ("100 streams down", lambda r, n: rate(r, n, "many")),
    ("slowest / fastest of 100", lambda r, n: shown(r.median(n, "many", "fairness"))),
    ("CPU-s per GB", lambda r, n: shown(cpu_per_gb(r, n))),
    ("echo p50 / p99, µs", lambda r, n: microseconds(r, n, "echo")),
    ("... beside bulk, µs", lambda r, n: microseconds(r, n, "beside")),
    ("open + 64 B + close, µs", lambda r, n: shown(r.median(n, "open", "p50_us"), "{:.0f}")),
    ("connections/s (of raw)", per_second),
    ("echo beside stalled readers / alone", lambda r, n: shown(r.median(n, "stalled", "slowdown"))),
    ("KB per idle stream, largest daemon / all", idle_memory),
)


def median_of(test, key, pattern="{:.2f}"):
    return lambda results, name: shown(results.median(name, test, key), pattern)


LINK_COLUMNS = (  # through culvert-test-link, of 100 ms or of 20 ms and 1 Gbit/s
    ("100 ms: open + 64 B echoed, round trips", median_of("link-open", "round_trips", "{:.1f}")),
    ("100 ms: 1 stream, Gbit/s", median_of("link-stream", "gbit_per_second")),
    ("1 Gbit/s, 20 ms: echo beside bulk, round trips", median_of("link-beside", "round_trips")),
    ("... 20 streams, Gbit/s", median_of("link-fair", "gbit_per_second")),
    ("... slowest / fastest", median_of("link-fair", "fairness")),
)


def measured(results, contenders):
    return [c for c in contenders if any(key[0] == c.name for key in results.values)]


def table(results, contenders, columns):
    """Of those who have any of it."""
    used = [(title, cell) for title, cell in columns
            if any(cell(results, c.name) != "-" for c in contenders)]
    rows = [(c, [cell(results, c.name) for _, cell in used]) for c in contenders]
    rows = [(c, cells) for c, cells in rows if any(cell != "-" for cell in cells)]
    lines = ["| | " + " | ".join(title for title, _ in used) + " |",
             "|---|" + "---|" * len(used)]
    lines += [f"| {c.title} | " + " | ".join(cells) + " |" for c, cells in rows]
    return lines if rows else []


def least_ratio(one, other, tests):
    """The worst of several tests, in GB/s: both directions must reach a goal."""
    def value(results):
        ratios = [results.ratio(one, other, test, "gb_per_second") for test in tests]
        return min(ratios) if all(r is not None for r in ratios) else None
    return value


def connection_ratio(one, other):
    return lambda results: results.ratio(one, other, "connections", "per_second")


def number(name, test, key, factor=1.0):
    def value(results):
        median = results.median(name, test, key)
        return None if median is None else median * factor
    return value


ONE, MANY = ("up", "down"), ("many",)
GOALS = (  # what, bound, "least" or "most", how to get it
    ("forwarding, 1 stream / `ssh -L`", 1.4, "least", least_ratio("culvert", "ssh-L", ONE)),
    ("forwarding, 100 streams / `ssh -L`", 3.0, "least", least_ratio("culvert", "ssh-L", MANY)),
    ("forwarding, 1 stream / stunnel pair", 1.8, "least", least_ratio("culvert", "stunnel", ONE)),
    ("forwarding, 100 streams / stunnel pair", 3.0, "least",
     least_ratio("culvert", "stunnel", MANY)),
    ("forwarding, 1 stream / raw", 0.30, "least", least_ratio("culvert", "raw", ONE)),
    ("forwarding, 100 streams / raw", 0.30, "least", least_ratio("culvert", "raw", MANY)),
    ("forwarding, CPU-seconds per GB", 2.0, "most", lambda r: cpu_per_gb(r, "culvert")),
    ("relay, 1 stream / raw", 0.35, "least", least_ratio("culvert-relay", "raw", ONE)),
    ("relay, 100 streams / raw", 0.32, "least", least_ratio("culvert-relay", "raw", MANY)),
    ("relay, 1 stream / `ssh -L` into `ssh -R`", 2.5, "least",
     least_ratio("culvert-relay", "ssh-relay", ONE)),
    ("forwarding, echo beside bulk, p50, ms", 0.25, "most",
     number("culvert", "beside", "p50_us", 1e-3)),
    ("forwarding, slowest / fastest of 100 streams", 0.9, "least",
     number("culvert", "many", "fairness")),
    ("forwarding, echo beside stalled readers / alone", 1.25, "most",
     number("culvert", "stalled", "slowdown")),
    # As natively: connect() comes back when the far end has truly accepted.
    ("forwarding at 100 ms, open + 64 B echoed, round trips", 2.1, "most",
     number("culvert", "link-open", "round_trips")),
    ("forwarding at 100 ms, 1 stream, Gbit/s", 1.0, "least",
     number("culvert", "link-stream", "gbit_per_second")),
    ("forwarding at 1 Gbit/s and 20 ms, echo beside bulk, round trips", 1.3, "most",
     number("culvert", "link-beside", "round_trips")),
    ("forwarding at 1 Gbit/s and 20 ms, slowest / fastest of 20 streams", 0.9, "least",
     number("culvert", "link-fair", "fairness")),
    ("forwarding, bytes per idle stream, each side", 256, "most",
     number("culvert", "memory", "largest_daemon")),
    ("forwarding, connections per second / `ssh -L`", 2.0, "least",
     connection_ratio("culvert", "ssh-L")),
    ("forwarding, connections per second / raw", 0.5, "least", connection_ratio("culvert", "raw")),
)


def goals_table(results):
    rows = []
    for what, bound, sense, value_of in GOALS:
        value = value_of(results)
        if value is None:
            continue
        met = value >= bound if sense == "least" else value <= bound
        sign = ">=" if sense == "least" else "<="
        pattern = "{:.0f}" if bound > 10 else "{:.2f}"
        rows.append(f"| {what} | {sign} {bound:g} | {pattern.format(value)} | "
                    f"{'yes' if met else 'not yet'} |")
    return ["| | goal | measured | met |", "|---|---|---|---|", *rows] if rows else []


def notes(results, contenders, facts, command):
    lines = [f"{os.cpu_count()} cores, Linux {platform.release().split('-')[0]}, {facts}, "
             f"{datetime.date.today()}; `{command}`. Loopback, congestion control the same for "
             "all, contenders interleaved, medians. GB = 10^9 bytes, counted where they arrive. "
             "CPU of all daemons, not of the two programs. Memory: private, user space; growth "
             "per stream from few idle streams to many. \"Of raw\" compares within this table "
             "only: raw loopback itself varies by a quarter from run to run. A link delays octets "
             "and has a bottleneck; TCP's own windows and slow start play no part in it.", ""]
    for c in measured(results, contenders):
        about = ", ".join(text for text in (c.version(), c.about) if text)
        if about:
            lines.append(f"- {c.title}: {about}")
    for c in contenders:
        for sentence in results.failures.get(c.name, []):
            lines.append(f"- {c.title}: skipped, {sentence}")
    return lines


def markdown(results, contenders, facts, command):
    parts = [table(results, contenders, COLUMNS), table(results, contenders, LINK_COLUMNS),
             goals_table(results), notes(results, contenders, facts, command)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def write_between_markers(readme, text, first=BEGIN, last=END):
    before, begin, rest = readme.read_text().partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise SystemExit(f"{readme} has no {first} ... {last}: nowhere to write")
    readme.write_text(before + first + "\n" + text + last + after)
