"""Still more of Debian's proxies, relays and front ends as Middleboxes, set as tightly as people set them.
Knows nothing of Culvert."""
import dataclasses
import os
import pathlib
import subprocess

from inspecting_boxes import InspectingBoxes
from lab import LabError, ordinary_user
from middleboxes import NOBODY, Middlebox

TIGHT = 3  # seconds of silence that tight ones stand


class FurtherBoxes(InspectingBoxes):
    """`service`: what front ends and relays pass connections on to."""

    def __init__(self, directory: pathlib.Path, service: str):
        super().__init__(directory)
        self.service = service
        self.service_host, self.service_port = service.split(":")

    def written(self, name: str, text: str) -> pathlib.Path:
        folder = self.folder(name)
        (folder / "conf").write_text(text.replace("$FOLDER", str(folder)))
        return folder / "conf"

    def certificate(self, name: str) -> pathlib.Path:
        folder = self.folder(f"certificate-of-{name}")
        both = folder / "both.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key", "-out",
                        "certificate", "-days", "2", "-subj", f"/CN={name}.test"], check=True, cwd=folder,
                       capture_output=True)
        both.write_text((folder / "key").read_text() + (folder / "certificate").read_text())
        if ordinary_user() is None:
            os.chown(both, NOBODY, NOBODY)
        return both

    # Forward proxies

    def tinyproxy_with_login(self, port=8201) -> Middlebox:
        """Filters by host, too: everything but the service is denied."""
        self.need("tinyproxy")
        conf = self.written("tinyproxy-login", f'Port {port}\nTimeout 10\nMaxClients 20\n'
                            'BasicAuth alice secret\nConnectPort 443\nFilter "$FOLDER/filter"\n'
                            'FilterDefaultDeny Yes\nFilterExtended On\nLogFile "$FOLDER/log"\n')
        (conf.parent / "filter").write_text(f"^{self.service_host}$\n".replace(".", "[.]"))
        return Middlebox("tinyproxy-login", ["tinyproxy", "-d", "-c", str(conf)], port)

    def slow_squid(self, port=8202) -> Middlebox:
        """A delay pool of 4 MB/s for all together, and what squid can be told to end soon."""
        return self.squid("squid-slow", port, rules="delay_pools 1\ndelay_class 1 1\n"
                          "delay_access 1 allow all\ndelay_parameters 1 4000000/4000000\n"
                          f"read_timeout {2 * TIGHT} seconds\nclient_lifetime 1 minutes\n"
                          f"request_timeout {TIGHT} seconds\nclient_idle_pconn_timeout {TIGHT} seconds\n"
                          "http_access deny CONNECT !SSL_ports\nhttp_access allow all\n")

    def small_squid(self, port=8203) -> Middlebox:
        """Pages alone, of 64 KB at most upwards and 512 KB downwards, and twelve connections a client."""
        return self.squid("squid-small", port, rules="acl many maxconn 12\nhttp_access deny many\n"
                          "acl upgrades req_header Upgrade .\nhttp_access deny upgrades\n"
                          "request_body_max_size 64 KB\nreply_body_max_size 512 KB\n"
                          "http_access deny CONNECT\nhttp_access allow all\n")

    def splicing_squid(self, port=8204) -> Middlebox:
        """Looks at the name in TLS, and passes TLS alone in CONNECT."""
        box = self.squid_that_reads_tls(port, "squid-splices")
        conf = self.directory / "squid-splices" / "squid.conf"
        conf.write_text(conf.read_text().replace("ssl_bump bump all", "ssl_bump splice all")
                        + "on_unsupported_protocol respond all\n")
        return box

    def ncat(self, port=8205) -> Middlebox:
        self.need("ncat")
        self.folder("ncat")
        return Middlebox("ncat", ["ncat", "-l", "-k", "--proxy-type", "http", "--proxy-auth",
                                  "alice:secret", "0.0.0.0", str(port)], port)

    def apt_cacher(self, port=8206) -> Middlebox:
        """A cache for Debian's packages that lets CONNECT pass, as its manual says for https."""
        self.need("apt-cacher-ng")
        conf = self.written("apt-cacher", "")
        folder = conf.parent
        etc = folder / "etc"
        etc.mkdir()
        (etc / "acng.conf").write_text(
            f"CacheDir: {folder}/cache\nLogDir: {folder}/log\nPort: {port}\nReportPage: report.html\n"
            "PassThroughPattern: .*\nForeGround: 1\nExThreshold: 4\n")
        for name in ("cache", "log"):
            (folder / name).mkdir()
            if ordinary_user() is None:
                os.chown(folder / name, NOBODY, NOBODY)
        return Middlebox("apt-cacher", ["timeout", "-k", "1", "600", "apt-cacher-ng", "-c", str(etc)], port)

    def ziproxy(self, connect: bool, port: int) -> Middlebox:
        """Packs what passes and makes pictures worse; one process for each connection."""
        self.need("ziproxy")
        name = "ziproxy" if connect else "ziproxy-pages"
        conf = self.written(name, f"AllowMethodCONNECT = {str(connect).lower()}\nConnTimeout = {TIGHT}\n"
                            "Gzip = true\nProcessJPG = true\nProcessHTML = true\nUseContentLength = false\n")
        return Middlebox(name, ["socat", f"TCP-LISTEN:{port},reuseaddr,fork,max-children=32",
                                f"EXEC:ziproxy -i -c {conf}"], port)

    # Front ends before the service, and relays to it

    def tight_haproxy(self, mode: str, port: int) -> Middlebox:
        self.need("haproxy")
        name = f"haproxy-{mode}"
        conf = self.written(name, f"defaults\n  mode {mode}\n  timeout connect 2s\n"
                            f"  timeout client {TIGHT}s\n  timeout server {TIGHT}s\n"
                            + (f"  timeout http-request {TIGHT}s\n  timeout http-keep-alive 1s\n"
                               if mode == "http" else "") +
                            f"frontend f\n  bind :{port}\n  default_backend b\n"
                            f"backend b\n  server s {self.service} maxconn 20\n")
        return Middlebox(name, ["haproxy", "-db", "-f", str(conf)], port)

    def varnish(self, port=8211) -> Middlebox:
        self.need("varnishd")
        conf = self.written("varnish", f'vcl 4.1;\nbackend default {{ .host = "{self.service_host}"; '
                            f'.port = "{self.service_port}"; }}\n')
        return Middlebox("varnish", ["varnishd", "-F", "-j", "none", "-a", f"0.0.0.0:{port}", "-f",
                                     str(conf), "-n", str(conf.parent / "work"), "-s", "malloc,64m"], port)

    def nginx_stream(self, port=8212) -> Middlebox:
        self.need("nginx")
        if not pathlib.Path("/usr/lib/nginx/modules/ngx_stream_module.so").exists():
            raise LabError("this nginx has no stream module of Debian's")
        conf = self.written("nginx-stream", "load_module modules/ngx_stream_module.so;\ndaemon off;\n"
                            "pid $FOLDER/pid; error_log stderr; worker_processes 1;\nevents {}\n"
                            f"stream {{ server {{ listen {port}; proxy_pass {self.service};\n"
                            f"  proxy_timeout {TIGHT}s; proxy_download_rate 4m; proxy_upload_rate 4m;\n"
                            "}}\n")
        return Middlebox("nginx-stream", ["nginx", "-e", "stderr", "-p", "/usr/share/nginx", "-c",
                                          str(conf)], port)

    def hitch(self, port=8213) -> Middlebox:
        """Ends TLS with a certificate of its own, which no client of it would take."""
        self.need("hitch")
        certificate = self.certificate("hitch")
        conf = self.written("hitch", f'frontend = "[*]:{port}"\nbackend = "[{self.service_host}]:'
                            f'{self.service_port}"\npem-file = "{certificate}"\nworkers = 1\n')
        return Middlebox("hitch", ["hitch", "--config", str(conf)], port)

    def stunnel(self, port=8214) -> Middlebox:
        self.need("stunnel4")
        certificate = self.certificate("stunnel")
        conf = self.written("stunnel", f"foreground = yes\npid =\ncert = {certificate}\n[s]\n"
                            f"accept = {port}\nconnect = {self.service}\nTIMEOUTidle = {TIGHT}\n")
        return Middlebox("stunnel", ["stunnel4", str(conf)], port)

    def sslh(self, port=8215) -> Middlebox:
        """Tells TLS from HTTP, as the service does itself; whoever waits is sent to TLS."""
        self.need("sslh")
        self.folder("sslh")
        return Middlebox("sslh", ["sslh", "-f", "-n", "-p", f"0.0.0.0:{port}", "--tls", self.service,
                                  "--http", self.service, "--on-timeout", "tls"], port)

    def rinetd(self, port=8216) -> Middlebox:
        self.need("rinetd")
        conf = self.written("rinetd", f"0.0.0.0 {port} {self.service_host} {self.service_port}\n")
        return Middlebox("rinetd", ["rinetd", "-f", "-c", str(conf)], port)

    def pen(self, port=8217) -> Middlebox:
        self.need("pen")
        self.folder("pen")
        return Middlebox("pen", ["pen", "-f", f"0.0.0.0:{port}", self.service], port)

    def caddy(self, port=8218) -> Middlebox:
        self.need("caddy")
        conf = self.written("caddy", f"{{\n  admin off\n  auto_https off\n}}\nhttp://:{port} {{\n"
                            f"  reverse_proxy {self.service}\n}}\n")
        folder = str(conf.parent)
        return Middlebox("caddy", ["caddy", "run", "--adapter", "caddyfile", "--config", str(conf)], port,
                         environment={"HOME": folder, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder})

    def apache_reverse(self, port=8219) -> Middlebox:
        box = dataclasses.replace(self.apache(port), name="apache-reverse")
        conf = self.directory / "apache" / "conf"
        text = conf.read_text().split("ProxyRequests")[0]
        conf.write_text(text + f'ProxyPass "/" "http://{self.service}/"\nTimeout {TIGHT}\n')
        return box
