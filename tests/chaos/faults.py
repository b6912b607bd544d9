"""What is done to the links, at random but repeatable times."""
import time


class Faults:
    """Each does one thing to one link and puts it right again; the link is normal in between.

    reset      all carriers are reset              one      one of them is
    stall      nothing moves for a while           refuse   reset, and nobody lets anyone in for a while
    blackhole  octets vanish for a while, then carriers are reset (as a NAT does that forgot them)
    silence    the same, but nobody is ever told
    """
    ALL = ("reset", "one", "stall", "refuse", "blackhole", "silence")

    def __init__(self, dice, links, kinds, say, calm, longest):
        self.calm, self.longest = calm, longest  # seconds
        self.dice, self.links, self.kinds, self.say = dice, links, kinds, say
        self.killed, self.done = 0, dict.fromkeys(kinds, 0)

    def run_until(self, deadline, stopped):
        """`stopped()` tells when there is nothing left to disturb."""
        while self.kinds and self.pause(self.dice.expovariate(1 / self.calm), deadline, stopped):
            name, link = self.dice.choice(sorted(self.links.items()))
            kind = self.dice.choice(self.kinds)
            seconds = self.dice.uniform(self.longest / 30, self.longest) ** 2 / self.longest  # short ones more often
            self.say(f"{kind} at link {name}" + (f", {seconds:.1f} s" if kind not in ("reset", "one")
                                                 else ""))
            self.done[kind] += 1
            getattr(self, kind)(link, seconds, deadline, stopped)
        while not stopped() and time.monotonic() < deadline:
            time.sleep(0.05)  # watching, without faults

    def pause(self, seconds, deadline, stopped) -> bool:
        until = min(time.monotonic() + max(seconds, 0.04), deadline)
        while time.monotonic() < until:
            if stopped():
                return False
            time.sleep(min(0.05, max(0.0, until - time.monotonic())))
        return until < deadline

    def reset_all(self, link):
        self.killed += int(link.ask("reset").split()[1])

    def reset(self, link, *_):
        self.reset_all(link)

    def one(self, link, *_):
        carriers, which = link.stats()["open"], self.dice.random()
        if carriers:
            number = carriers[int(which * len(carriers))]
            self.killed += int(link.ask(f"reset {number}").split()[1])

    def stall(self, link, seconds, *rest):
        link.ask("stall")
        self.pause(seconds, *rest)
        link.ask("go")

    def refuse(self, link, seconds, *rest):
        link.ask("refuse")
        self.reset_all(link)
        self.pause(seconds / 2, *rest)
        link.ask("open")

    def blackhole(self, link, seconds, *rest):
        link.ask("blackhole")
        self.pause(seconds, *rest)
        link.ask("open")
        self.reset_all(link)

    def silence(self, link, seconds, *rest):
        self.killed += link.stats()["now"]
        link.ask("blackhole")
        self.pause(seconds, *rest)
        link.ask("open")
