"""What the network of site A says about proxies: names, and options of DHCP."""
import pathlib
import time

from lab import LabError
from proxied import INSIDE, ProxiedSites
from servers import make_web_server


class Announcements:
    """serve_script() once, the others again and again."""

    def __init__(self, sites: ProxiedSites):
        self.sites, self.router, self.lab = sites, sites.router_a, sites.lab
        self.names = next(process for process in self.router.processes
                          if f"--listen-address={INSIDE}" in process.args)

    def serve_script(self, text: str) -> pathlib.Path:
        """At http://INSIDE/wpad.dat; gives the file."""
        web = self.lab.directory / "pac"
        command = make_web_server(web)
        script = web / "root" / "wpad.dat"
        script.write_text(text)
        before = self.router.listeners()
        self.router.wait_for_listener(self.router.spawn(["sh", "-c", command], "web"), before, "nginx")
        return script

    def serve_names(self, *records: str):
        """The name server of the site, anew, with these records."""
        self.router.stop(self.names)
        self.names = self.router.spawn(
            ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
             "--pid-file=", "--local=/#/", f"--listen-address={INSIDE}", "--bind-interfaces",
             *[f"--host-record={record},{INSIDE}" for record in ("proxy.site", *records)]], "dnsmasq")
        before = {local: port for local, port in self.router.listeners().items() if port != 53}
        self.router.wait_for_listener(self.names, before, "dnsmasq")

    def serve_addresses(self, *options: str):
        """A DHCP server on the site's link; gives the process once it answers."""
        process = self.router.spawn(
            ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0", "--pid-file=",
             "--interface=inside", "--bind-interfaces", "--dhcp-range=10.1.0.50,10.1.0.90,1h",
             f"--dhcp-leasefile={self.lab.directory}/leases", "--log-dhcp",
             *[f"--dhcp-option={option}" for option in options]], "dhcp")
        deadline = time.monotonic() + 20
        while "sockets bound exclusively" not in process.log.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise LabError("the DHCP server did not start:\n" + process.log.read_text())
            time.sleep(0.02)
        return process
