"""A world of many sites behind barriers of all kinds, for paths that do without the relay:

    host 10.N.0.2 or 203.0.113.x -- barrier 192.0.2.y --+-- internet -- service 198.51.100.10

Each site has one host with an agent, and a barrier of one kind (BARRIERS). Hosts of a site called
"... lan" share the barrier of another one.
"""
import json
import pathlib
import subprocess
import time

from lab import LabError
from lan import join_lan
from sites import DOMAIN, World

STEADY = str(pathlib.Path(__file__).resolve().parent / "steady.py")
PORT = 4000

# What a home router does: nothing comes in that was not asked for from inside.
STATEFUL = """
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "inside" accept
  }
  chain input { type filter hook input priority filter; iifname "outside" ct state new drop; }
"""
MASQUERADE = """
  chain nat { type nat hook postrouting priority srcnat; oifname "outside" masquerade; }
"""
BARRIERS = {
    "open": "",
    "firewall": STATEFUL,
    "nat": STATEFUL + MASQUERADE,
    # let in from anybody, once it has sent to somebody (UDP)
    "full-cone": """
  map ports { type inet_service : ipv4_addr . inet_service; flags dynamic,timeout; timeout 300s; }
  chain out { type nat hook postrouting priority srcnat - 1;
    oifname "outside" meta l4proto udp update @ports { udp sport timeout 300s : ip saddr . udp sport }
  }
  chain in { type nat hook prerouting priority dstnat;
    iifname "outside" meta l4proto udp dnat ip to udp dport map @ports
  }
""" + STATEFUL.replace("iifname \"inside\" accept", "iifname \"inside\" accept\n    ct status dnat accept")
    + MASQUERADE,
    # ... and takes what comes to it as its own: a packet from outside that comes first takes the port
    "hazardous": STATEFUL[:STATEFUL.index("  chain input")] + MASQUERADE,
    # another port for each destination
    "symmetric": STATEFUL + MASQUERADE.replace("masquerade", "masquerade random"),
    # no TCP but to the service
    "no-tcp": STATEFUL.replace("ct state established", """meta l4proto tcp ip saddr != 198.51.100.0/24 \
ip daddr != 198.51.100.0/24 drop
    ct state established""") + MASQUERADE,
    # the next port for each new destination; "WAN" is the address outside
    "sequential": STATEFUL + MASQUERADE.replace(
        'oifname "outside" masquerade;', 'oifname "outside" meta l4proto udp snat ip to WAN : numgen inc mod '
        "4000 map { " + ", ".join(f"{i} : {30000 + i}" for i in range(4000)) + ' }\n    oifname "outside" masquerade;'),
    # a carrier's block of ports
    "small": STATEFUL + MASQUERADE.replace("masquerade", "meta l4proto { tcp, udp } masquerade to :30208-30719 random"),
    # any of thousands; a low port stays no low one
    "thousands": STATEFUL + MASQUERADE.replace("masquerade", "meta l4proto { tcp, udp } masquerade to :20000-27999 random"),
    # any at all
    "random": STATEFUL + MASQUERADE.replace("masquerade", "meta l4proto { tcp, udp } masquerade to :1024-65535 random"),
    # let in from any port of those that were sent to
    "address-restricted": """
  map ports { type inet_service : ipv4_addr . inet_service; flags dynamic,timeout; timeout 300s; }
  set seen { type ipv4_addr . inet_service . ipv4_addr; flags dynamic,timeout; timeout 300s; }
  chain out { type nat hook postrouting priority srcnat - 1;
    oifname "outside" meta l4proto udp update @ports { udp sport timeout 300s : ip saddr . udp sport }
  }
  chain in { type nat hook prerouting priority dstnat;
    iifname "outside" meta l4proto udp dnat ip to udp dport map @ports
  }
""" + STATEFUL.replace("ct state established,related accept", """
    iifname "inside" meta l4proto udp update @seen { ip saddr . udp sport . ip daddr }
    ct state established,related accept
    ct status dnat ip daddr . udp dport . ip saddr @seen accept""") + MASQUERADE,
    "no-udp": STATEFUL.replace("ct state established", "meta l4proto udp drop\n    ct state established")
              + MASQUERADE,
    # UDP leaves and nothing of it comes back, or the other way round
    "send-only": STATEFUL.replace("ct state established", """iifname "outside" meta l4proto udp drop
    ct state established""") + MASQUERADE,
    "receive-only": STATEFUL.replace("ct state established", """iifname "inside" meta l4proto udp drop
    iifname "outside" meta l4proto udp accept
    ct state established"""),
    # out to web servers alone, and no UDP
    "web": STATEFUL.replace('iifname "inside" accept', 'iifname "inside" tcp dport { 80, 443 } accept') + MASQUERADE,
    # refuses what comes from outside, instead of being silent about it
    "refusing": STATEFUL.replace("new drop", "new reject with tcp reset").replace(
        "iifname \"outside\" ct", "iifname \"outside\" meta l4proto tcp ct") + MASQUERADE,
}
PUBLIC = {"open", "firewall", "receive-only"}  # the hosts behind have public addresses


class Site:
    def __init__(self, name, number, kind, host, barrier, address):
        self.name, self.number, self.kind = name, number, kind
        self.host, self.barrier, self.address = host, barrier, address
        self.endpoint = f"{name}.{DOMAIN}"


class Paths(World):
    SERVICE, DISCOVERY = ["198.51.100.10:443"], ["198.51.100.10", "198.51.100.11"]
    SETTINGS = MORE = ""  # of the service, in front of the first table of its file and at the end

    def __init__(self, lab, say=lambda text: None):
        super().__init__(lab, say)
        self.check_programs()
        self.sites: dict[str, Site] = {}
        self.net, self.service = lab.host("internet"), lab.host("service")
        lab.wire(self.net, "to-service", "198.51.100.1/24", self.service, "eth0", "198.51.100.10/24")
        self.service.run("ip", "addr", "add", "198.51.100.11/24", "dev", "eth0")
        self.service.run("ip", "route", "add", "default", "via", "198.51.100.1")
        self.net.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        # What leaks out of a private network ends here, as in the real one.
        self.net.run("nft", "add table ip bogons; add chain ip bogons f { type filter hook forward "
                     "priority 0; }; add rule ip bogons f ip saddr { 10.0.0.0/8, 100.64.0.0/10 } drop; "
                     "add rule ip bogons f ip daddr { 10.0.0.0/8, 100.64.0.0/10 } drop")
        self._wire_service()
        self.start_service(self.SERVICE, settings=self.SETTINGS,
                           more=f"\n[discovery]\naddresses = {json.dumps(self.DISCOVERY)}\n{self.MORE}")

    def _wire_service(self):
        """More of its network, before it is started."""

    def add(self, name: str, kind: str, lan_of: str | None = None, serve=True, more="",
            direct: bool | str = True, prepare=lambda site: None) -> Site:
        """`prepare`: what is to be done to the site before its agent is started."""
        number = len(self.sites) + 1
        host = self.lab.host(name)
        if lan_of:
            site = self._join(name, number, host, self.sites[lan_of])
        else:
            site = self._found(name, number, host, kind)
        self.sites[name] = site
        prepare(site)
        if serve:
            host.wait_for_listener(host.spawn(["python3", STEADY, "serve", str(PORT)], "steady"),
                                   set(), f"the server of {name}")
        listen = f'\n[[listen]]\nport = {PORT}\nto = "127.0.0.1:{PORT}"\n' if serve else ""
        self.start_agent(host, site.endpoint, listen + more, direct=direct)
        return site

    def _found(self, name, number, host, kind) -> Site:
        barrier = self.lab.host(f"barrier-{name}")
        outside, gateway = f"192.0.2.{4 * number + 2}", f"192.0.2.{4 * number + 1}"
        inside = f"203.0.113.{8 * number}" if kind in PUBLIC else f"10.{number}.0.0"
        network, first = inside.rsplit(".", 1)
        router, address = f"{network}.{int(first) + 1}", f"{network}.{int(first) + 2}"
        length = 29 if kind in PUBLIC else 24
        self.lab.wire(self.net, f"to-{number}", f"{gateway}/30", barrier, "outside", f"{outside}/30")
        self.lab.wire(barrier, "inside", f"{router}/{length}", host, "eth0", f"{address}/{length}")
        barrier.run("ip", "route", "add", "default", "via", gateway)
        host.run("ip", "route", "add", "default", "via", router)
        barrier.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        if kind in PUBLIC:
            self.net.run("ip", "route", "add", f"{inside}/{length}", "via", outside)
        if rules := BARRIERS[kind]:
            barrier.run("nft", "-f", "-",
                        input="table ip site {\n" + rules.replace("WAN", outside) + "\n}\n")
        return Site(name, number, kind, host, barrier, address)

    def _join(self, name, number, host, other: Site) -> Site:
        barrier, network = other.barrier, other.address.rsplit(".", 1)[0]
        address = join_lan(self.lab, barrier, network, host, "eth0", 100 + number)
        return Site(name, number, other.kind, host, barrier, address)

    def status(self, site: Site) -> dict:
        done = subprocess.run(self.status_command(site.host, "--json"), capture_output=True, text=True)
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise LabError(f"culvert status at {site.name}: {done.stdout}{done.stderr}") from None

    def why(self, site: Site, other: Site) -> str:
        done = subprocess.run(site.host.inside(self.as_user(
            [str(self.build / "culvert"), "why", "--agent", str(self.sockets[site.name]),
             other.endpoint])), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.stdout

    def wait_for(self, site: Site, what: str, condition, limit=20.0):
        """Until the status of that site's agent shows it; gives it, or None after the limit."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            shown = condition(self.status(site))
            if shown:
                return shown
            time.sleep(0.05)  # asks the product itself, which has no event to wait for
        return None

    def wait_until_placed(self, site: Site):
        """The service has tried whether it is let in there."""
        self.wait_for(site, "place", lambda status: status["place"]["inbound"] not in ("", "unknown"))

    def peer(self, site: Site, other: Site) -> dict | None:
        for peer in self.status(site)["peers"]:
            if peer["name"] == other.endpoint and peer["role"] == "caller":
                return peer
        return None

    def wait_for_way(self, site, other, accepted, limit=20.0) -> dict | None:
        def look(status):
            for peer in status["peers"]:
                if peer["name"] == other.endpoint and peer["role"] == "caller" and accepted(peer):
                    return peer
            return None
        return self.wait_for(site, "way", look, limit)

    def caller(self, site: Site) -> "Caller":
        return Caller(self, site)

    def logs(self, lines=15, *names) -> str:
        chosen = names or tuple(self.sites)
        return "\n".join(f"--- {name}\n" + "\n".join(
            (self.lab.directory / name / "agent.log").read_text().splitlines()[-lines:])
            for name in chosen)


class Caller:
    """What talk.Talk needs to know of where it runs."""

    def __init__(self, paths: Paths, site: Site):
        self.paths, self.a = paths, site.host

    def command_at(self, host, argv):
        return self.paths.command_at(host, argv)

    def environment(self):
        return self.paths.environment()
