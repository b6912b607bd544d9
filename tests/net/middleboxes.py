"""Real proxies of Debian with throw-away configuration, each as a Middlebox: what to run, as an
ordinary user, where it listens, and how an agent names it. Knows nothing of Culvert."""
import dataclasses
import os
import pathlib
import shutil

from lab import Host, LabError, ordinary_user

NOBODY = 65534
MODULES = "/usr/lib/apache2/modules"


@dataclasses.dataclass
class Middlebox:
    name: str
    command: list[str]
    port: int
    scheme: str = "http"
    environment: dict[str, str] = dataclasses.field(default_factory=dict)

    def url(self, address: str, user="") -> str:
        return f"{self.scheme}://{user + '@' if user else ''}{address}:{self.port}"


def as_somebody(argv: list[str]) -> list[str]:
    """Not as root: most of these would want to drop it, with users and folders of the machine."""
    user = ordinary_user()
    if user is not None:
        return ["unshare", "--user", f"--map-user={user[0]}", f"--map-group={user[1]}", "--", *argv]
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--", *argv]


def start(host: Host, box: Middlebox):
    """Gives the process once it listens."""
    process = host.spawn(as_somebody(box.command), box.name, env={**os.environ, **box.environment})
    while box.port not in host.wait_for_listener(process, set(), box.name):
        pass
    return process


class Middleboxes:
    """Makes their folders below `directory`."""

    def __init__(self, directory: pathlib.Path):
        self.directory = directory
        directory.mkdir(parents=True)

    def folder(self, name: str) -> pathlib.Path:
        folder = self.directory / name
        folder.mkdir()
        if ordinary_user() is None:
            os.chown(folder, NOBODY, NOBODY)
        return folder

    @staticmethod
    def need(program: str):
        if not shutil.which(program):
            raise LabError(f"the program {program} is missing: run tools/install-packages --test")

    def squid(self, name="squid", port=3128, rules="", listen="") -> Middlebox:
        self.need("squid")
        folder = self.folder(name)
        rules = rules or ("http_access deny CONNECT !SSL_ports\nhttp_access allow all\n")
        listen = listen or f"http_port {port}"
        (folder / "squid.conf").write_text(
            f"visible_hostname proxy.test\npid_filename none\naccess_log stdio:{folder}/access.log\n"
            f"cache_log {folder}/cache.log\npinger_enable off\nnetdb_filename none\n"
            f"coredump_dir {folder}\nshutdown_lifetime 0 seconds\nacl SSL_ports port 443\n"
            f"{listen}\n{rules}\nhttp_access deny all\n")
        return Middlebox(name, ["squid", "-N", "-n", name.replace("-", ""), "-f",
                                str(folder / "squid.conf")], port)

    def tinyproxy(self, port=8888) -> Middlebox:
        self.need("tinyproxy")
        folder = self.folder("tinyproxy")
        (folder / "conf").write_text(f'Port {port}\nTimeout 600\nMaxClients 100\n'
                                     f'LogFile "{folder}/log"\n')
        return Middlebox("tinyproxy", ["tinyproxy", "-d", "-c", str(folder / "conf")], port)

    def privoxy(self, port=8118) -> Middlebox:
        self.need("privoxy")
        folder = self.folder("privoxy")
        (folder / "config").write_text(
            f"confdir /etc/privoxy\nlogdir {folder}\nactionsfile match-all.action\n"
            f"actionsfile default.action\nfilterfile default.filter\nlisten-address :{port}\n"
            "toggle 1\nkeep-alive-timeout 5\ntolerate-pipelining 1\nsocket-timeout 300\n")
        return Middlebox("privoxy", ["privoxy", "--no-daemon", str(folder / "config")], port)

    def apache(self, port=8081) -> Middlebox:
        self.need("apache2")
        folder = self.folder("apache")
        modules = "".join(f"LoadModule {module}_module {MODULES}/mod_{module}.so\n"
                          for module in ("mpm_event", "authz_core", "authz_host", "proxy",
                                         "proxy_http", "proxy_connect"))
        (folder / "conf").write_text(
            f"ServerRoot {folder}\nServerName proxy.test\nPidFile {folder}/pid\n"
            f"ErrorLog {folder}/log\nListen {port}\n{modules}ProxyRequests On\n"
            'AllowCONNECT 443 563\n<Proxy "*">\nRequire all granted\n</Proxy>\n')
        return Middlebox("apache", ["apache2", "-DFOREGROUND", "-f", str(folder / "conf")], port)
