"""More proxies of Debian as Middleboxes: those that look at, or store, what passes (what an office has),
and those that nobody is asked about, which take connections to elsewhere. Knows nothing of Culvert."""
import dataclasses
import os
import pathlib
import shutil

from lab import Host, ordinary_user
from middleboxes import NOBODY, Middlebox, Middleboxes, start

ICAP_MODULES = "/usr/lib/x86_64-linux-gnu/c_icap"

# What squid's `intercept` needs before it: connections to the web of elsewhere end at the router itself.
REDIRECT = """
table ip taken {
  chain before { type nat hook prerouting priority dstnat;
    iifname "inside" ip daddr != 10.0.0.0/8 tcp dport 80 redirect to :%d
    iifname "inside" ip daddr != 10.0.0.0/8 tcp dport 443 redirect to :%d
  }
}
"""


def start_box(host: Host, box: Middlebox) -> list:
    """With what it leans on; gives the processes."""
    return [start(host, one) for one in (*getattr(box, "before", ()), box)]


@dataclasses.dataclass
class LeaningMiddlebox(Middlebox):
    before: tuple[Middlebox, ...] = ()


class InspectingBoxes(Middleboxes):
    def own_copy(self, tree: str, folder: pathlib.Path) -> pathlib.Path:
        """Of a package's configuration, the user's who runs it."""
        copy = folder / "etc"
        shutil.copytree(tree, copy)
        if ordinary_user() is None:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        return copy

    def squid_with_icap(self, port=3130, icap_port=1344) -> Middlebox:
        """Each request and answer goes through an inspector first, which changes nothing."""
        self.need("c-icap")
        folder = self.folder("c-icap")
        (folder / "conf").write_text(
            f"PidFile {folder}/pid\nCommandsSocket {folder}/ctl\nPort 127.0.0.1:{icap_port}\n"
            f"ModulesDir {ICAP_MODULES}\nServicesDir {ICAP_MODULES}\nTmpDir {folder}\n"
            f"ServerLog {folder}/log\nAccessLog {folder}/access\nService echo srv_echo.so\n")
        icap = Middlebox("c-icap", ["c-icap", "-N", "-f", str(folder / "conf")], icap_port)
        service = f"icap://127.0.0.1:{icap_port}/echo"
        box = self.squid("squid-icap", port, rules="http_access deny CONNECT !SSL_ports\n"
                         "http_access allow all\nicap_enable on\n"
                         f"icap_service a reqmod_precache {service}\nadaptation_access a allow all\n"
                         f"icap_service b respmod_precache {service}\nadaptation_access b allow all\n")
        return LeaningMiddlebox(**vars(box), before=(icap,))

    def traffic_server(self, port=8086) -> Middlebox:
        self.need("traffic_server")
        folder = self.folder("traffic-server")
        etc = self.own_copy("/etc/trafficserver", folder)
        with open(etc / "records.config", "a") as records:
            records.write(f"CONFIG proxy.config.http.server_ports STRING {port}\n"
                          "CONFIG proxy.config.url_remap.remap_required INT 0\n"
                          "CONFIG proxy.config.reverse_proxy.enabled INT 0\n"
                          "CONFIG proxy.config.http.connect_ports STRING 443\n"
                          "CONFIG proxy.config.admin.user_id STRING #-1\n")
        (etc / "storage.config").write_text(f"{folder}/cache 64M\n")
        places = {"bindir": "/usr/bin", "sbindir": "/usr/sbin", "libexecdir":
                  "/usr/lib/trafficserver/modules", "sysconfdir": etc, "localstatedir": folder / "var",
                  "runtimedir": folder / "run", "logdir": folder / "log", "cachedir": folder / "cache",
                  "datadir": folder / "var", "includedir": "/usr/include", "libdir": "/usr/lib",
                  "prefix": folder, "exec_prefix": folder}
        for name in ("var", "run", "log", "cache"):
            (folder / name).mkdir()
            if ordinary_user() is None:
                os.chown(folder / name, NOBODY, NOBODY)
        (folder / "runroot.yaml").write_text("".join(f"{k}: {v}\n" for k, v in places.items()))
        return Middlebox("traffic-server",
                         ["traffic_server", f"--run-root={folder}/runroot.yaml"], port)

    def e2guardian(self, port=8087) -> Middlebox:
        """A content filter as it is installed; it looks for viruses in nothing."""
        self.need("e2guardian")
        folder = self.folder("e2guardian")
        etc = self.own_copy("/etc/e2guardian", folder)
        for path in etc.rglob("*"):
            if path.is_file():
                path.write_bytes(path.read_bytes().replace(b"/etc/e2guardian", str(etc).encode()))
        conf = etc / "e2guardian.conf"
        text = conf.read_text().replace("filterports = 8080", f"filterports = {port}", 1)
        text = text.replace("transparenthttpsport = 8443", f"transparenthttpsport = {port + 1}")
        conf.write_text(text + f"\nloglocation = '{folder}/access.log'\npidfilename = '{folder}/pid'\n"
                        f"filecachedir = '{folder}'\nhttpworkers = 60\ndaemonuser = 'nobody'\n"
                        "daemongroup = 'nogroup'\n")
        return Middlebox("e2guardian", ["e2guardian", "-N", "-c", str(conf)], port)

    def mitmproxy(self, port=8089) -> Middlebox:
        """Reads TLS, and passes nothing on before it is whole."""
        self.need("mitmdump")
        folder = self.folder("mitmproxy")
        return Middlebox("mitmproxy", ["mitmdump", "-p", str(port), "--set", f"confdir={folder}", "-q",
                                       "--ssl-insecure"], port, environment={"HOME": str(folder)})

    def forward_nginx(self, port=8082) -> Middlebox:
        """A model of what stores requests and forwards them when they are whole."""
        self.need("nginx")
        folder = self.folder("forward-nginx")
        temporary = "".join(f"{kind}_temp_path {folder}/tmp-{kind}; "
                            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "conf").write_text(
            f"daemon off; worker_processes 1; pid {folder}/pid; error_log stderr;\n"
            f"events {{}} http {{ access_log off; {temporary}\n"
            f"  server {{ listen {port}; location / {{ proxy_pass http://$http_host$request_uri; "
            "proxy_set_header Host $http_host; } } }\n")
        return Middlebox("nginx", ["nginx", "-e", "stderr", "-c", str(folder / "conf")], port)

    def web_pages_only(self, name="squid-pages", port=3150) -> Middlebox:
        """GET and POST to port 80, and nothing else."""
        return self.squid(name, port, rules="acl web port 80\nacl pages method GET POST\n"
                          "http_access deny !web\nhttp_access deny !pages\nhttp_access allow all\n")

    def intercepting_squid(self, plain=3160, tls=3161, pages=3162) -> Middlebox:
        """Takes connections to ports 80 and 443 of elsewhere (take_connections()), and reads both."""
        # A port of its own is squid's condition for error pages.
        return self.squid_that_reads_tls(
            tls, "squid-takes",
            listen=f"http_port {pages}\nhttp_port {plain} intercept\nhttps_port {tls} intercept")


def take_connections(router: Host, plain=3160, tls=3161):
    router.run("nft", "-f", "-", input=REDIRECT % (plain, tls))
