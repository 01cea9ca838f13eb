#!/bin/sh
# shellcheck shell=dash
# Sets ChatServer up on macOS: ./setup_mac.sh, or ./setup_mac.sh --help.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
script=./setup_mac.sh
# shellcheck source=scripts/setup_common.sh
. "$root/scripts/setup_common.sh"

# Apple's command line tools hold the C compiler; curl and lsof are part of macOS.
missing_tools() {
  { xcode-select -p && cc --version; } >/dev/null 2>&1 || echo compiler
}

# Apple's installer opens a window of its own and returns at once.
install_tools() {
  consent "xcode-select --install" "Apple's command line tools are missing: install them with: xcode-select --install"
  xcode-select --install >&2 || fail "Apple's command line tools could not be installed: run 'xcode-select --install' by hand, then $script again."
  fail "Finish the installation in the window that has opened, then run $script again."
}

main() {
  choose_colours
  [ "$(uname -s)" = Darwin ] || fail "setup_mac.sh is for macOS: on Linux run ./setup.sh, on Windows setup.ps1."
  setup_main "$@"
}

main "$@"
