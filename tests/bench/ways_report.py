"""Numbers of tests/bench/ways to Markdown."""
import datetime
import os
import platform
import statistics

from ways_rivals import TITLES
from ways_world import ONE_WAY_MS

BEGIN, END = "<!-- ways:begin -->", "<!-- ways:end -->"
ROUND_TRIP = 2 * ONE_WAY_MS
COLUMNS = {"itself": "**Culvert**, by itself", "tls": "in TLS", "websocket": "as WebSocket",
           "exchange": "as GETs and POSTs", **{title: title for title in TITLES}}


class Found:
    """All numbers by middlebox, column and key, one per turn."""

    def __init__(self):
        self.values, self.ways, self.marks, self.failures = {}, {}, {}, {}
        self.kinds, self.move = {}, None

    def connected(self, row, via, seconds, interceptor):
        self.ways[row] = (via, seconds, interceptor)

    def same(self, row, column):
        self.marks[row, column] = "itself"

    def blocked(self, row, column):
        self.marks[row, column] = "does not pass"

    def add(self, row, column, key, value):
        self.values.setdefault((row, column, key), []).append(value)

    def median(self, row, column, key):
        if self.marks.get((row, column)) == "itself":
            column = "itself"
        values = self.values.get((row, column, key))
        return statistics.median(values) if values else 0.0


def rate(found, row, column, key):
    value = found.median(row, column, key)
    stalled = (row, column, f"{key}-stalls") in found.values
    return "stalls" if stalled or not value else f"{value:.2f}" if value < 0.95 else f"{value:.0f}"


def cell(found, row, column):
    mark = found.marks.get((row, column))
    if mark:
        return "the same" if mark == "itself" else mark
    echo = found.median(row, column, "echo")
    if not echo and (row, column, "down-stalls") in found.values:
        return "stalls"
    if not echo:
        return "no way" if column == "itself" else "-"
    return f"{echo:.0f} ms, {rate(found, row, column, 'down')} / {rate(found, row, column, 'up')}"


def table(found, rows):
    rows = [row for row in rows if row.title not in found.failures]
    used = [column for column in COLUMNS
            if any(cell(found, row.title, column) != "-" for row in rows)]
    lines = ["| the only way out | up after, by | " + " | ".join(COLUMNS[c] for c in used) + " |",
             "|---|---|" + "---|" * len(used)]
    for row in rows:
        via, seconds, _ = found.ways.get(row.title, ("-", None, ""))
        up = "-" if seconds is None else f"{seconds:.1f} s, `{via}`"
        lines.append(f"| {row.title} | {up} | " +
                     " | ".join(cell(found, row.title, c) for c in used) + " |")
    return lines if rows else []


def worst(found, rows, key, choose):
    values = [found.median(row.title, "exchange", key) for row in rows]
    return choose(values) if values and all(values) else None


def connect_time(found, rows):
    times = [found.ways[row.title][1] if row.title in found.ways else None for row in rows]
    return max(times) if times and None not in times else None


def goals(found, rows):
    rows = [row for row in rows if row.title not in found.failures]
    streams, stores = ([row for row in rows if row.nine == kind] for kind in ("streams", "stores"))
    quick, slow = [row for row in rows if not row.slow], [row for row in rows if row.slow]
    yield ("up by itself, slowest, s", "<=", 2, connect_time(found, quick))
    yield ("... through those that store bodies or permit GET and POST to port 80 only, s", "<=", 10,
           connect_time(found, slow))
    yield (f"GETs and POSTs, echo where bodies stream ({len(streams)}), slowest, ms", "<=",
           ROUND_TRIP + 5, worst(found, streams, "echo", max))
    yield (f"... where they are stored ({len(stores)}), ms", "<=", 2 * ROUND_TRIP + 5,
           worst(found, stores, "echo", max))
    for key in ("down", "up"):
        yield (f"GETs and POSTs, bulk {key}, slowest of {len(streams + stores)}, MB/s", ">=", 20,
               worst(found, streams + stores, key, min))
    yield ("what an unknown port speaks, one connection, slowest of HTTP, SOCKS, FTP, ms", "<=",
           50 + ROUND_TRIP, max(found.kinds.values()) if len(found.kinds) == 3 else None)
    if found.move:
        before, after, seconds, whole = found.move
        yield (f"from `{before}` to `{after}` once that is permitted, every octet right, s", "<=", 30,
               seconds if whole and after != before else None)


def goals_table(found, rows):
    lines = []
    for what, sense, bound, value in goals(found, rows):
        if value is None:
            continue
        met = value <= bound if sense == "<=" else value >= bound
        shown = f"{value:.1f}" if bound < 20 else f"{value:.0f}"
        lines.append(f"| {what} | {sense} {bound:g} | {shown} | {'yes' if met else 'not yet'} |")
    return ["| | goal | measured | met |", "|---|---|---|---|", *lines] if lines else []


def notes(found, facts):
    lines = [f"{os.cpu_count()} cores, Linux {platform.release().split('-')[0]}, {facts}, "
             f"{datetime.date.today()}; `tests/bench/ways`. Behind each middlebox {ROUND_TRIP} ms there "
             "and back, for each packet of TCP; all on one machine. Cells: echo of one octet, then MB/s "
             "down / up (of 16 MB, or 48 MB as GETs and POSTs); medians of interleaved turns, each octet "
             "compared. Time until up: from the start of an agent that knows the service's address, and no more than the network announces."]
    readers = [f"{row} (\"{interceptor}\")" for row, (_, _, interceptor) in found.ways.items()
               if interceptor]
    if readers:
        lines.append("TLS that ends on the way was reported by itself: " + ", ".join(readers) + ".")
    lines += [f"- {row}: left out, {why}" for row, why in found.failures.items()]
    return lines


def markdown(found, rows, facts):
    parts = [table(found, rows), goals_table(found, rows), notes(found, facts)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"
