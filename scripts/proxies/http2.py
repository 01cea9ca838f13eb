"""HTTP/2 as browsers use it: requests, and a WebSocket in one of its streams (RFC 8441) if the proxy offers that."""

import h2.config
import h2.connection
import h2.events

from .machine import HOST


class Http2:
    """One connection to a proxy, used by one caller at a time."""

    def __init__(self, proxy):
        self.wire = proxy.connect(alpn=["h2"])
        assert self.wire.selected_alpn_protocol() == "h2", "HTTP/2 is not spoken"
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        self.connection = h2.connection.H2Connection(config)
        self.connection.initiate_connection()
        self.events = []
        self.flush()
        while not any(isinstance(event, h2.events.RemoteSettingsChanged) for event in self.events):
            self.pump()

    def carries_websockets(self):
        """Whether the proxy has announced extended CONNECT (RFC 8441, section 3)."""
        return self.connection.remote_settings.enable_connect_protocol == 1

    def flush(self):
        self.wire.sendall(self.connection.data_to_send())

    def pump(self):
        got = self.wire.recv(65536)
        if not got:
            raise ConnectionResetError("the HTTP/2 connection ended")
        for event in self.connection.receive_data(got):
            if isinstance(event, h2.events.DataReceived):
                self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            self.events.append(event)
        self.flush()

    def taken(self, stream, *kinds):
        """Returns the next event of these kinds in a stream."""
        while True:
            for event in self.events:
                ended = isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated))
                if getattr(event, "stream_id", stream) == stream and (ended or isinstance(event, kinds)):
                    self.events.remove(event)
                    if ended:
                        raise ConnectionResetError(str(event))
                    return event
            self.pump()

    def begin(self, headers, ends):
        stream = self.connection.get_next_available_stream_id()
        self.connection.send_headers(stream, headers, end_stream=ends)
        self.flush()
        response = self.taken(stream, h2.events.ResponseReceived)
        return stream, dict(response.headers)

    def get(self, path, token):
        """Sends a request. Returns (status, body)."""
        headers = [(":method", "GET"), (":scheme", "https"), (":authority", HOST), (":path", path)]
        stream, answer = self.begin([*headers, ("authorization", f"Bearer {token}")], True)
        body = b""
        while True:
            event = self.taken(stream, h2.events.DataReceived, h2.events.StreamEnded)
            if isinstance(event, h2.events.StreamEnded):
                return int(answer[":status"]), body
            body += event.data

    def websocket(self, path, protocols):
        """Opens a WebSocket in a stream. Returns its wire and the chosen subprotocol."""
        headers = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":authority", HOST)]
        headers += [(":path", path), ("sec-websocket-version", "13"), ("sec-websocket-protocol", protocols)]
        stream, answer = self.begin(headers, False)
        assert answer[":status"] == "200", answer
        return Wire(self, stream), answer.get("sec-websocket-protocol")


class Wire:
    """A stream of an HTTP/2 connection, with the methods of a socket."""

    def __init__(self, http2, stream):
        self.http2, self.stream = http2, stream

    def sendall(self, data):
        connection = self.http2.connection
        while data:
            room = min(connection.local_flow_control_window(self.stream), connection.max_outbound_frame_size)
            if room == 0:
                self.http2.pump()
                continue
            connection.send_data(self.stream, data[:room])
            data = data[room:]
            self.http2.flush()

    def recv(self, _size):
        event = self.http2.taken(self.stream, h2.events.DataReceived, h2.events.StreamEnded)
        return event.data if isinstance(event, h2.events.DataReceived) else b""

    def settimeout(self, seconds):
        self.http2.wire.settimeout(seconds)

    def close(self):
        self.http2.wire.close()


def speaks(proxy):
    """Whether a proxy supports HTTP/2 as browsers use it, which is within TLS."""
    if not proxy.tls:
        return False
    with proxy.connect(alpn=["h2", "http/1.1"]) as wire:
        return wire.selected_alpn_protocol() == "h2"
