"""Gateways that map ports, as barriers of paths.Paths: miniupnpd beside a NAT that gives each
destination another port, and one whose answers are lies."""
import pathlib
import re
import time

from lab import LabError
from paths import BARRIERS, Paths

# What lets miniupnpd's redirections through, and the tables that it fills.
MAPPING = BARRIERS["symmetric"].replace("iifname \"inside\" accept",
                                        "iifname \"inside\" accept\n    ct status dnat accept")
TABLES = """table inet upnp {
  chain forward { type filter hook forward priority 0; policy accept; jump miniupnpd; }
  chain miniupnpd { }
  chain prerouting { type nat hook prerouting priority -100; jump prerouting_miniupnpd; }
  chain prerouting_miniupnpd { }
  chain postrouting { type nat hook postrouting priority 99; jump postrouting_miniupnpd; }
  chain postrouting_miniupnpd { }
}
"""
CONFIG = """ext_ifname=outside
ext_ip=%s
listening_ip=inside
enable_natpmp=%s
enable_upnp=yes
secure_mode=yes
notify_interval=60
min_lifetime=120
max_lifetime=86400
uuid=00000000-0000-0000-0000-0000000000%02d
upnp_table_name=upnp
upnp_nat_table_name=upnp
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
allow 1024-65535 10.0.0.0/8 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
"""
# A gateway that hears searches of its group alone, as devices of UPnP 1.0 may.
GROUP_ALONE = """table ip deaf {
  chain input { type filter hook input priority -10; policy accept;
    iifname "inside" ip daddr != 239.255.255.250 udp dport 1900 counter drop
  }
}
"""
UPNP_ALONE = ("upnp", "upnp-group")
LIAR = str(pathlib.Path(__file__).resolve().parent / "lying_gateway.py")
BARRIERS.update({kind: MAPPING for kind in ("mapping", *UPNP_ALONE, "lying")})


class Gateways(Paths):
    def _found(self, name, number, host, kind):
        site = super()._found(name, number, host, kind)
        if kind in ("mapping", *UPNP_ALONE):
            site.barrier.run("nft", TABLES)
            site.daemon = self.start_miniupnpd(site)
        if kind == "upnp-group":
            site.barrier.run("nft", GROUP_ALONE)
        if kind == "lying":
            site.barrier.run("ip", "addr", "add", f"10.{number}.0.9/24", "dev", "inside")
            site.liar = site.barrier.spawn(["python3", LIAR, f"10.{number}.0.1", f"10.{number}.0.9"],
                                           "liar")
            wait(lambda: "ready" in site.liar.log.read_text(), "the lying gateway")
        return site

    def start_miniupnpd(self, site):
        directory = self.lab.directory / site.barrier.name
        config = directory / "miniupnpd.conf"
        # It takes none of the addresses for documentation for an address of the Internet.
        config.write_text(CONFIG % (f"5.5.5.{site.number}", "no" if site.kind in UPNP_ALONE else "yes",
                                    site.number))
        daemon = site.barrier.spawn(["miniupnpd", "-d", "-f", str(config), "-P",
                                     str(directory / "miniupnpd.pid")], "miniupnpd")
        udp = pathlib.Path(f"/proc/{site.barrier.pid}/net/udp")
        port = ":076C" if site.kind in UPNP_ALONE else ":14E7"  # 1900, 5351
        wait(lambda: port in udp.read_text(), f"miniupnpd of {site.name}", daemon)
        site.started_at = time.monotonic()
        return daemon

    @staticmethod
    def forget(site):
        """As a restart does that keeps nothing."""
        for chain in ("miniupnpd", "prerouting_miniupnpd", "postrouting_miniupnpd"):
            site.barrier.run("nft", "flush", "chain", "inet", "upnp", chain)

    @staticmethod
    def redirections(site, protocol="tcp") -> list[tuple[int, str]]:
        """(port outside, where it leads) as the kernel has them."""
        rules = site.barrier.run("nft", "list", "chain", "inet", "upnp", "prerouting_miniupnpd").stdout
        number = {"tcp": r"(0x0*)?6", "udp": r"(0x0*11|17)"}[protocol]  # miniupnpd's rules show it raw
        chosen = re.compile(rf"\b{protocol}\b|@nh,72,8 {number}\b")
        rules = "\n".join(line for line in rules.splitlines() if chosen.search(line))
        return [(int(port), to) for port, to in
                re.findall(r"th dport (\d+) .*?dnat ip to ([\d.:]+)", rules)] or \
               [(int(port), to) for port, to in re.findall(r"dport (\d+) .*?dnat.*? to ([\d.:]+)", rules)]

    def mapping(self, site, protocol="tcp") -> dict:
        mappings = [one for one in self.status(site)["place"]["mappings"] if one["protocol"] == protocol]
        return mappings[0] if mappings else {}


def wait(condition, what, process=None, limit=10.0):
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline or (process and process.poll() is not None):
            raise LabError(f"{what} did not come up" +
                           ("" if process is None else "\n" + process.log.read_text()[-2000:]))
        time.sleep(0.02)  # a kernel table, which has no event
