"""The middleboxes of tests/bench/ways, and what is tried through each."""
import dataclasses
from typing import Callable

from inspecting_boxes import InspectingBoxes, take_connections
from middleboxes import Middlebox
from proxied import INSIDE
from ways_world import SERVICE


@dataclasses.dataclass
class Row:
    title: str
    make: Callable[[InspectingBoxes], Middlebox]
    announced: str = ""   # by the network's script, before the place: "PROXY"
    scheme: str = ""      # of the proxy's URL, where it is not the box's own
    # Recipes that are forced, one per column; empty: none that fits.
    tls: str = ""
    websocket: str = ""
    exchange: str = ""
    nine: str = ""        # of the nine proxies of the goals: "streams" or "stores"
    slow: bool = False    # whether 10 s may pass until a session is up, instead of 2
    reverse: bool = False  # a web server before the service, so its address is the invitation's
    takes: bool = False   # nobody is told of it, and nobody asks it
    speaks_connect: bool = False  # so that the other programs can ask it
    thorough: bool = False  # with proxytunnel, too, which asks as corkscrew does

    def settings(self, box: Middlebox) -> str:
        """What the invitation says of the service's address."""
        return f'service = "{INSIDE}:{box.port}"\n' if self.reverse else ""

    def forced(self, box: Middlebox, recipe: str) -> str:
        named = "" if self.reverse or self.takes else f'proxy = "{self.url(box)}"\n'
        return f'{self.settings(box)}{named}via = "{recipe}"\n'

    def url(self, box: Middlebox) -> str:
        return dataclasses.replace(box, scheme=self.scheme or box.scheme).url(INSIDE)


def http(title, make, **more):
    return Row(title, make, **{"announced": "PROXY", "exchange": "http-proxy", "tls": "connect-tls",
                               "speaks_connect": True, **more})


ROWS = (
    http("squid", lambda make: make.squid(), websocket="proxy-websocket", nine="streams",
         thorough=True),
    http("squid with an ICAP inspector", lambda make: make.squid_with_icap(), nine="streams"),
    http("tinyproxy", lambda make: make.tinyproxy(), nine="streams", thorough=True),
    http("privoxy", lambda make: make.privoxy(), nine="streams"),
    http("apache mod_proxy", lambda make: make.apache(), nine="streams"),
    http("Traffic Server", lambda make: make.traffic_server(), websocket="proxy-websocket",
         nine="streams"),
    http("e2guardian", lambda make: make.e2guardian(), nine="streams"),
    http("nginx that stores whole bodies", lambda make: make.forward_nginx(), tls="", slow=True,
         nine="stores"),
    http("mitmproxy: stores whole bodies, reads TLS", lambda make: make.mitmproxy(), tls="",
         websocket="proxy-websocket", slow=True, nine="stores"),
    http("squid that reads TLS", lambda make: make.squid_that_reads_tls(), tls="",
         exchange="connect-http-tls"),
    http("squid: GET and POST to port 80 only", lambda make: make.web_pages_only(), tls="",
         exchange="http-proxy-80", slow=True),
    Row("squid that takes ports 80 and 443, unasked, and reads TLS",
        lambda make: make.intercepting_squid(), takes=True, exchange="http-80"),
    Row("dante, SOCKS5", lambda make: make.dante(), "SOCKS5", "socks5", tls="socks-tls"),
    Row("dante, SOCKS4", lambda make: make.dante(name="dante-4"), "SOCKS4", "socks4", tls="socks-tls"),
    Row("ftp-proxy", lambda make: make.ftp_proxy(INSIDE)),
    Row("squid's FTP proxy", lambda make: make.squid_for_ftp(port=2121)),
    Row("nginx, reverse", lambda make: make.nginx(f"{SERVICE}:443"), reverse=True,
        websocket="websocket", exchange="http"),
    Row("haproxy, reverse", lambda make: make.haproxy(f"{SERVICE}:443"), reverse=True,
        websocket="websocket", exchange="http"),
)

COLUMNS = ("tls", "websocket", "exchange")


def prepare(router, row: Row):
    """The router's rules for those that take connections; undo() takes them away."""
    if row.takes:
        take_connections(router)


def undo(router, row: Row):
    if row.takes:
        router.run("nft", "delete", "table", "ip", "taken")
