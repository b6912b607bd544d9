"""The world of paths.py with IPv6 beside IPv4, at the service and where a site has it:

    host 2001:db8:bN::2 -- barrier 2001:db8:aN::2 --+-- internet -- service 2001:db8:10::10
"""
from paths import Paths

NAME, FOUR, SIX = "culvert.test", "198.51.100.10", "2001:db8:10::10"
FIREWALL = """
table ip6 site {
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "inside" accept
  }
}
"""
# Barriers of IPv6.
RULES = {
    "open": "",
    "firewall": FIREWALL,
    "no-udp": FIREWALL.replace("ct state established", "meta l4proto udp drop\n    ct state established"),
    # nothing but to the service, or no TCP
    "service-only": FIREWALL.replace("ct state established", """ip6 saddr != 2001:db8:10::/64 \
ip6 daddr != 2001:db8:10::/64 drop
    ct state established"""),
    "no-tcp": FIREWALL.replace("ct state established", f"""meta l4proto tcp ip6 saddr != {SIX} ip6 daddr != {SIX} drop
    ct state established"""),
}


class SixPaths(Paths):
    """`plan`: of each site its name, and barrier of IPv4, that of IPv6 ("": there is none of that
    family), and by which of them the service's name leads to it ("4", "6", "46")."""

    SERVICE, DISCOVERY = [f"{FOUR}:443", f"[{SIX}]:443"], [FOUR, "198.51.100.11", SIX, "2001:db8:10::11"]
    SETTINGS = f'public_address = "{NAME}:443"'

    def __init__(self, lab, plan):
        self.plan = plan
        super().__init__(lab)

    def add_all(self, **options):
        for name, (four, _, _) in self.plan.items():
            self.add(name, four, **options)

    def _wire_service(self):
        for host, interface in ((self.net, "to-service"), (self.service, "eth0")):
            self._prepare(host)
            host.run("sysctl", "-qw", *[f"net.ipv6.conf.{interface}.{setting}" for setting in
                                        ("disable_ipv6=1", "accept_dad=0", "disable_ipv6=0")])
        self.net.run("ip", "addr", "add", "2001:db8:10::1/64", "dev", "to-service", "nodad")
        for address in (SIX, "2001:db8:10::11"):
            self.service.run("ip", "addr", "add", f"{address}/64", "dev", "eth0", "nodad")
        self.service.run("ip", "-6", "route", "add", "default", "via", "2001:db8:10::1")

    @staticmethod
    def _prepare(host):
        # Addresses are there at once, without a search for others that have them (DAD).
        host.run("sysctl", "-qw", *[f"net.ipv6.conf.{which}.{key}" for which in ("all", "default")
                                    for key in ("accept_dad=0", "forwarding=1")])

    def _found(self, name, number, host, kind):
        _, six, reached_by = self.plan[name]
        self._prepare(host)
        site = super()._found(name, number, host, kind or "open")
        if not kind:
            host.run("ip", "-4", "addr", "flush", "dev", "eth0")
        with open(host.etc / "hosts", "a") as hosts:
            for family, address in (("6", SIX), ("4", FOUR)):
                if family in reached_by:
                    hosts.write(f"{address} {NAME}\n")
        if six:
            self._wire_six(number, site, six)
        return site

    def _wire_six(self, number, site, six):
        self._prepare(site.barrier)
        for interface in ("outside", "inside"):  # that are there already
            site.barrier.run("sysctl", "-qw", *[f"net.ipv6.conf.{interface}.{setting}" for setting in
                                                ("disable_ipv6=1", "accept_dad=0", "disable_ipv6=0")])
        outside, inside = f"2001:db8:a{number}:", f"2001:db8:b{number}:"
        for host, interface, address in ((self.net, f"to-{number}", f"{outside}:1"),
                                         (site.barrier, "outside", f"{outside}:2"),
                                         (site.barrier, "inside", f"{inside}:1"),
                                         (site.host, "eth0", f"{inside}:2")):
            host.run("ip", "addr", "add", f"{address}/64", "dev", interface, "nodad")
        site.six = f"{inside}:2"
        site.barrier.run("ip", "-6", "route", "add", "default", "via", f"{outside}:1")
        site.host.run("ip", "-6", "route", "add", "default", "via", f"{inside}:1")
        self.net.run("ip", "-6", "route", "add", f"{inside}:/64", "via", f"{outside}:2")
        if rules := RULES[six]:
            site.barrier.run("nft", "-f", "-", input=rules)
