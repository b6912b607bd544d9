"""A network inside a barrier that has more than one host."""


def join_lan(lab, barrier, network: str, host, interface: str, number: int) -> str:
    """Another host behind that barrier, at `network`.number: a second cable, and a bridge under the name of the
    barrier's interface "inside". Gives its address."""
    address = f"{network}.{number}"
    for command in (("link", "add", "inside-bridge", "type", "bridge"),
                    ("link", "set", "inside", "down"), ("addr", "flush", "dev", "inside"),
                    ("link", "set", "inside", "name", "inside-1"),
                    ("link", "set", "inside-bridge", "name", "inside"),
                    ("link", "set", "inside-1", "master", "inside"),
                    ("link", "set", "inside-1", "up"),
                    ("addr", "add", f"{network}.1/24", "dev", "inside"),
                    ("link", "set", "inside", "up")):
        barrier.run("ip", *command)
    # Else the barrier's rules for what it routes are asked about what stays on the link (br_netfilter).
    barrier.run("sh", "-c", "cd /proc/sys/net/bridge 2>/dev/null || exit 0; echo 0 > bridge-nf-call-iptables; "
                "echo 0 > bridge-nf-call-ip6tables")
    lab.wire(barrier, "inside-2", "0.0.0.0/0", host, interface, f"{address}/24")
    barrier.run("ip", "link", "set", "inside-2", "master", "inside")
    host.run("ip", "route", "add", "default", "via", f"{network}.1")
    return address
