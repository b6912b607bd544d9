"""Sites in pairs, with voice between them: which pairs find a UDP path, and what the agents say of it."""
import pathlib
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM, SERVER = str(HERE / "datagrams.py"), str(HERE.parent / "apps/clients/udp_server.py")
PORT = 4000
ONE = "one port"
PER_DESTINATION = "address-and-port-dependent"
INDEPENDENT = "endpoint-independent"
KINDS = {  # of paths.BARRIERS, and what agents find out of them: mapping, filtering, how ports are given
    "open": (INDEPENDENT, INDEPENDENT, ONE),
    "firewall": (INDEPENDENT, PER_DESTINATION, ONE),
    "full-cone": (INDEPENDENT, INDEPENDENT, ONE),
    "address-restricted": (INDEPENDENT, "address-dependent", ONE),
    "nat": (INDEPENDENT, PER_DESTINATION, ONE),
    "hazardous": (INDEPENDENT, PER_DESTINATION, ONE),
    "sequential": (PER_DESTINATION, PER_DESTINATION, "sequence (step 1)"),
    "small": (PER_DESTINATION, PER_DESTINATION, "out of about"),
    "symmetric": (PER_DESTINATION, PER_DESTINATION, "below 1024, else any"),
    "thousands": (PER_DESTINATION, PER_DESTINATION, "out of about"),
    "random": (PER_DESTINATION, PER_DESTINATION, "destination, any"),
    "no-udp": ("", "", ""),
    "send-only": ("", "", ""),
    "receive-only": ("", "", ""),
}


def add_sites(paths, names, direct=True):
    """One of each kind; "-2": another one. `direct`: or what else stands in that table."""
    listen = f'\n[[listen]]\nport = {PORT}\nprotocol = "udp"\nto = "127.0.0.1:{PORT}"\n'
    for name in names:
        site = paths.add(name, name.removesuffix("-2"), serve=False, more=listen, direct=direct)
        site.host.wait_for_listener(site.host.spawn(["python3", SERVER, str(PORT)], "echo"), set(),
                                    f"the echo server of {name}")
    for site in paths.sites.values():
        paths.wait_until_placed(site)


def voice(paths, caller, called, seconds):
    return subprocess.Popen(
        paths.command_at(caller.host, ["python3", PROGRAM, "voice", called.endpoint, str(PORT),
                                       str(seconds)]),
        env=paths.environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def result_of(process) -> tuple[int, int, str]:
    """Lost, and the longest time there and back in milliseconds; -1: it failed."""
    text = process.communicate()[0]
    words = text.split()
    if len(words) != 6 or words[0] != "lost":
        return -1, -1, text
    return int(words[1]), int(words[3]), text


def rounds(names):
    """Each with each, as a tournament: the pairs of one round have nobody in common."""
    ring = names + ([None] if len(names) % 2 else [])
    for _ in range(len(ring) - 1):
        yield [(a, b) for a, b in zip(ring, reversed(ring)) if ring.index(a) < ring.index(b) and a and b]
        ring = [ring[0], ring[-1], *ring[1:-1]]


def check_pairs(paths, checks, names, relayed, most_lost, most_missed=0):
    """`most_missed`: so many pairs may be without a path where all that is wanting is luck."""
    table, missed = {}, []
    for pairs in rounds(names):
        running = [(one, other, voice(paths, paths.sites[one], paths.sites[other], 2))
                   for one, other in pairs]
        for one, other, process in running:
            caller, called = paths.sites[one], paths.sites[other]
            direct = frozenset((one, other)) not in relayed
            began = time.monotonic()
            peer = paths.wait_for_way(
                caller, called, lambda peer: peer["udp"] if direct else
                "UDP" in peer["udp_why"] or "too many" in peer["udp_why"], limit=7)
            table[one, other] = table[other, one] = "direct" if peer and peer["udp"] else "relay"
            waited = time.monotonic() - began
            if direct and peer is None and most_missed:
                peer = paths.wait_for_way(caller, called, lambda peer: "by chance" in peer["udp_why"], limit=1)
                direct = peer is None
                missed += [f"{one} and {other}"] if peer else []
            checks.check(f"{one} and {other}: {'a UDP path' if direct else 'by the session, and the status says why'}",
                         peer is not None and bool(peer["udp"]) == direct,
                         f"{paths.peer(caller, called)}\n{paths.logs(12, one, other)}")
            if peer:
                shown = paths.why(caller, called)
                words = "UDP path of their own" if direct else "without a UDP path"
                checks.check(f"{one} and {other}: culvert why says so, too", words in shown, shown)
            print(f"# {one} and {other}: {peer and (peer['udp'] or peer['udp_why'])}, "
                  f"seen within {waited * 1000:.0f} ms", flush=True)
        for one, other, process in running:
            lost, longest, text = result_of(process)
            checks.check(f"{one} and {other}: voice flows all the time", 0 <= lost <= most_lost,
                         f"{text}\n{paths.logs(12, one, other)}")
            print(f"# {one} and {other}: {lost} of 100 lost, longest there and back {longest} ms")
    if most_missed:
        checks.check(f"at most {most_missed} of the pairs that try their luck have none", len(missed) <= most_missed,
                     f"{missed}")
    print("#" + "".join(f"{name:>12}" for name in ["", *(name[:10] for name in names)]))
    for one in names:
        print("#" + "".join(f"{cell:>12}" for cell in
                            [one[:11], *[table.get((one, other), "-") for other in names]]), flush=True)


def check_findings(paths, checks):
    for name, site in paths.sites.items():
        expected = KINDS[site.kind]
        place = paths.wait_for(site, "udp", lambda status: status["place"]["udp"] and (
            status["place"]["udp_mapping"] or site.kind == "no-udp") and status["place"]) or {}
        found = tuple(place.get(key, "") for key in ("udp_mapping", "udp_filtering", "udp_ports"))
        checks.check(f"{name}: the agent finds out what it is behind",
                     found[:2] == expected[:2] and expected[2] in found[2],
                     f"{place}\n{paths.logs(12, name)}")
        print(f"# {name}: UDP {place.get('udp')}, {found}", flush=True)
