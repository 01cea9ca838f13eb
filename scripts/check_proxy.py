#!/usr/bin/env python3
"""Runs the sample of a reverse proxy in front of a real server, one of two nodes it knows of (the other is gone), and checks
as a client that REST and the v2 stream work through it, that a cut stream resumes, that a restart of the node is told and
outlived, that no token gets into the proxy's log, and that the server knows its clients' addresses, whatever they forge. Of
HAProxy, which has no sample, the addresses alone are checked, by its header and by both versions of the PROXY protocol.

    check_proxy.py nginx|caddy|haproxy <the server's binary>

Only what belongs to the machine is changed in the sample: ports, certificates, the log. Wants nothing but Python."""

import base64
import http.client
import json
import os
import random
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
DEADLINE = 20
# Where a client is that is no trusted proxy: all of 127/8 is this machine.
CLIENT = "127.0.0.77"
PASSWORD = "a password for the proxy"
HAS_IPV6 = Path("/proc/net/if_inet6").exists() and Path("/proc/net/if_inet6").read_text() != ""


# Those that were given, each held for as long as this program runs.
HELD = []


def free_port():
    """A port that nobody has and that no other run of this program gets, below those that the system hands out to whoever
    connects. A UDP socket of the same number holds it, and is in nobody's way."""
    while True:
        port, holder = random.randrange(20_000, 32_000), socket.socket(type=socket.SOCK_DGRAM)
        try:
            holder.bind(("127.0.0.1", port))
            with socket.socket() as listener:
                listener.bind(("127.0.0.1", port))
        except OSError:
            holder.close()
        else:
            HELD.append(holder)
            return port


def replaced(text, *pairs):
    """A sample that has changed must not slip through unchanged."""
    for old, new in pairs:
        assert old in text, f"the sample no longer says {old!r}"
        text = text.replace(old, new)
    return text


class Proxy:
    """Where clients connect; `log` is what it writes of requests. The server behind it gets `settings`."""

    settings = {}

    def __init__(self, work, nodes):
        self.work, self.nodes, self.port = work, nodes, free_port()
        self.log, self.tls = work / "access.log", None

    def connect(self, ipv6=False):
        there, here = ("::1", None) if ipv6 else ("127.0.0.1", (CLIENT, 0))
        stream = socket.create_connection((there, self.port), timeout=DEADLINE, source_address=here)
        return self.tls.wrap_socket(stream) if self.tls else stream

    def run(self, *command):
        output = open(self.work / "proxy.out", "wb")
        return subprocess.Popen(command, cwd=self.work, stdout=output, stderr=output)


class Nginx(Proxy):
    def start(self):
        key, certificate = self.work / "key.pem", self.work / "certificate.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
            + ["-subj", "/CN=chat.example.org", "-keyout", key, "-out", certificate],
            check=True,
            capture_output=True,
        )
        servers = "\n".join(f"server {node} max_fails=1 fail_timeout=2s;" for node in self.nodes)
        site = replaced(
            (DEPLOY / "nginx/chatserver.conf").read_text(),
            ("server 127.0.0.1:8080 max_fails=1 fail_timeout=2s;", servers),
            ("listen 80;", f"listen 127.0.0.1:{free_port()};"),
            ("listen 443 ssl http2;", f"listen 127.0.0.1:{self.port} ssl http2;"),
            ("    listen [::]:80;\n", ""),
            ("listen [::]:443 ssl http2;", f"listen [::1]:{self.port} ssl http2;" if HAS_IPV6 else ""),
            ("/etc/ssl/chatserver/fullchain.pem", str(certificate)),
            ("/etc/ssl/chatserver/privkey.pem", str(key)),
            ("/var/log/nginx/chatserver.log", str(self.log)),
            ("/var/log/nginx/error.log", "stderr"),
        )
        (self.work / "site.conf").write_text(site)
        temporary = "\n".join(f"{kind}_temp_path {self.work}/{kind};" for kind in ("client_body", "proxy"))
        user = "user root;" if os.geteuid() == 0 else ""
        (self.work / "nginx.conf").write_text(
            f"{user} daemon off; pid {self.work}/nginx.pid; error_log stderr; events {{ }}\n"
            f"http {{ {temporary}\n include {self.work}/site.conf; }}\n"
        )
        command = ["nginx", "-p", self.work, "-c", self.work / "nginx.conf", "-e", "stderr"]
        tested = subprocess.run([*command, "-t"], capture_output=True, text=True)
        assert tested.returncode == 0 and "[warn]" not in tested.stderr, tested.stderr
        self.tls = ssl.create_default_context(cafile=certificate)
        self.tls.check_hostname = False
        return self.run(*command)


class Caddy(Proxy):
    def start(self):
        os.environ.update(
            CHATSERVER_SITE=f"http://chat.example.org:{self.port}",
            CHATSERVER_NODES=" ".join(self.nodes),
            XDG_DATA_HOME=str(self.work),
            XDG_CONFIG_HOME=str(self.work),
        )
        sample = str(DEPLOY / "caddy/Caddyfile")
        subprocess.run(["caddy", "validate", "--adapter", "caddyfile", "--config", sample], check=True, capture_output=True)
        adapted = subprocess.run(
            ["caddy", "adapt", "--adapter", "caddyfile", "--config", sample], check=True, capture_output=True
        )
        config = json.loads(adapted.stdout)
        # Its port for administration is the same on the whole machine.
        config["admin"] = {"disabled": True}
        for log in config["logging"]["logs"].values():
            log["writer"] = {"output": "file", "filename": str(self.log)}
        (self.work / "caddy.json").write_text(json.dumps(config))
        return self.run("caddy", "run", "--config", self.work / "caddy.json")


class HAProxy(Proxy):
    mode, send = "http", ""
    more = "option forwardfor"

    def start(self):
        ipv6 = f"bind [::1]:{self.port}" if HAS_IPV6 else ""
        (self.work / "haproxy.cfg").write_text(
            f"defaults\n mode {self.mode}\n timeout connect 5s\n timeout client 120s\n timeout server 120s\n {self.more}\n"
            f"listen chatserver\n bind 127.0.0.1:{self.port}\n {ipv6}\n server node {self.nodes[0]} {self.send}\n"
        )
        return self.run("haproxy", "-db", "-f", self.work / "haproxy.cfg")


class HAProxyV1(HAProxy):
    mode, send, more = "tcp", "send-proxy", ""
    settings = {"PROXY_PROTOCOL": "required"}


class HAProxyV2(HAProxyV1):
    send = "send-proxy-v2"


class Node:
    """The server, on one port and one database over restarts."""

    def __init__(self, binary, work, port, settings):
        self.binary, self.work, self.port = binary, work, port
        self.settings = {"TRUSTED_PROXIES": "127.0.0.1", "LOG_LEVEL": "debug", **settings}
        self.start()

    def start(self):
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR")}
        out = open(self.work / "node.out", "ab")
        command = [self.binary, "serve", "--port", str(self.port), "--database", str(self.work / "chat.db")]
        command += ["--log-file", str(self.work / "app.log")]
        self.process = subprocess.Popen(command, cwd=self.work, env=kept | self.settings, stdout=out, stderr=out)

    def client_of(self, request_id):
        """The address that the server took for a request's, as its log has it."""
        seen = []

        def is_logged():
            # The last one may not be whole yet.
            whole = (self.work / "node.out").read_text().rpartition("\n")[0]
            for line in whole.splitlines():
                fields = json.loads(line)["fields"]
                if fields.get("message") == "request" and fields.get("request_id") == request_id:
                    seen.append(fields.get("client"))
            return seen

        eventually(f"a line about the request {request_id}", is_logged)
        return seen[0]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(DEADLINE) == 0


def request(proxy, method, path, token=None, body=None, ipv6=False, **headers):
    """A connection of its own for each: (status, what was answered)."""
    connection = http.client.HTTPConnection("chat.example.org")
    connection.sock = proxy.connect(ipv6)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers["Content-Type"] = "application/json"
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection.request(method, path, json.dumps(body) if body else None, headers)
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return response.status, json.loads(text) if "json" in response.headers.get("Content-Type", "") else text


def eventually(what, condition):
    ends = time.monotonic() + DEADLINE
    while time.monotonic() < ends:
        try:
            if condition():
                return
        except (OSError, http.client.HTTPException, KeyError, TypeError):
            pass
        time.sleep(0.1)
    raise AssertionError(f"not within {DEADLINE} s: {what}")


class Stream:
    """A v2 client: what RFC 6455 asks of one, and no more."""

    def __init__(self, proxy, query, headers=""):
        self.socket = proxy.connect()
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /ws?{query} HTTP/1.1\r\nHost: chat.example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: chatserver.v2\r\n{headers}\r\n".encode()
        )
        self.bytes = b""
        while b"\r\n\r\n" not in self.bytes:
            self.more()
        head, self.bytes = self.bytes.split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 101"), head
        self.cursor = None

    def more(self):
        got = self.socket.recv(65536)
        assert got, "the stream ended without a close frame"
        self.bytes += got

    def frame(self):
        """The next frame that is no ping: (opcode, payload)."""
        while True:
            while len(self.bytes) < 2 or len(self.bytes) < self.whole():
                self.more()
            opcode, start, end = self.bytes[0] & 15, self.begin(), self.whole()
            payload, self.bytes = self.bytes[start:end], self.bytes[end:]
            if opcode == 9:
                self.send(10, payload)
            else:
                return opcode, payload

    def begin(self):
        return {126: 4, 127: 10}.get(self.bytes[1], 2)

    def whole(self):
        short = self.bytes[1]
        if len(self.bytes) < self.begin():
            return len(self.bytes) + 1
        length = short if short < 126 else int.from_bytes(self.bytes[2 : self.begin()], "big")
        return self.begin() + length

    def send(self, opcode, payload):
        mask = os.urandom(4)
        head = bytes([128 | opcode, 128 | len(payload)]) if len(payload) < 126 else None
        head = head or bytes([128 | opcode, 128 | 126]) + struct.pack(">H", len(payload))
        self.socket.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))

    def next(self, kind):
        """The next object of a type, or of any; keeps the cursor of all that come by."""
        while True:
            opcode, payload = self.frame()
            assert opcode == 1, (opcode, payload)
            frame = json.loads(payload)
            self.cursor = frame.get("cursor", self.cursor)
            if kind in (None, frame["type"]):
                return frame

    def closed(self):
        while True:
            opcode, payload = self.frame()
            if opcode == 8:
                return struct.unpack(">H", payload[:2])[0]


def created(stream, number):
    """The texts of so many new messages, in the order in which they come."""
    texts = []
    while len(texts) < number:
        frame = stream.next("message")
        if frame["event"] == "created":
            texts.append(frame["message"]["content"])
    return texts


def enter(proxy, token, cursor=None):
    status, ticket = request(proxy, "POST", "/v1/ws-ticket", token)
    assert status == 201, (status, ticket)
    query = f"ticket={ticket['ticket']}" + (f"&cursor={cursor}" if cursor else "")
    return ticket["ticket"], Stream(proxy, query)


def say(proxy, token, user, text):
    path = f"/v1/messages/p2p/{user}"
    status, answer = request(proxy, "POST", path, token, {"content": text, "client_msg_id": text})
    assert status == 201, (status, answer)


def register(proxy, name):
    """A new user: the token, and the id."""
    body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
    status, answer = request(proxy, "POST", "/v1/users/register", body=body)
    assert status == 201, (status, answer)
    return answer["token"], answer["id"]


def check_addresses(proxy, node):
    """The server sees where its clients are and not what they say of it."""
    eventually("ready through the proxy", lambda: request(proxy, "GET", "/readyz")[1]["status"] == "ready")
    forged = {"X_Forwarded_For": "1.2.3.4, 127.0.0.1", "Forwarded": "for=1.2.3.4", "X_Real_IP": "1.2.3.4"}
    for number, headers in enumerate(({}, forged)):
        assert request(proxy, "GET", "/ping", X_Request_Id=f"rest-{number}", **headers)[0] == 200
        seen = node.client_of(f"rest-{number}")
        assert seen == CLIENT, f"{CLIENT} was taken for {seen}, having sent {headers}"
    if HAS_IPV6:
        assert request(proxy, "GET", "/ping", ipv6=True, X_Request_Id="v6", X_Forwarded_For="2001:db8::17")[0] == 200
        seen = node.client_of("v6")
        assert seen == "::1", f"::1 was taken for {seen}"
    token, _ = register(proxy, "Butch")
    _, ticket = request(proxy, "POST", "/v1/ws-ticket", token)
    stream = Stream(proxy, f"ticket={ticket['ticket']}", "X-Request-Id: stream\r\nX-Forwarded-For: 1.2.3.4\r\n")
    stream.next("live")
    stream.socket.close()
    seen = node.client_of("stream")
    assert seen == CLIENT, f"the stream of {CLIENT} was taken for {seen}'s"


def check_demo_users(proxy):
    """A server that was told of no proxy recognises this one: everybody knows the demo users' password, and by a proxy
    everybody could come."""
    eventually("ready through the proxy", lambda: request(proxy, "GET", "/readyz")[1]["status"] == "ready")
    for name in ("tom", "jerry"):
        login = {"username": name, "password": "password123"}
        status, answer = request(proxy, "POST", "/v1/users/login", body=login)
        assert (status, answer["code"]) == (403, "demo_user"), (status, answer)


def check(proxy, node):
    # A proxy that does not know the host has an empty 200 of its own for it.
    ready = lambda: request(proxy, "GET", "/readyz")[1]["status"] == "ready"
    eventually("ready through the proxy", ready)
    # Half of them meet the node that is gone first.
    assert all(request(proxy, "GET", "/ping")[0] == 200 for _ in range(10))
    (tom, tom_id), (jerry, jerry_id) = (register(proxy, name) for name in ("Spike", "Tyke"))

    ticket, stream = enter(proxy, jerry)
    stream.next("live")
    say(proxy, tom, jerry_id, "live")
    assert created(stream, 1) == ["live"]
    stream.send(1, json.dumps({"op": "send", "id": 7, "to_user": tom_id, "content": "heard"}).encode())
    # The message may come before its ack or after it.
    types = {stream.next(None)["type"], stream.next(None)["type"]}
    assert types == {"ack", "message"}, types

    cursor = stream.cursor
    stream.socket.close()
    missed = [f"missed {number}" for number in range(20)]
    for text in missed:
        say(proxy, tom, jerry_id, text)
    _, stream = enter(proxy, jerry, cursor)
    assert stream.next("hello")["resumed"] is True
    assert created(stream, 20) == missed
    stream.next("live")
    cursor = stream.cursor
    node.stop()
    assert stream.closed() == 1012
    eventually("the proxy says that no node is there", lambda: request(proxy, "GET", "/ping")[0] in (502, 503, 504))
    # What goes wrong is logged elsewhere, and with more of the request.
    assert request(proxy, "GET", f"/ws?token={jerry}")[0] in (502, 503, 504)
    node.start()
    eventually("ready after the restart", ready)
    say(proxy, tom, jerry_id, "after the restart")
    _, stream = enter(proxy, jerry, cursor)
    assert stream.next("hello")["resumed"] is True
    assert created(stream, 1) == ["after the restart"]
    stream.next("live")

    stream.send(8, struct.pack(">H", 1000))
    stream.closed()
    # A request is logged when it has ended.
    eventually("the log has a line", lambda: "/v1/ws-ticket" in proxy.log.read_text() and "/ws" in proxy.log.read_text())
    logged = proxy.log.read_text() + (proxy.work / "proxy.out").read_text()
    for secret in (tom, jerry, ticket, PASSWORD):
        where = [line for line in logged.splitlines() if secret in line]
        assert not where, f"the log of the proxy has a secret in it: {where[0]}"


KINDS = {"nginx": [Nginx], "caddy": [Caddy], "haproxy": [HAProxy, HAProxyV1, HAProxyV2]}


def run(kind, binary):
    """Checks one proxy in front of a server of its own."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        port = free_port()
        proxy = kind(work, [f"127.0.0.1:{port}", f"127.0.0.1:{free_port()}"])
        node = Node(str(Path(binary).resolve()), work, port, proxy.settings)
        running = None
        try:
            running = proxy.start()
            check_addresses(proxy, node)
            if not isinstance(proxy, HAProxy):
                check(proxy, node)
                node.stop()
                (work / "untold").mkdir()
                node = Node(node.binary, work / "untold", port, {"TRUSTED_PROXIES": ""})
                check_demo_users(proxy)
        except BaseException:
            for name in ("proxy.out", "node.out"):
                if (work / name).exists():
                    print(f"-- {name}\n{(work / name).read_text()[-4000:]}", file=sys.stderr)
            raise
        finally:
            for process in (running, node.process):
                if process and process.poll() is None:
                    process.terminate()
                    process.wait(DEADLINE)


def main():
    name, binary = sys.argv[1:]
    for kind in KINDS[name]:
        run(kind, binary)
    if name == "haproxy":
        print("  haproxy: the server knows its clients' addresses, by the header and by the PROXY protocol, 1 and 2")
    else:
        print(
            f"  {name}: REST, the stream, resuming and a restart of the node work through it; no secret in its log; "
            "the server knows its clients' addresses"
        )


main()
