"""The ten scenes, each a typical use of a proxy. A scene fails on a fault, or returns a word for the table."""

import json
import os
import subprocess
import time

from . import http2, node as nodes
from .client import PASSWORD, TEXT, V2, Stream, created, enter, register, request, say, ticket, upgraded
from .machine import CLIENT, HAS_IPV6, ROOT, eventually
from .program import IDLE

# Status of a proxy's own answer if the node is gone.
GONE = (502, 503, 504)


class Bench:
    """A proxy in front of a node, and the state that the scenes pass on."""

    def __init__(self, proxy, node):
        self.proxy, self.node = proxy, node
        self.secrets = [PASSWORD]
        self.spike = self.tyke = self.stream = None

    def is_ready(self):
        # A proxy that does not know the host answers with an empty 200 of its own.
        return request(self.proxy, "GET", "/readyz")[1]["status"] == "ready"

    def wait(self):
        eventually("ready through the proxy", self.is_ready)

    def say(self, text):
        token, _ = self.spike
        say(self.proxy, token, self.tyke[1], text)

    def enter(self, cursor=None):
        paper, stream = enter(self.proxy, self.tyke[0], cursor)
        self.secrets.append(paper)
        return stream

    def back(self):
        """Reopens the stream at its cursor: nobody has read it for a while, and the proxy may have closed it."""
        self.stream.wire.close()
        self.stream = self.enter(self.stream.cursor)


def rest(bench):
    """Registers, sends and reads, on any of the proxy's connections."""
    bench.wait()
    # If one node is gone, half of the requests reach it first.
    assert all(request(bench.proxy, "GET", "/ping")[0] == 200 for _ in range(10))
    bench.spike, bench.tyke = (register(bench.proxy, name) for name in ("Spike", "Tyke"))
    bench.secrets += [bench.spike[0], bench.tyke[0]]
    bench.say("by REST \N{GRINNING FACE}")
    token, user = bench.tyke[0], bench.spike[1]
    status, history = request(bench.proxy, "GET", f"/v1/messages/history/{user}", token)
    assert status == 200 and [m["content"] for m in history["messages"]] == ["by REST \N{GRINNING FACE}"], history
    status, refusal = request(bench.proxy, "GET", "/v1/messages/history/4711", token)
    assert status == 404 and refusal["code"], "what the server refuses is the server's to word"


def streams(bench):
    """v1 and v2, in each way that browsers and programs use, in both directions, and catching up after a break."""
    (spike, spike_id), (tyke, tyke_id) = bench.spike, bench.tyke
    v1 = Stream.open(bench.proxy, "/ws", f"Authorization: Bearer {spike}")
    assert v1.next(None)["type"] == "system"
    browser = Stream.open(bench.proxy, "/ws", f"{V2}, bearer.{spike}")
    browser.next("live")
    stream = bench.enter()
    stream.next("live")
    v1.say({"type": "text", "recipient_id": tyke_id, "content": "by v1"})
    assert created(stream, 1) == ["by v1"] and v1.next(None)["content"] == "by v1"
    assert created(browser, 1) == ["by v1"]
    stream.say({"op": "send", "id": 7, "to_user": spike_id, "content": "by v2"})
    # The message may come before its ack or after it.
    types = {stream.next(None)["type"], stream.next(None)["type"]}
    assert types == {"ack", "message"}, types
    assert v1.next(None)["content"] == "by v2" and created(browser, 1) == ["by v2"]
    for other in (v1, browser):
        other.leave()
    cursor = stream.cursor
    stream.wire.close()
    missed = [f"missed {number}" for number in range(20)]
    for text in missed:
        bench.say(text)
    bench.stream = bench.enter(cursor)
    assert bench.stream.next("hello")["resumed"] is True
    assert created(bench.stream, 20) == missed
    bench.stream.next("live")


def idle(bench):
    """Silence for longer than the proxy's timeout, except for the server's pings."""
    pings = bench.stream.n_pings
    bench.stream.idle(time.monotonic() + IDLE + 1.5)
    assert bench.stream.n_pings >= pings + 2, "the server's pings did not come"
    bench.say("after the silence")
    assert created(bench.stream, 1) == ["after the silence"]


def large(bench):
    """The largest message in both directions, and a larger one, which the server has to refuse."""
    (spike, spike_id), (_, tyke_id) = bench.spike, bench.tyke
    sender = Stream.open(bench.proxy, "/ws", V2, f"Authorization: Bearer {spike}")
    sender.next("live")
    # 16 KiB, of which each character takes six bytes in a frame: 96 KiB.
    content = "\x01" * (16 * 1024)
    sender.say({"op": "send", "id": 1, "to_user": tyke_id, "content": content})
    assert created(bench.stream, 1) == [content]
    sender.next("ack")
    sender.send(TEXT, json.dumps({"op": "send", "id": 2, "content": "x" * 200_000}).encode())
    try:
        assert sender.closed() == 1009
    except OSError as error:
        raise AssertionError("1009 did not arrive") from error
    body = {"content": "x" * 200_000}
    status, refusal = request(bench.proxy, "POST", f"/v1/messages/p2p/{tyke_id}", spike, body)
    assert (status, refusal["code"]) == (413, "body_too_large"), (status, refusal)


def addresses(bench):
    """The server uses the clients' real addresses, and not those that they claim."""
    proxy, node = bench.proxy, bench.node
    bench.wait()
    forged = {"X_Forwarded_For": "1.2.3.4, 127.0.0.1", "Forwarded": "for=1.2.3.4", "X_Real_IP": "1.2.3.4"}
    for number, headers in enumerate(({}, forged)):
        assert request(proxy, "GET", "/ping", X_Request_Id=f"rest-{number}", **headers)[0] == 200
        seen = node.client_of(f"rest-{number}")
        assert seen == CLIENT, f"{CLIENT} was taken for {seen}, having sent {headers}"
    if HAS_IPV6 and proxy.has_ipv6:
        assert request(proxy, "GET", "/ping", ipv6=True, X_Request_Id="v6", X_Forwarded_For="2001:db8::17")[0] == 200
        seen = node.client_of("v6")
        assert seen == "::1", f"::1 was taken for {seen}"
    token, _ = bench.spike or register(proxy, "Butch")
    forged = "X-Request-Id: stream", "X-Forwarded-For: 1.2.3.4"
    stream = Stream.open(proxy, f"/ws?ticket={ticket(proxy, token)}", V2, *forged)
    stream.next("live")
    stream.leave()
    seen = node.client_of("stream")
    assert seen == CLIENT, f"the stream of {CLIENT} was taken for {seen}'s"


def under_path(bench):
    """The same server under /chat/: REST, both streams, and the SDK."""
    proxy = bench.proxy
    if not proxy.has_path:
        return "no"
    (spike, spike_id), (tyke, _) = bench.spike, bench.tyke
    assert request(proxy, "GET", "/chat/v1/chats", tyke)[0] == 200
    v1 = Stream.open(proxy, "/chat/ws", f"Authorization: Bearer {tyke}")
    assert v1.next(None)["type"] == "system"
    v1.leave()
    script = ROOT / "scripts/proxies/sdk.mjs"
    assert (ROOT / "sdk/typescript/dist/index.js").exists(), "the SDK is not built: run scripts/check_sdk.sh"
    trust = {"NODE_EXTRA_CA_CERTS": str(proxy.authority)} if proxy.tls else {}
    command = ["node", script, proxy.url("/chat/"), tyke, str(spike_id)]
    ran = subprocess.run(command, env=os.environ | trust, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    bench.back()
    assert created(bench.stream, 1) == ["by the SDK"]
    bench.stream.next("live")


def by_http2(bench):
    """HTTP/2: requests, and streams if the proxy announces that it carries them."""
    proxy = bench.proxy
    found = None
    if http2.speaks(proxy):
        found, token = "requests", bench.tyke[0]
        link = http2.Http2(proxy)
        status, body = link.get("/v1/chats", token)
        assert status == 200 and json.loads(body), (status, body)
        if link.carries_websockets():
            found = "streams"
            wire, chosen = link.websocket("/ws", f"chatserver.v2, bearer.{token}")
            assert chosen == "chatserver.v2", chosen
            stream = Stream(wire)
            stream.next("live")
            bench.say("over HTTP/2")
            assert created(stream, 1) == created(bench.stream, 1) == ["over HTTP/2"]
            stream.idle(time.monotonic() + 1.7)
            assert stream.n_pings, "a ping goes through as well"
    assert found == proxy.http2, f"{found} over HTTP/2, and not {proxy.http2}"
    return {"streams": "yes", "requests": "requests", None: "no"}[found]


def restart(bench):
    """The node is stopped, which ends every stream with the server's code, and started again, where every client
    resumes."""
    bench.back()
    proxy, stream = bench.proxy, bench.stream
    stream.next("live")
    cursor = stream.cursor
    bench.node.stop()
    assert stream.closed() == 1012
    # The request has a token: failures are logged in another file, with more of the request.
    path = f"/ws?token={bench.tyke[0]}"
    eventually("the proxy says that no node is there", lambda: request(proxy, "GET", path)[0] in GONE)
    bench.node.start()
    bench.wait()
    bench.say("after the restart")
    bench.stream = bench.enter(cursor)
    assert bench.stream.next("hello")["resumed"] is True
    assert created(bench.stream, 1) == ["after the restart"]
    bench.stream.next("live")


def kill(bench):
    """The node is killed. Everything that it had acknowledged is there afterwards."""
    cursor = bench.stream.cursor
    bench.say("acknowledged")
    bench.node.kill()
    bench.stream.broken()
    bench.node.start()
    bench.wait()
    bench.stream = bench.enter(cursor)
    assert bench.stream.next("hello")["resumed"] is True
    assert created(bench.stream, 1) == ["acknowledged"]
    bench.stream.next("live")
    bench.stream.leave()


def refused(bench):
    """A proxy without the setting that forwards upgrades: the client's error says that the proxy is the cause."""
    proxy = bench.proxy
    if proxy.unupgraded is None:
        return "passes it"
    work = proxy.work.parent / "plain"
    plain = type(proxy)(work, proxy.nodes, upgrades=False)
    process = plain.start()
    try:
        eventually("ready through the proxy", lambda: request(plain, "GET", "/readyz")[1]["status"] == "ready")
        wire, head, _ = upgraded(plain, f"/ws?token={bench.tyke[0]}")
        wire.close()
        status = int(head.split(b" ", 2)[1])
        assert status == plain.unupgraded, head
        if status == 426:
            wire, head, body = upgraded(plain, "/ws", "Connection: close")
            while not body.endswith(b"}") and (more := wire.recv(65536)):
                body += more
            assert b"A proxy dropped the upgrade" in body, body
    finally:
        process.terminate()
        process.wait(20)
    return str(status)


def limit(bench):
    """Only nginx's sample has a limit of its own: `chatserver send` reports that the limit is the proxy's, and what to
    do."""
    proxy, said = bench.proxy, ""
    command = [bench.node.binary, "send", "--as", "Spike", "--to", "Tyke", "--url", f"https://localhost:{proxy.port}"]
    given = {"PATH": os.environ["PATH"], "HOME": str(proxy.work), "CHATSERVER_PASSWORD": PASSWORD}

    def is_reported():
        nonlocal said
        # From the address that the command will use. A body that makes no sense costs the server nothing.
        for _ in range(25):
            request(proxy, "POST", "/v1/users/login", body={"x": 1}, here="127.0.0.1")
        ran = subprocess.run([*command, "--ca", proxy.authority, "x"], env=given, capture_output=True, text=True)
        said = ran.stderr
        return ran.returncode == 1 and "a proxy in front of the server limits the request rate" in said

    eventually("the limit of the proxy is reported", is_reported)


def keeps_secrets(bench):
    """The proxy's logs contain no token, ticket or password. Runs as part of the first scene and checks all logs."""
    proxy = bench.proxy
    logs = [proxy.work / "proxy.out", *([proxy.log] if proxy.log else [])]
    if proxy.log and proxy.says_paths:
        # A request is logged when it has ended, by some proxies a while later.
        eventually("the log has a line", lambda: "/v1/ws-ticket" in proxy.log.read_text() and "/ws" in proxy.log.read_text())
    logged = "".join(log.read_text(errors="replace") for log in logs)
    for secret in bench.secrets:
        lines = [line for line in logged.splitlines() if not (proxy.tells and proxy.tells in line)]
        where = [line for line in lines if secret in line]
        assert not where, f"the log of the proxy has a secret in it: {where[0]}"


def demo_users(proxy, binary, work, port):
    """A server without TRUSTED_PROXIES recognises the proxy and refuses demo users: their password is public, and
    through a proxy anybody could connect."""
    node = nodes.Node(binary, work, port, {"TRUSTED_PROXIES": ""})
    try:
        eventually("ready through the proxy", lambda: request(proxy, "GET", "/readyz")[1]["status"] == "ready")
        for name in ("tom", "jerry"):
            login = {"username": name, "password": "password123"}
            status, answer = request(proxy, "POST", "/v1/users/login", body=login)
            assert (status, answer["code"]) == (403, "demo_user"), (status, answer)
    finally:
        node.kill()


def all_of(bench):
    """Runs the scenes in their order, which is not the table's. Returns (heading, word) for each."""
    order = [
        ("REST", rest),
        ("streams", streams),
        ("idle", idle),
        ("large frames", large),
        ("addresses", addresses),
        ("path", under_path),
        ("HTTP/2", by_http2),
        ("no upgrade", refused),
        ("restart", restart),
        ("kill -9", kill),
    ]
    found = {}
    for heading, scene in order:
        try:
            found[heading] = scene(bench) or "yes"
        except Exception as error:
            raise AssertionError(f"{bench.proxy.title}, {heading}: {error!r}") from error
    if bench.proxy.has_limit:
        limit(bench)
    keeps_secrets(bench)
    return found
