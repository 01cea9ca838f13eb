#!/bin/sh
# shellcheck shell=dash
# Sets ChatServer up on Linux: ./setup.sh, or ./setup.sh --help.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
script=./setup.sh
# shellcheck source=scripts/setup_common.sh
. "$root/scripts/setup_common.sh"

# Also checks that `cc` works: without the C library's headers it is of no use.
compiler_works() {
  check_cmd cc || return 1
  trial=$(mktemp -d "${TMPDIR:-/tmp}/chatserver-setup.XXXXXX") || return 1
  begin_scratch "$trial"
  works=no
  printf '#include <stdio.h>\nint main(void) { return puts("") < 0; }\n' >"$trial/trial.c"
  if cc -o "$trial/trial" "$trial/trial.c" >/dev/null 2>&1; then works=yes; fi
  end_scratch
  [ "$works" = yes ]
}

missing_tools() {
  compiler_works || echo compiler
  check_cmd curl || check_cmd wget || echo curl
}

# Sets installer to the command that installs the tools here, or to nothing on an unknown distribution.
find_installer() {
  installer=''
  if check_cmd apt-get; then
    compiler=build-essential installer='apt-get install -y'
  elif check_cmd dnf; then
    compiler=gcc installer='dnf install -y'
  elif check_cmd pacman; then
    compiler=base-devel installer='pacman -S --needed --noconfirm'
  elif check_cmd apk; then
    compiler=build-base installer='apk add'
  elif check_cmd zypper; then
    compiler=gcc installer='zypper --non-interactive install'
  else
    return 0
  fi
  for tool in "$@"; do
    case $tool in
      compiler) installer="$installer $compiler" ;;
      *) installer="$installer $tool" ;;
    esac
  done
}

install_tools() {
  wanted=$(printf '%s and ' "$@" | sed 's/compiler/a C compiler (cc)/; s/ and $//')
  find_installer "$@"
  [ -n "$installer" ] || fail "Missing: $wanted. Install it with your system's package manager, then run $script again."
  as_root='' shown=$installer
  if [ "$(id -u)" -ne 0 ]; then
    shown="sudo $installer"
    # If nobody can type a password, sudo has to fail at once instead of waiting for one.
    if can_ask; then as_root=sudo; else as_root='sudo -n'; fi
  fi
  consent "$shown" "Missing: $wanted. Install it with: $shown"
  [ -z "$as_root" ] || check_cmd sudo || fail "Missing: $wanted, and there is no sudo. As root, run: $installer"
  step "Installing: $wanted"
  # A fresh apt has no package lists yet.
  # shellcheck disable=SC2086
  case $installer in
    apt-get*) $as_root apt-get update -q >&2 || : ;;
  esac
  # shellcheck disable=SC2086
  $as_root $installer >&2 || fail "The installation failed: see the message above. Once '$shown' works, run $script again."
}

main() {
  choose_colours
  case $(uname -s) in
    Linux) ;;
    Darwin) fail "This is macOS: run ./setup_mac.sh instead." ;;
    *) fail "setup.sh is for Linux, setup_mac.sh for macOS, setup.ps1 for Windows. Elsewhere: cargo build --release --locked, then ./target/release/chatserver" ;;
  esac
  setup_main "$@"
}

main "$@"
