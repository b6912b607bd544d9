"""How each middlebox is measured: who goes through it takes turns."""
import json
import signal
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from inspecting_boxes import InspectingBoxes, start_box
from lab import LabError, die_with_parent
from opening import OpeningProxy, signal_child
from proxied import INSIDE
from sites import ORDINARY
from talk import Talk
from ways_boxes import COLUMNS, prepare, undo
from ways_rivals import TITLES, Rivals

MEGABYTES = 16            # a transfer that takes at least half a second where the rate is good
EXCHANGED_MEGABYTES = 48  # in requests, where the first and the last of them take 0.3 s each
FIRST_MEGABYTES = 1       # of those that may be slow
PATIENCE = 12.0           # until a way that was found by itself is given up
FORCED_PATIENCE = 5.0     # ... or is forced, and others wait for it
GOAL_OF_MOVES = 30.0


class Measurements:
    def __init__(self, world, found, say):
        self.world, self.found, self.say = world, found, say
        self.rivals = Rivals(world)
        self.exchanged = set()  # columns of the row
        self.make = InspectingBoxes(world.lab.directory / "middleboxes")

    def measure(self, row, rounds, seconds):
        """At most that many seconds, but one round in any case."""
        until = time.monotonic() + seconds
        box = row.make(self.make)
        processes = start_box(self.world.router_a, box)
        prepare(self.world.router_a, row)
        self.world.announce(f"{row.announced} {INSIDE}:{box.port}" if row.announced else "DIRECT")
        try:
            runners = self._start(row, box)
            for turn in range(rounds):
                began = time.monotonic()
                for column, runner in list(runners.items()):
                    if not self._take_turn(row, column, runner):
                        del runners[column]
                if not runners or 2 * time.monotonic() - began > until:
                    break
        finally:
            self.rivals.stop()
            with ThreadPoolExecutor() as pool:
                list(pool.map(self.world.leave, self.world.seats))
            undo(self.world.router_a, row)
            self._end(processes)

    def _end(self, processes):
        for process in reversed(processes):
            try:
                self.world.router_a.stop(process, limit=1)
            except LabError:  # e2guardian waits for its threads
                signal_child(process, signal.SIGKILL)
                process.wait()

    def _start(self, row, box):
        """Everything that passes, as what runs pace.py through it."""
        world, first = self.world, self.world.seats[0]
        session, took = world.wait_until_up(first, world.enter(first, row.settings(box)), PATIENCE)
        if took is None:
            self.say(f"{row.title}: by itself: no way out: {session.get('why')}")
            self.say(world.logs(8))
        else:
            self.say(f"{row.title}: up by {session['via']} after {took:.2f} s")
            self.found.connected(row.title, session["via"], took, session["interceptor"])
        runners = {}
        if took is not None:
            runners["itself"] = lambda what, n: world.pace_through(first, what, n)
        self.rivals.start(row, box, INSIDE)
        begun = {}
        for seat, column in zip(world.seats[1:], COLUMNS):
            recipe = getattr(row, column)
            if recipe and recipe == session.get("via"):
                self.found.same(row.title, column)
            elif recipe:
                begun[column] = (seat, recipe, world.enter(seat, row.forced(box, recipe)))
        waiting = {title: subprocess.Popen(self.rivals.pace(title, "ready", 4), text=True,
                                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                   for title in self.rivals.running}
        session_via = session.get("via")
        for column, (seat, recipe, began) in begun.items():
            session, took = world.wait_until_up(seat, began, FORCED_PATIENCE)
            if took is None:
                self.say(f"{row.title}: {recipe} does not pass: {session.get('why')}")
                self.found.blocked(row.title, column)
                world.leave(seat)
            else:
                runners[column] = lambda what, n, seat=seat: world.pace_through(seat, what, n)
        # A carrier of requests finds out what passes while there is traffic.
        self.exchanged = {column for column in runners
                          if column == "exchange" or column == "itself" and row.exchange == session_via}
        for column in self.exchanged:
            self._ask(runners[column], 4)
        for title, process in waiting.items():
            if process.wait(20) == 0:
                runners[title] = lambda what, n, title=title: self.rivals.pace(title, what, n)
            else:
                self.found.blocked(row.title, title)
        return runners

    @staticmethod
    def _ask(runner, megabytes):
        """What pace.py says of a turn, or None."""
        process = subprocess.Popen(runner("turn", megabytes), stdout=subprocess.PIPE, text=True,
                                   stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
        try:
            output, _ = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None
        return json.loads(output) if process.returncode == 0 else None

    def _take_turn(self, row, column, runner):
        """Whether it is worth another one."""
        size, results = EXCHANGED_MEGABYTES if column in self.exchanged else MEGABYTES, None
        if column in TITLES:  # perhaps too slow for that: a little first
            size, results = FIRST_MEGABYTES, self._ask(runner, FIRST_MEGABYTES)
            if results and all(results[what] and results[what]["seconds"] < 1 for what in ("down", "up")):
                size, results = MEGABYTES, None
        results = results or self._ask(runner, size) or dict.fromkeys(("echo", "down", "up"))
        if results["echo"]:
            self.found.add(row.title, column, "echo", statistics.median(results["echo"]))
        for what in ("down", "up"):
            lost = results[what] and not results[what]["right"]
            if lost and column not in TITLES:
                raise LabError(f"{column}: octets came {what} wrong")
            if results[what] is None or lost:
                self.found.add(row.title, column, f"{what}-stalls", 1)
            else:
                self.found.add(row.title, column, what, size / results[what]["seconds"])
        return None not in results.values()

    def recognise(self):
        """How long one connection to each port of the gateway takes to tell what is spoken there."""
        boxes = [self.make.squid("squid-asked", 3128), self.make.dante(name="dante-asked"),
                 self.make.ftp_proxy(INSIDE, name="ftp-asked")]
        processes = [process for box in boxes for process in start_box(self.world.router_a, box)]
        self.world.announce("DIRECT")
        seat = self.world.seats[0]
        config = self.world.config_of(seat)
        config.write_text(self.world.configurations[seat.name])
        done = subprocess.run(self.world.a.inside(
            [str(self.world.build / "culvert"), "netcheck", "--json", "--agent-config", str(config)]),
            capture_output=True, text=True, timeout=90)
        steps = json.loads(done.stdout)["looked"] if done.stdout else []
        self.say("\n".join(str(step) for step in steps))
        asked = [step for step in steps if step["what"].startswith("the gateway's port")]
        before = max((step["after_ms"] for step in steps if step not in asked), default=0)
        for step in asked:
            if "proxy" in step["outcome"] and "none" not in step["outcome"]:
                self.found.kinds[step["outcome"]] = step["after_ms"] - before
        self._end(processes)

    def move(self):
        """From web pages to CONNECT, when the proxy begins to permit it, under a running connection."""
        world, seat = self.world, self.world.seats[0]
        proxy = OpeningProxy(world.router_a, self.make)
        world.announce(f"PROXY {INSIDE}:{proxy.box.port}")
        session, _ = world.wait_until_up(seat, world.enter(seat), PATIENCE)
        talk = Talk(world, ORDINARY, 7)  # which echoes
        _, why = talk.wait_for_blocks(100)
        if why:
            raise LabError(f"a connection through {proxy.box.name}: {why}")
        proxy.permit_connect()
        began = time.monotonic()
        while (now := world.session(seat).get("via")) == session["via"]:
            if time.monotonic() - began > 2 * GOAL_OF_MOVES:
                break
            time.sleep(0.05)  # asks the product, which has no event to wait for
        moved = time.monotonic() - began
        longest, why = talk.wait_for_blocks(100)
        why = why or talk.end()
        self.say(f"from {session['via']} to {now} after {moved:.1f} s, longest pause {longest} s {why}")
        self.found.move = (session["via"], now, moved, not why)
        world.leave(seat)
        self._end([proxy.process])
