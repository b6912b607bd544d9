"""Real proxies of Debian with throw-away configuration, each as a Middlebox: what to run, as an
ordinary user, where it listens, and how an agent names it. Knows nothing of Culvert."""
import dataclasses
import os
import pathlib
import shutil
import subprocess

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
        if process.poll() is not None:  # others listen here
            raise LabError(f"{box.name} did not stay:\n" + process.log.read_text()[-2000:])
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
            "http_upgrade_request_protocols websocket allow all\n"
            f"{listen}\n{rules}\nhttp_access deny all\n")
        return Middlebox(name, ["squid", "-N", "-n", name.replace("-", ""), "-f",
                                str(folder / "squid.conf")], port)

    def squid_for_ftp(self, port=3121, name="squid-ftp") -> Middlebox:
        """Its data connections carry octets in the direction of the file alone."""
        box = self.squid(name, port, "http_access allow all\n", f"http_port 127.0.0.1:3120\nftp_port {port}")
        return dataclasses.replace(box, scheme="ftp")

    def squid_in_tls(self, address: str, port=3143) -> tuple[Middlebox, pathlib.Path]:
        """Spoken to in TLS; and the authority that its certificate for this address is of."""
        folder = self.folder("certificates")
        run = lambda *argv: subprocess.run(["openssl", *argv], check=True, cwd=folder,  # noqa: E731
                                           capture_output=True)
        elliptic = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        run("req", "-x509", *elliptic, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
            "-subj", "/CN=The site's authority")
        run("req", *elliptic, "-keyout", "key", "-out", "request", "-subj", "/CN=proxy.test")
        (folder / "names").write_text(f"subjectAltName=IP:{address},DNS:proxy.test\n")
        run("x509", "-req", "-in", "request", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2",
            "-CAcreateserial", "-extfile", "names", "-out", "certificate")
        both = folder / "proxy.pem"
        both.write_text((folder / "certificate").read_text() + (folder / "key").read_text())
        secret = subprocess.run(["openssl", "passwd", "-apr1", "secret"], check=True,
                                capture_output=True, text=True).stdout.strip()
        (folder / "passwords").write_text(f"alice:{secret}\n")
        if ordinary_user() is None:
            os.chown(both, NOBODY, NOBODY)
        box = self.squid("squid-tls", port,
                         rules="auth_param basic program /usr/lib/squid/basic_ncsa_auth "
                         f"{folder}/passwords\nacl known proxy_auth REQUIRED\n"
                         "http_access deny CONNECT !SSL_ports\nhttp_access allow known\n",
                         listen=f"https_port {port} tls-cert={both}")
        return dataclasses.replace(box, scheme="https"), folder / "ca.pem"

    def squid_that_reads_tls(self, port=3144, name="squid-reads-tls", listen="") -> Middlebox:
        """Shows certificates of its own, made as they are asked for; on `port`, or as `listen` says."""
        folder = self.folder(f"authority-of-{name}")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key",
                        "-out", "certificate", "-days", "2", "-subj", "/CN=The site reads TLS"],
                       check=True, cwd=folder, capture_output=True)
        both = folder / "both.pem"
        both.write_text((folder / "certificate").read_text() + (folder / "key").read_text())
        made = folder / "made"
        helper = "/usr/lib/squid/security_file_certgen"
        if ordinary_user() is None:
            os.chown(both, NOBODY, NOBODY)
        subprocess.run(as_somebody([helper, "-c", "-s", str(made), "-M", "4MB"]), check=True,
                       capture_output=True)
        return self.squid(
            name, port,
            rules=f"sslcrtd_program {helper} -s {made} -M 4MB\nacl s1 at_step SslBump1\n"
            "ssl_bump peek s1\nssl_bump bump all\nsslproxy_cert_error allow all\n"
            "tls_outgoing_options flags=DONT_VERIFY_PEER\nhttp_access allow all\n",
            listen=f"{listen or f'http_port {port}'} ssl-bump tls-cert={both} "
            "generate-host-certificates=on")

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

    def dante(self, port=1080, name="dante", udp=False) -> Middlebox:
        """SOCKS4 and SOCKS5, without a login: it would be the machine's own. `udp`: relays that, too."""
        self.need("danted")
        folder = self.folder(name)
        relay = ("socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 command: udpassociate udpreply }\n"
                 if udp else "")
        (folder / "conf").write_text(
            f"logoutput: stderr\ninternal: 10.1.0.1 port = {port}\nexternal: outside\n"
            "clientmethod: none\nsocksmethod: none\n"
            "client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }\n"
            "socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 command: connect }\n" + relay)
        return Middlebox(name, ["danted", "-f", str(folder / "conf")], port, "socks5")

    def microsocks(self, port=1081, user="", password="") -> Middlebox:
        self.need("microsocks")
        login = ["-u", user, "-P", password] if user else []
        return Middlebox("microsocks", ["microsocks", "-i", "0.0.0.0", "-p", str(port), *login],
                         port, "socks5")

    def ftp_proxy(self, address: str, port=2121, name="ftp-proxy") -> Middlebox:
        """Users name the server: USER anonymous@HOST:PORT."""
        self.need("ftp-proxy")
        folder = self.folder(name)
        (folder / "conf").write_text(
            f"ServerType standalone\nListen {address}\nPort {port}\nDestinationAddress 127.0.0.1\n"
            f"AllowMagicUser yes\nForkLimit 1000\nLogDestination {folder}/log\n")
        return Middlebox(name, ["ftp-proxy", "-n", "-f", str(folder / "conf")], port, "ftp")

    def nginx(self, service: str, port=8080) -> Middlebox:
        """A reverse proxy before a web server, that passes WebSocket on as its manual says."""
        self.need("nginx")
        folder = self.folder("nginx")
        temporary = "".join(f"{kind}_temp_path {folder}/tmp; "
                            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "conf").write_text(
            f"daemon off; pid {folder}/pid; error_log stderr; worker_processes 1;\n"
            "events { worker_connections 256; }\n"
            f"http {{ access_log off; {temporary}\n"
            "  map $http_upgrade $connection_upgrade { default upgrade; '' close; }\n"
            f"  server {{ listen {port}; location / {{ proxy_pass http://{service};\n"
            "    proxy_http_version 1.1; proxy_set_header Host $host;\n"
            "    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n"
            "    proxy_set_header Upgrade $http_upgrade;\n"
            "    proxy_set_header Connection $connection_upgrade; }} }} }}\n".replace("}}", "}"))
        return Middlebox("nginx", ["nginx", "-e", "stderr", "-p", str(folder), "-c",
                                   str(folder / "conf")], port)

    def haproxy(self, service: str, port=8083, name="haproxy") -> Middlebox:
        self.need("haproxy")
        folder = self.folder(name)
        (folder / "conf").write_text(
            "defaults\n  mode http\n  timeout connect 5s\n  timeout client 50s\n"
            "  timeout server 50s\n  option forwardfor\n"
            f"frontend f\n  bind :{port}\n  default_backend b\nbackend b\n  server s {service}\n")
        return Middlebox(name, ["haproxy", "-db", "-f", str(folder / "conf")], port)

    def squid_with_tickets(self, name: str, port: int, keytab: pathlib.Path, principal: str,
                           connect=True, basic=False) -> Middlebox:
        """Negotiate with Kerberos; `basic`: and alice, whose password is secret."""
        refused = "CONNECT !SSL_ports" if connect else "CONNECT"
        helpers = "/usr/lib/squid"
        rules = (f"auth_param negotiate program {helpers}/negotiate_kerberos_auth -r -k {keytab} "
                 f"-s {principal}\n")
        if basic:
            secret = subprocess.run(["openssl", "passwd", "-apr1", "secret"], check=True,
                                    capture_output=True, text=True).stdout.strip()
            (self.directory / f"{name}-passwords").write_text(f"alice:{secret}\n")
            rules += (f"auth_param basic program {helpers}/basic_ncsa_auth "
                      f"{self.directory}/{name}-passwords\n")
        return self.squid(name, port, rules + "acl known proxy_auth REQUIRED\n"
                          f"http_access deny {refused}\nhttp_access allow known\n")

    def squid_with_login(self, scheme: str, port: int, connect=True) -> Middlebox:
        """alice, whose password is secret. NTLM: only that the conversation is right is checked.
        Without CONNECT, web pages alone pass; and a nonce of Digest serves five requests."""
        name = f"squid-{scheme}" + ("" if connect else "-pages")
        helpers = "/usr/lib/squid"
        folder = self.directory / f"{name}-passwords"
        folder.mkdir()
        if scheme == "basic":
            secret = subprocess.run(["openssl", "passwd", "-apr1", "secret"], check=True,
                                    capture_output=True, text=True).stdout.strip()
            (folder / "file").write_text(f"alice:{secret}\n")
            program = f"auth_param basic program {helpers}/basic_ncsa_auth {folder}/file\n"
        elif scheme == "digest":
            (folder / "file").write_text("alice:secret\n")
            program = (f"auth_param digest program {helpers}/digest_file_auth {folder}/file\n"
                       "auth_param digest realm corp\n" +
                       ("" if connect else "auth_param digest nonce_max_count 5\n"))
        else:
            program = f"auth_param ntlm program {helpers}/ntlm_fake_auth -v\n"
        refused = "CONNECT !SSL_ports" if connect else "CONNECT"
        rules = (program + f"acl known proxy_auth REQUIRED\nhttp_access deny {refused}\n"
                 "http_access allow known\n")
        return self.squid(name, port, rules)
