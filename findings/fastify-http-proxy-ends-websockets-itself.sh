#!/bin/bash
# @fastify/http-proxy 11.6.3 with fastify 5.12.8 and ws 8.18.3 (npm), 2026-11-30.
# With websocket: true the proxy does not pass a handshake on: it answers the client's by itself and makes one of its own to
# the backend, with the client's cookies, the first of its subprotocols, and none of its other headers. So Authorization is
# gone, and so is a token that a browser brings as a further subprotocol, while REST through the same proxy has its
# Authorization. The client sees an open socket; the backend, one that says nothing of who it is. A token in the query, or a
# ticket, arrives; wsClientOptions.rewriteRequestHeaders can bring headers back.
# Seen: "open with chat.v2; the backend got chat.v2 of chat.v2 and bearer.token, authorization none, x-own none, cookie a=b,
# query ?q=1; by REST authorization Bearer token, x-own 1".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @fastify/http-proxy@11.6.3 fastify@5.12.8 ws@8.18.3 >/dev/null
cat >seen.mjs <<'JS'
import { createServer } from "node:http";
import proxy from "@fastify/http-proxy";
import Fastify from "fastify";
import { WebSocket, WebSocketServer } from "ws";

const asked = { rest: undefined, websocket: undefined };
const backend = createServer((request, response) => {
  asked.rest = request;
  response.end();
});
const connected = new Promise((resolve) => {
  new WebSocketServer({ server: backend }).on("connection", (_, request) => resolve(request));
});
await new Promise((done) => backend.listen(0, "127.0.0.1", done));
const front = Fastify();
await front.register(proxy, { upstream: `http://127.0.0.1:${backend.address().port}`, websocket: true });
await front.listen({ host: "127.0.0.1", port: 0 });
const address = `127.0.0.1:${front.server.address().port}`;
const headers = { authorization: "Bearer token", cookie: "a=b", "x-own": "1" };

await fetch(`http://${address}/`, { headers });
const socket = new WebSocket(`ws://${address}/?q=1`, ["chat.v2", "bearer.token"], { headers });
await new Promise((done, failed) => socket.on("open", done).on("error", failed));
const { headers: got, url } = await connected;
const of = (head, name) => head[name] ?? "none";
console.log(
  `open with ${socket.protocol}; the backend got ${of(got, "sec-websocket-protocol")} of chat.v2 and bearer.token, ` +
    `authorization ${of(got, "authorization")}, x-own ${of(got, "x-own")}, cookie ${of(got, "cookie")}, ` +
    `query ${url.slice(1)}; by REST authorization ${of(asked.rest.headers, "authorization")}, ` +
    `x-own ${of(asked.rest.headers, "x-own")}`,
);
process.exit(0);
JS
timeout 60 node seen.mjs | tee seen
grep -qx 'open with chat.v2; the backend got chat.v2 of chat.v2 and bearer.token, authorization none, x-own none, cookie a=b, query ?q=1; by REST authorization Bearer token, x-own 1' seen
