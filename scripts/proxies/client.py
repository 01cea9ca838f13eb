"""A hand-written client: HTTP/1.1 requests, and a WebSocket with only what RFC 6455 requires."""

import base64
import http.client
import json
import os
import struct
import time

from .machine import CLIENT, DEADLINE, HOST

PASSWORD = "a password for the proxy"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def understood(status, headers, text):
    """Returns the answer as (status, JSON or bytes)."""
    return status, json.loads(text) if "json" in headers.get("Content-Type", "") else text


def request(proxy, method, path, token=None, body=None, ipv6=False, here=CLIENT, **headers):
    """Sends a request on a connection of its own."""
    connection = http.client.HTTPConnection(HOST)
    connection.sock = proxy.connect(ipv6, here=here)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers["Content-Type"] = "application/json"
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection.request(method, path, json.dumps(body) if body else None, headers)
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return understood(response.status, response.headers, text)


def handshake(path, *headers):
    """Returns the request that opens a stream. Each of the headers is a whole line."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET {path} HTTP/1.1", f"Host: {HOST}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", *headers, "", ""]
    return "\r\n".join(lines).encode()


def upgraded(proxy, path, *headers):
    """Asks for a stream, which may be refused. Returns (socket, head of the answer, bytes after it)."""
    wire = proxy.connect()
    wire.sendall(handshake(path, *headers))
    got = b""
    while b"\r\n\r\n" not in got:
        more = wire.recv(65536)
        assert more, f"no answer to the upgrade but {got!r}"
        got += more
    head, rest = got.split(b"\r\n\r\n", 1)
    return wire, head, rest


V2 = "Sec-WebSocket-Protocol: chatserver.v2"


class Stream:
    """A WebSocket over anything that has sendall, recv, settimeout and close."""

    def __init__(self, wire, rest=b""):
        self.wire, self.bytes, self.cursor, self.n_pings, self.has_left = wire, rest, None, 0, False

    @classmethod
    def open(cls, proxy, path, *headers):
        wire, head, rest = upgraded(proxy, path, *headers)
        assert head.split(b" ", 2)[1] == b"101", head
        return cls(wire, rest)

    def more(self):
        got = self.wire.recv(65536)
        if not got:
            raise ConnectionResetError("the stream ended without a close frame")
        self.bytes += got

    def take(self):
        """Returns the next frame as (opcode, payload), and answers pings."""
        while len(self.bytes) < 2 or len(self.bytes) < self.whole():
            self.more()
        opcode, start, end = self.bytes[0] & 15, self.begin(), self.whole()
        payload, self.bytes = self.bytes[start:end], self.bytes[end:]
        if opcode == PING:
            self.n_pings += 1
            # Nothing may follow a closing frame, and the other side may be gone.
            if not self.has_left:
                self.send(PONG, payload)
        return opcode, payload

    def frame(self):
        """Returns the next frame other than a ping. Pings do not extend the deadline."""
        ends = time.monotonic() + DEADLINE
        while time.monotonic() < ends:
            opcode, payload = self.take()
            if opcode != PING:
                return opcode, payload
        raise AssertionError(f"nothing came within {DEADLINE} s")

    def begin(self):
        return {126: 4, 127: 10}.get(self.bytes[1], 2)

    def whole(self):
        short = self.bytes[1]
        if len(self.bytes) < self.begin():
            return len(self.bytes) + 1
        length = short if short < 126 else int.from_bytes(self.bytes[2 : self.begin()], "big")
        return self.begin() + length

    def send(self, opcode, payload):
        mask = int.from_bytes(os.urandom(4), "big")
        length = len(payload)
        if length < 126:
            head = bytes([128 | opcode, 128 | length])
        elif length < 65536:
            head = bytes([128 | opcode, 128 | 126]) + struct.pack(">H", length)
        else:
            head = bytes([128 | opcode, 128 | 127]) + struct.pack(">Q", length)
        key = mask.to_bytes(4, "big")
        whole = (key * (length // 4 + 1))[:length]
        masked = (int.from_bytes(payload, "big") ^ int.from_bytes(whole, "big")).to_bytes(length, "big")
        self.wire.sendall(head + key + masked)

    def say(self, frame):
        self.send(TEXT, json.dumps(frame).encode())

    def next(self, kind):
        """Returns the next object, of a type if one is given. Keeps the newest cursor."""
        while True:
            opcode, payload = self.frame()
            assert opcode == TEXT, (opcode, payload)
            frame = json.loads(payload)
            self.cursor = frame.get("cursor", self.cursor)
            if kind in (None, frame["type"]):
                return frame

    def idle(self, until):
        """Sends nothing but answers to pings until then, and fails if anything else arrives."""
        while (left := until - time.monotonic()) > 0:
            try:
                self.wire.settimeout(left)
                opcode, payload = self.take()
                assert opcode == PING, f"an idle stream received {payload}"
            except TimeoutError:
                break
        self.wire.settimeout(DEADLINE)

    def closed(self):
        """Returns the code of the closing frame, and skips other frames."""
        while True:
            opcode, payload = self.frame()
            if opcode == CLOSE:
                return struct.unpack(">H", payload[:2])[0]

    def broken(self):
        """Returns what arrives until the stream ends without a closing frame."""
        try:
            while True:
                opcode, _ = self.frame()
                assert opcode != CLOSE, "nobody was there to close it"
        except OSError:
            pass

    def leave(self):
        self.send(CLOSE, struct.pack(">H", 1000))
        self.has_left = True
        assert self.closed() == 1000
        self.wire.close()


def created(stream, number):
    """Returns the texts of the next `number` new messages, in order."""
    texts = []
    while len(texts) < number:
        frame = stream.next("message")
        if frame["event"] == "created":
            texts.append(frame["message"]["content"])
    return texts


def ticket(proxy, token):
    status, answer = request(proxy, "POST", "/v1/ws-ticket", token)
    assert status == 201, (status, answer)
    return answer["ticket"]


def enter(proxy, token, cursor=None):
    """Opens the v2 stream with a ticket, as browsers do. Returns (ticket, stream)."""
    paper = ticket(proxy, token)
    query = f"ticket={paper}" + (f"&cursor={cursor}" if cursor else "")
    return paper, Stream.open(proxy, f"/ws?{query}", V2)


def say(proxy, token, user, text):
    path = f"/v1/messages/p2p/{user}"
    status, answer = request(proxy, "POST", path, token, {"content": text, "client_msg_id": text})
    assert status == 201, (status, answer)


def register(proxy, name):
    """Registers a user. Returns the token and the id."""
    body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
    status, answer = request(proxy, "POST", "/v1/users/register", body=body)
    assert status == 201, (status, answer)
    return answer["token"], answer["id"]
