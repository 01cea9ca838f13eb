#!/bin/bash
# Tests the built server with two independent tools: kosoku, which runs the RFC 6455 cases of the Autobahn suite against
# the server's own upgrade path, and schemathesis, which tries the OpenAPI document on the running server.
#
# Needs a release build (`cargo build --release`) and the Python packages of scripts/requirements-test.txt in $VENV.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/together.sh

VENV=${VENV:-.venv}
BIN=${CARGO_TARGET_DIR:-target}/release
BIN=$(realpath "$BIN")
VENV=$(realpath "$VENV")
WORK=$(mktemp -d)
PIDS=()
cleanup() {
  for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
  # A server that is stopping still writes into the folder.
  wait "${PIDS[@]}" 2>/dev/null || true
  rm -rf "$WORK"
}
trap cleanup EXIT

# Waits until a line of a file matches, and prints what the expression captures.
await_line() { # file, sed expression
  for _ in $(seq 1 100); do
    found=$(sed -nE "$2" "$1" | head -n 1)
    if [ -n "$found" ]; then
      echo "$found"
      return 0
    fi
    sleep 0.1
  done
  echo "nothing came up in $1:" >&2
  cat "$1" >&2
  return 1
}

# Built together with the server, with the same features. Alone, its dependencies would have others and be built again.
cargo build --release --locked --quiet -p chatserver -p chat-gateway --features chat-gateway/echo --bin ws_echo
"$BIN/ws_echo" 2>"$WORK/echo.log" &
PIDS+=($!)
ECHO_URL=$(await_line "$WORK/echo.log" 's|^(ws://.*)$|\1|p')

(cd "$WORK" && exec env -u HOST -u PORT -u JWT_SECRET -u DATABASE_PATH -u DATABASE_URL LIMIT_FACTOR=1000 "$BIN/chatserver" --port 0 >"$WORK/server.log" 2>&1) &
PIDS+=($!)
URL=$(await_line "$WORK/server.log" 's|.*"url":"(http://[^"]*)".*|\1|p')
TOKEN=$(curl -fsS "$URL/v1/users/login" -H 'Content-Type: application/json' \
  -d '{"email":"tom@temp.com","password":"password123"}' | sed -E 's/.*"token":"([^"]*)".*/\1/')

framing() {
  echo "RFC 6455 and RFC 7692, cases 1 to 10, 12 and 13"
  "$VENV/bin/python" scripts/run_kosoku.py -p 4 -o "$WORK/kosoku" "$ECHO_URL"
}

document() {
  echo "OpenAPI: no 5xx, no undocumented answer"
  cd "$WORK"
  # Logging out would end the token of all other operations. tests/it/rest/access.rs tests that one.
  "$VENV/bin/schemathesis" run "$URL/openapi.json" -H "Authorization: Bearer $TOKEN" --no-color \
    --exclude-path /v1/users/logout \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,unsupported_method,allow_header_conformance,ignored_auth \
    --phases coverage,fuzzing,stateful --max-examples 60 --seed 1 --continue-on-failure
}

together framing document
