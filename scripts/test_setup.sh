#!/bin/bash
# Runs setup.sh and setup_mac.sh with fake cargo, rustc, cc and chatserver, under each shell that is installed. Nothing
# is built or installed. Usage: scripts/test_setup.sh [name of a case]...
set -euo pipefail

repository=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
python=$(python3 -c 'import sys; print(sys.executable)')
work=$(mktemp -d "${TMPDIR:-/tmp}/test-setup.XXXXXX")
started=()
failures=0
. "$repository/scripts/together.sh"
trap 'rm -rf "$work"' EXIT

# Ends the processes that the cases under one shell have left running.
end_started() {
  local pid file
  for file in "$work"/*" $1"/chatserver.pid "$work"/*" $1"/*/chatserver.pid; do
    if [ -f "$file" ]; then started+=("$(cat "$file")"); fi
  done
  for pid in ${started[@]+"${started[@]}"}; do kill "$pid" 2>/dev/null || true; done
}

# ---- the made-up machine

# Commands that the scripts may find on PATH besides the fake ones. ss, lsof, curl and wget are added case by case.
make_toolbox() {
  local name
  mkdir "$work/toolbox"
  for name in awk cat chmod cp date dirname env grep gzip head id ln ls mkdir mktemp mv nohup ps rm sed setsid sh \
    sha256sum sleep tail tar tr uname; do
    if command -v "$name" >/dev/null; then ln -s "$(command -v "$name")" "$work/toolbox/$name"; fi
  done
}

# command_in <folder> <name>: makes a script from standard input.
command_in() {
  cat >"$1/$2"
  chmod +x "$1/$2"
}

# Makes a folder with a space in its name, with the scripts and a `bin` with commands that work.
new_machine() {
  machine="$work/$case_name $shell_name"
  mkdir -p "$machine/scripts" "$machine/bin" "$machine/home"
  cp "$repository/setup.sh" "$repository/setup_mac.sh" "$machine"
  cp "$repository/scripts/setup_common.sh" "$machine/scripts"
  for name in ss curl; do
    if command -v "$name" >/dev/null; then ln -s "$(command -v "$name")" "$machine/bin/$name"; fi
  done
  rust_in "$machine/bin" 1.95.0
  node_in "$machine/bin" 20.19.0
  command_in "$machine/bin" cc <<'CC'
#!/bin/sh
exit 0
CC
  command_in "$machine" fake-chatserver <<FAKE
#!$python
import http.server, os, signal, sys, time

mode = os.environ.get("FAKE_MODE", "ready")
if mode == "dies":
    sys.exit("the database is newer than this program")
began = time.monotonic()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ready = mode == "ready" and time.monotonic() - began > 0.3
        self.send_response(200 if self.path == "/readyz" and ready else 503)
        self.end_headers()

    def log_message(self, *_):
        pass

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
print("arguments:", sys.argv[1:], flush=True)
port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
FAKE
}

rust_in() {
  command_in "$1" rustc <<RUSTC
#!/bin/sh
echo "rustc $2 (0123abcde 2026-03-21)"
RUSTC
  command_in "$1" cargo <<'CARGO'
#!/bin/sh
[ "$1" = build ] || { echo "cargo 1.95.0"; exit 0; }
echo "cargo $*" >>cargo.log
[ -z "${FAKE_BUILD_FAILS:-}" ] || { echo "error[E0001]: made up" >&2; exit 101; }
profile=debug
case " $* " in *" --release "*) profile=release ;; esac
mkdir -p "target/$profile"
cp fake-chatserver "target/$profile/chatserver"
CARGO
}

node_in() {
  command_in "$1" node <<NODE
#!/bin/sh
echo "v$2"
NODE
  command_in "$1" npm <<'NPM'
#!/bin/sh
echo "npm $*" >>npm.log
[ "${FAKE_NPM_FAILS:-}" != "$1" ] || { echo "npm error made up" >&2; exit 1; }
NPM
}

# node_download [version]: replaces the download of Node's build.
node_download() {
  local folder="node-v$1-linux-x64"
  mkdir -p "$machine/prepared/$folder/bin"
  node_in "$machine/prepared/$folder/bin" "$1"
  tar -C "$machine/prepared" -czf "$machine/prepared/$folder.tar.gz" "$folder"
  (cd "$machine/prepared" && sha256sum "$folder.tar.gz" >SHASUMS256.txt)
  rm -f "$machine/bin/curl"
  command_in "$machine/bin" curl <<CURL
#!/bin/sh
for last; do :; done
case " \$* " in
  *" https://nodejs.org/dist/latest-v22.x/SHASUMS256.txt "*) cp "$machine/prepared/SHASUMS256.txt" "\$last" ;;
  *" https://nodejs.org/dist/latest-v22.x/$folder.tar.gz "*) cp "$machine/prepared/$folder.tar.gz" "\$last" ;;
  *) exec $(command -v curl) "\$@" ;;
esac
CURL
  command_in "$machine/bin" uname <<'UNAME'
#!/bin/sh
case $1 in
  -m) echo x86_64 ;;
  *) echo Linux ;;
esac
UNAME
}

# Replaces the download of rustup's installer.
rustup_download() {
  rm -f "$machine/bin/curl"
  mkdir -p "$machine/home/.cargo/bin" "$machine/prepared"
  rust_in "$machine/prepared" 1.96.1
  command_in "$machine/bin" curl <<CURL
#!/bin/sh
for last; do :; done
case " \$* " in
  *" https://sh.rustup.rs "*) echo 'cp "$machine/prepared/"* "$machine/home/.cargo/bin"' >"\$last" ;;
  *) exec $(command -v curl) "\$@" ;;
esac
CURL
}

# Returns a free port. It is below the range from which the system picks ports for outgoing connections, and each shell
# has its own, because it takes a while until one is listened on.
free_port() {
  "$python" -c '
import random, socket, sys
while True:
    port = random.randrange(20_000 + int(sys.argv[1]), 32_000, 3)
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            continue
    print(port)
    break
' "$shell_number"
}

# run_script <script> [argument]...: runs it without a terminal, for at most 60 s. Sets output and status.
run_script() {
  status=0
  output=$("${environment[@]}" "$python" -c '
import subprocess, sys
try:
    sys.exit(subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, start_new_session=True, timeout=60).returncode)
except subprocess.TimeoutExpired:
    sys.exit("the script did not end within 60 s")
' "${shell_command[@]}" "$@") || status=$?
}

run_setup() { run_script "$machine/setup.sh" "$@"; }

# run_on_terminal <answer> <script> [argument]...: the same on a terminal of its own, where a question gets the answer.
run_on_terminal() {
  status=0
  output=$("${environment[@]}" TERM=xterm "$python" -c '
import os, pty, select, sys, time
answer, *command = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
deadline, seen, answered = time.monotonic() + 60, b"", False
while time.monotonic() < deadline:
    if not select.select([terminal], [], [], 0.2)[0]:
        continue
    try:
        some = os.read(terminal, 4096)
    except OSError:
        break
    if not some:
        break
    seen += some
    if b"Go ahead?" in seen and not answered:
        os.write(terminal, answer.encode() + b"\n")
        answered = True
else:
    os.kill(pid, 9)
sys.stdout.write(seen.decode().replace("\r\n", "\n"))
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) % 256)
' "$1" "${shell_command[@]}" "${@:2}") || status=$?
}

# ---- what a case can demand

complain() {
  printf '    FAILED: %s\n' "$1"
  printf '%s\n' "$output" | sed 's/^/      | /'
  case_failed=yes
}
expect_status() { [ "$status" -eq "$1" ] || complain "exit code $status instead of $1"; }
expect_text() {
  case $output in
    *"$1"*) ;;
    *) complain "not in the output: $1" ;;
  esac
}
expect_no_text() {
  case $output in
    *"$1"*) complain "in the output: $1" ;;
  esac
}
expect_one_error() {
  [ "$(printf '%s\n' "$output" | grep -c '^error: ')" -eq 1 ] || complain "not exactly one line that begins with 'error: '"
}
expect_alive() { kill -0 "$1" 2>/dev/null || complain "process $1 is gone"; }
expect_answer() { curl -fs --noproxy '*' -o /dev/null "http://127.0.0.1:$1/readyz" || complain "nothing answers on port $1"; }
expect_no_file() { [ ! -e "$machine/$1" ] || complain "$1 exists"; }
until_true() {
  local deadline=$((SECONDS + 10))
  until "$@"; do
    if [ "$SECONDS" -ge "$deadline" ]; then
      complain "not within 10 s: $*"
      return 0
    fi
    sleep 0.05
  done
}
gone() { ! kill -0 "$1" 2>/dev/null; }
has_line() { grep -q "$1" "$2" 2>/dev/null; }

# Sets holder (its process) and port.
hold_a_port() {
  "$python" -c '
import socket, sys, time
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
time.sleep(120)
' >"$machine/held" &
  holder=$!
  started+=("$holder")
  until_true test -s "$machine/held"
  port=$(cat "$machine/held")
}

without() {
  local name
  for name in "$@"; do rm -f "$machine/bin/$name"; done
}
link() { ln -sf "$(command -v "$1")" "$machine/bin/$1"; }

# ---- the cases

case_starts_and_says_what_next() {
  run_setup --port "$port"
  expect_status 0
  expect_text "ChatServer is running"
  expect_text "Web client     http://127.0.0.1:$port"
  expect_text "http://127.0.0.1:$port/docs"
  expect_text "tom@temp.com and jerry@temp.com, password: password123"
  expect_text "./target/release/chatserver chat --as tom --url http://127.0.0.1:$port"
  expect_text "./target/release/chatserver chat --as jerry --url http://127.0.0.1:$port"
  expect_text "kill \$(cat chatserver.pid)"
  expect_text "cd \"$machine\""
  expect_no_text $'\033'
  expect_answer "$port"
  has_line '^npm ci --ignore-scripts' "$machine/npm.log" || complain "npm was not asked for what the client is built with"
  has_line '^npm run --silent build -w web$' "$machine/npm.log" || complain "the client was not built"
  has_line '^cargo build --release --locked$' "$machine/cargo.log" || complain "built otherwise than with --release --locked"
  has_line "'serve', '--port', '$port'" "$machine/logs/setup-start.log" || complain "logs/setup-start.log lacks the server's output"
  local server
  server=$(cat "$machine/chatserver.pid")

  # A second run leaves it unchanged.
  run_setup --port "$port"
  expect_status 0
  expect_text "ChatServer already runs (process $server)"
  expect_text "http://127.0.0.1:$port/docs"
  [ "$(cat "$machine/chatserver.pid")" = "$server" ] || complain "another process id was written"
  [ "$(wc -l <"$machine/cargo.log")" -eq 1 ] || complain "it was built again"

  # On another port it would use the same database.
  run_setup --port "$(free_port)"
  expect_status 1
  expect_one_error
  expect_text "already runs on port $port (process $server)"
  expect_alive "$server"

  # The printed command stops it.
  (cd "$machine" && kill "$(cat chatserver.pid)")
  until_true gone "$server"
  run_setup -q -y --port="$port"
  expect_status 0
  expect_no_text "==>"
  expect_text "http://127.0.0.1:$port"
}

case_terminal_has_colours_unless_refused() {
  run_on_terminal n "$machine/setup.sh" --no-run
  expect_status 0
  expect_text $'\033[32m'
  environment+=(NO_COLOR=1)
  run_on_terminal n "$machine/setup.sh" --no-run
  expect_status 0
  expect_no_text $'\033'
}

case_busy_port_names_the_owner() {
  hold_a_port
  local tool
  for tool in ss lsof proc curl; do
    case $tool in
      ss | lsof) command -v "$tool" >/dev/null || continue ;;
      proc) [ -r /proc/net/tcp ] || continue ;;
    esac
    without ss lsof
    case $tool in
      ss | lsof) link "$tool" ;;
      curl)
        # Finds no listener, as if it belonged to another user.
        command_in "$machine/bin" lsof <<<'exit 1'
        ;;
    esac
    run_setup --port "$port"
    expect_status 1
    expect_one_error
    expect_text "Port $port is in use by"
    expect_text "./setup.sh --port $((port < 65535 ? port + 1 : port - 1))"
    [ "$tool" = curl ] || expect_text "(process $holder)"
    [ "$tool" = curl ] || expect_text "python"
    expect_alive "$holder"
    expect_no_file cargo.log
    expect_no_file chatserver.pid
  done
}

case_stale_pid_file_is_no_server() {
  sleep 100 &
  local other=$!
  started+=("$other")
  echo "$other" >"$machine/chatserver.pid"
  run_setup --port "$port"
  expect_status 0
  expect_text "ChatServer is running"
  expect_alive "$other"
}

case_settings_come_from_dotenv() {
  printf 'HOST="0.0.0.0"\n#PORT=1\n export PORT = %s # the port\r\n' "$port" >"$machine/.env"
  run_setup
  expect_status 0
  expect_text "Web client     http://127.0.0.1:$port"
  expect_text "Demo logins    none, since it listens on 0.0.0.0"
  expect_answer "$port"
}

case_missing_cargo() {
  without cargo rustc
  run_setup --port "$port"
  expect_status 1
  expect_one_error
  expect_text "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh, or pass --yes"
  expect_no_file target
}

case_missing_cargo_declined() {
  without cargo rustc
  run_on_terminal n "$machine/setup.sh" --port "$port"
  expect_status 1
  expect_text "Go ahead? [Y/n]"
  expect_text "Rust (cargo and rustc 1.95 or newer) is missing"
  expect_no_file target
}

case_missing_cargo_without_network() {
  without cargo rustc curl
  command_in "$machine/bin" curl <<'CURL'
#!/bin/sh
case "$*" in
  *rustup*) echo "curl: (6) Could not resolve host" >&2; exit 6 ;;
esac
exit 7
CURL
  run_setup --yes --port "$port"
  expect_status 1
  expect_one_error
  expect_text "Could not download https://sh.rustup.rs: check the network"
}

case_missing_cargo_installed() {
  without cargo rustc
  rustup_download
  run_on_terminal y "$machine/setup.sh" --port "$port"
  expect_status 0
  expect_text "Rust 1.96.1"
  expect_text "ChatServer is running"
}

case_cargo_outside_path_is_found() {
  without cargo rustc
  mkdir -p "$machine/home/.cargo/bin"
  rust_in "$machine/home/.cargo/bin" 2.0.0
  run_setup --no-run
  expect_status 0
  expect_text "Rust 2.0.0"
}

case_old_rust() {
  rust_in "$machine/bin" 1.63.0
  run_setup --port "$port"
  expect_status 1
  expect_one_error
  expect_text "Rust 1.63.0 is too old, 1.95 or newer is needed: install it with: curl"
  # With rustup, its own command is the remedy, and --yes runs it.
  command_in "$machine/bin" rustup <<RUSTUP
#!/bin/sh
echo "rustup \$*" >>"$machine/rustup.log"
[ -n "\${FAKE_RUSTUP_IDLE:-}" ] || sed -i 's/1[.]63[.]0/1.95.0/' "$machine/bin/rustc"
RUSTUP
  run_setup --port "$port"
  expect_status 1
  expect_text "run: rustup update stable, or pass --yes"
  expect_no_file rustup.log
  environment+=(FAKE_RUSTUP_IDLE=1)
  run_setup --yes --no-run
  expect_status 1
  expect_text "Rust 1.63.0 is in use, 1.95 or newer is needed: run 'rustup default stable'"
  environment+=(FAKE_RUSTUP_IDLE=)
  run_setup --yes --no-run
  expect_status 0
  expect_text "Rust 1.95.0"
}

case_missing_node() {
  without node npm
  node_download 22.99.1
  run_setup --port "$port"
  expect_status 1
  expect_one_error
  expect_text "needs Node 20.19 or newer with npm, which is missing"
  expect_text "leave the web client out with --no-web, or pass --yes"
  expect_no_file cargo.log
  run_on_terminal n "$machine/setup.sh" --port "$port"
  expect_status 1
  expect_text "Go ahead? [Y/n]"
  expect_no_file .node
  run_on_terminal y "$machine/setup.sh" --port "$port"
  expect_status 0
  expect_text "Node 22.99.1"
  expect_text "ChatServer is running"
  # The next run finds it.
  run_setup --no-run
  expect_status 0
  expect_text "Node 22.99.1"
}

case_node_without_npm_is_not_enough() {
  without npm
  run_setup --no-run
  expect_status 1
  expect_text "with npm, which is missing"
}

case_old_node() {
  node_in "$machine/bin" 18.20.4
  run_setup --no-run
  expect_status 1
  expect_one_error
  expect_text "needs Node 20.19 or newer, and Node 18.20.4 is in use"
  node_in "$machine/bin" 20.18.3
  node_download 22.12.0
  run_setup --yes --no-run
  expect_status 0
  expect_text "Node 22.12.0"
}

case_node_that_is_not_what_its_makers_say() {
  without node npm
  node_download 22.99.1
  echo "not an archive" >"$machine/prepared/node-v22.99.1-linux-x64.tar.gz"
  run_setup --yes --no-run
  expect_status 1
  expect_text "is not what https://nodejs.org/dist/latest-v22.x/SHASUMS256.txt says"
  expect_text "Could not get Node"
  expect_no_file .node
  expect_no_file cargo.log
}

# A download that is interrupted, as by Ctrl-C, after it has written a part.
interrupted_download() {
  rm -f "$machine/bin/curl"
  command_in "$machine/bin" curl <<'CURL'
#!/bin/sh
for last; do :; done
case $* in
  *sh.rustup.rs* | *nodejs.org*) echo "a part" >"${last:?}"; kill -TERM "$PPID" ;;
esac
exit 7
CURL
}

case_interrupted_downloads_leave_nothing() {
  without node npm
  interrupted_download
  run_setup --yes --no-run
  expect_status 130
  [ -z "$(find "$machine" -name '.node-new.*')" ] || complain "a part of Node is left"
  without cargo rustc
  mkdir "$machine/temporary"
  environment+=("TMPDIR=$machine/temporary")
  run_setup --yes --no-run
  expect_status 130
  [ -z "$(find "$machine/temporary" -name 'rustup-init.*')" ] || complain "a part of rustup is left"
}

case_no_node_for_this_machine() {
  without node npm
  command_in "$machine/bin" uname <<'UNAME'
#!/bin/sh
case $1 in
  -m) echo riscv64 ;;
  *) echo Linux ;;
esac
UNAME
  run_setup --yes --no-run
  expect_status 1
  expect_one_error
  expect_text "install it from https://nodejs.org or with your system's package manager, or leave the web client out"
}

case_without_the_web_client() {
  without node npm
  run_setup --no-web --port "$port"
  expect_status 0
  expect_text "Address        http://127.0.0.1:$port"
  has_line '^cargo build --release --locked --no-default-features$' "$machine/cargo.log" ||
    complain "the client was not left out"
}

case_web_client_cannot_be_built() {
  local step
  for step in ci run; do
    environment+=(FAKE_NPM_FAILS="$step")
    run_setup --no-run
    expect_status 1
    expect_text "npm error made up"
    expect_text "--no-web"
    expect_no_file cargo.log
  done
}

case_missing_compiler() {
  without cc
  run_setup --port "$port"
  expect_status 1
  expect_one_error
  expect_text "Missing: a C compiler (cc). Install it with your system's package manager"
  command_in "$machine/bin" dnf <<DNF
#!/bin/sh
echo "dnf \$*" >>"$machine/packages.log"
printf '#!/bin/sh\n' >"$machine/bin/cc"
chmod +x "$machine/bin/cc"
DNF
  command_in "$machine/bin" sudo <<'SUDO'
#!/bin/sh
[ "$1" != -n ] || shift
exec "$@"
SUDO
  run_setup --port "$port"
  expect_status 1
  expect_one_error
  expect_text "dnf install -y gcc, or pass --yes"
  expect_no_file packages.log
  run_setup --yes --no-run
  expect_status 0
  has_line '^dnf install -y gcc$' "$machine/packages.log" || complain "dnf was not run as shown"
}

case_broken_compiler_and_no_curl() {
  without cc curl
  command_in "$machine/bin" cc <<<'exit 1'
  command_in "$machine/bin" apt-get <<APT
#!/bin/sh
echo "apt-get \$*" >>"$machine/packages.log"
APT
  command_in "$machine/bin" sudo <<'SUDO'
#!/bin/sh
[ "$1" != -n ] || shift
exec "$@"
SUDO
  run_setup --yes --no-run
  expect_status 1
  expect_text "Still missing after the installation"
  has_line '^apt-get install -y build-essential curl$' "$machine/packages.log" || complain "apt-get was not run as shown"
}

case_wget_will_do() {
  command -v wget >/dev/null || return 0
  without curl
  link wget
  run_setup --port "$port"
  expect_status 0
  expect_text "ChatServer is running"
}

case_build_fails() {
  environment+=(FAKE_BUILD_FAILS=1)
  run_setup --port "$port"
  expect_status 1
  expect_one_error
  expect_text "error[E0001]: made up"
  expect_text "error: The build failed"
  expect_no_file chatserver.pid
}

case_server_dies_at_start() {
  environment+=(FAKE_MODE=dies)
  run_setup --port "$port"
  expect_status 1
  expect_one_error
  expect_text "the database is newer than this program"
  expect_text "ChatServer stopped while starting"
  expect_text "logs/setup-start.log"
  expect_no_file chatserver.pid
}

case_server_never_ready() {
  environment+=(FAKE_MODE=never SETUP_READY_SECONDS=1)
  run_setup --port "$port"
  expect_status 1
  expect_one_error
  expect_text "was not ready after 1 seconds and still runs"
  expect_text "kill $(cat "$machine/chatserver.pid")"
  expect_alive "$(cat "$machine/chatserver.pid")"
}

case_interrupted_start_takes_the_server_back() {
  environment+=(FAKE_MODE=never)
  "${environment[@]}" "${shell_command[@]}" "$machine/setup.sh" --port "$port" >"$machine/printed" 2>&1 &
  local setup=$! server
  started+=("$setup")
  until_true has_line arguments "$machine/logs/setup-start.log"
  server=$(cat "$machine/chatserver.pid")
  kill -TERM "$setup"
  status=0
  wait "$setup" || status=$?
  output=$(cat "$machine/printed")
  expect_status 130
  until_true gone "$server"
  expect_no_file chatserver.pid
}

case_no_run_and_debug() {
  run_setup --no-run --debug
  expect_status 0
  expect_text "./target/debug/chatserver"
  has_line '^cargo build --locked$' "$machine/cargo.log" || complain "a debug build has other flags"
  expect_no_file chatserver.pid
}

case_foreground() {
  "${environment[@]}" "${shell_command[@]}" "$machine/setup.sh" --foreground --port "$port" >"$machine/printed" 2>&1 &
  local server=$!
  started+=("$server")
  until_true has_line arguments "$machine/printed"
  output=$(cat "$machine/printed")
  # The script has become the server: one process, with the server's exit code.
  kill -TERM "$server"
  status=0
  wait "$server" || status=$?
  expect_status 0
  expect_no_file chatserver.pid
}

case_wrong_arguments() {
  local arguments
  for arguments in "--port 0" "--port 65536" "--port x" "--port" "--port=" "--nonsense" "stop"; do
    # shellcheck disable=SC2086
    run_setup $arguments
    expect_status 2
    expect_one_error
  done
  run_setup --help
  expect_status 0
  expect_text "--no-run"
  expect_no_file cargo.log
}

case_wrong_system() {
  run_script "$machine/setup_mac.sh"
  expect_status 1
  expect_text "on Linux run ./setup.sh"
  command_in "$machine/bin" uname <<<'echo Darwin'
  run_setup
  expect_status 1
  expect_text "run ./setup_mac.sh"
}

# As close to macOS as possible: uname, xcode-select and lsof as there, and no ss. /proc stays.
case_mac() {
  without ss
  if command -v lsof >/dev/null; then link lsof; fi
  command_in "$machine/bin" uname <<<'echo Darwin'
  run_script "$machine/setup_mac.sh" --port "$port"
  expect_status 1
  expect_one_error
  expect_text "install them with: xcode-select --install, or pass --yes"
  command_in "$machine/bin" xcode-select <<XCODE
#!/bin/sh
echo "\$*" >>"$machine/xcode.log"
[ "\$1" != -p ] || [ -e "$machine/xcode-present" ]
XCODE
  run_script "$machine/setup_mac.sh" --yes --port "$port"
  expect_status 1
  expect_text "Finish the installation in the window"
  has_line '^--install$' "$machine/xcode.log" || complain "xcode-select --install was not run"
  : >"$machine/xcode-present"
  run_script "$machine/setup_mac.sh" --port "$port"
  expect_status 0
  expect_text "ChatServer is running"
  expect_answer "$port"
}

# ---- run them

all_cases=$(declare -F | sed -n 's/^declare -f case_//p')
cases=${*:-$all_cases}
make_toolbox

# under <shell> <number>: runs all cases under one shell.
under() {
  shell_name=$1 shell_number=$2
  shell_command=("$(command -v "$shell_name")")
  if [ "$shell_name" = busybox ]; then shell_command+=(sh); fi
  trap 'end_started "$shell_name"' EXIT
  echo "  under ${shell_command[*]##*/}"
  for case_name in $cases; do
    case_failed=no
    output='' status=0
    new_machine
    port=$(free_port)
    environment=(env -i "HOME=$machine/home" "PATH=$machine/bin:$work/toolbox" "TMPDIR=$work")
    "case_$case_name"
    if [ -f "$machine/chatserver.pid" ]; then
      kill "$(cat "$machine/chatserver.pid")" 2>/dev/null || true
      rm "$machine/chatserver.pid"
    fi
    if [ "$case_failed" = yes ]; then
      echo "    not ok: $case_name"
      failures=$((failures + 1))
    fi
  done
  [ "$failures" -eq 0 ] || {
    echo "  $failures cases failed"
    exit 1
  }
}

shells=()
for shell in dash bash busybox; do
  if command -v "$shell" >/dev/null; then shells+=("under $shell ${#shells[@]}"); fi
done
together "${shells[@]}"
echo "  $(wc -w <<<"$cases") cases passed under each shell"
