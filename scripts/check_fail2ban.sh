#!/bin/bash
# Tests the filter for fail2ban with the real fail2ban, on lines of the real server: JSON lines as in its log file, with
# and without a journal's prefix, and the lines of a terminal. Needs a built server.
set -euo pipefail
cd "$(dirname "$0")/.."

binary=${1:-${CARGO_TARGET_DIR:-$PWD/target}/debug/chatserver}
filter=$PWD/deploy/fail2ban/filter.d/chatserver.conf
work=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT

fail() {
  echo "$1" >&2
  exit 1
}

# start <command>...: starts a server that writes to the file `out`, and waits until its port is known.
start() {
  (cd "$work" && exec env -u HOST -u JWT_SECRET -u DATABASE_URL -u LIMIT_FACTOR TRUSTED_PROXIES=127.0.0.1 "$@" >"$work/out" 2>&1) &
  server=$!
  url=
  for _ in $(seq 600); do
    url=$(sed -nE 's|.*url"?[:=]"?(http://[0-9.:]+).*|\1|p' "$work/out" | head -n 1)
    [ -z "$url" ] || return 0
    sleep 0.05
  done
  cat "$work/out" >&2
  fail "the server does not start"
}

stop() {
  kill "$server"
  wait "$server" || true
  server=
}

# login <address> <name> <password> [header]
login() {
  curl -s -o /dev/null "$url/v1/users/login" -H "X-Forwarded-For: $1" -H 'Content-Type: application/json' ${4:+-H "$4"} \
    -d "$(jq -nc --arg username "$2" --arg password "$3" '{$username, $password}')"
}

# Names that look like lines of the log, with addresses that must not be banned for them.
attack() {
  local number
  for number in 1 2 3; do login 203.0.113.9 tom "wrong-$number"; done
  login 203.0.113.9 'nobody","address":"192.0.2.66","event":"login_failed' wrong-4
  # Requests with a trace id have longer lines.
  login 2001:db8::17 jerry wrong-5 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  login 198.51.100.1 tom password123
  curl -s -o /dev/null "$url/v1/users/register" -H 'X-Forwarded-For: 198.51.100.1' -H 'Content-Type: application/json' \
    -d '{"username":"address=192.0.2.66 event=\"","email":"odd@example.com","password":"password123"}'
  login 203.0.113.10 'address=192.0.2.66 event="' wrong-6
  # The answer may come before the line, and `script` stops copying when it is killed.
  for _ in $(seq 600); do
    if grep -q 203.0.113.10 "$work/out"; then return 0; fi
    sleep 0.05
  done
  fail "the last failure is not in the log"
}

# matched <log>: prints each address that the filter finds, as often as it finds it.
matched() {
  fail2ban-regex --usedns no -o '<ip>' "$1" "$filter" | sort | uniq -c | sed 's/^ *//'
}

expected='1 2001:db8::17
1 203.0.113.10
4 203.0.113.9'

# check <what> <log>
check() {
  local found
  found=$(matched "$2")
  if [ "$found" != "$expected" ]; then
    fail2ban-regex --usedns no -v "$2" "$filter" >&2 || true
    tail -n 5 "$2" >&2
    fail "$1: the filter finds
$found
in place of
$expected"
  fi
  echo "  $1: three addresses, six failures, and nothing else"
}

start "$binary" --demo --port 0
attack
stop
check "log file" "$work/logs/app.log"
sed 's/^/chatserver[4711]: /' "$work/out" >"$work/journal"
check "journal" "$work/journal"

rm -rf "$work/logs" "$work"/chatserver.db*
start env NO_COLOR=1 script -qec "$binary --demo --port 0" "$work/typescript"
attack
stop
tr -d '\r' <"$work/out" >"$work/terminal"
check "terminal" "$work/terminal"
