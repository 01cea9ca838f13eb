# shellcheck shell=dash
# Common parts of setup.sh and setup_mac.sh: check the tools, build, start, wait until ready, and print the next steps.
# The script that sources this sets `root` (the repository) and `script` (its own name), and defines `missing_tools`, which
# prints a word for each system tool that is missing, and `install_tools`, which installs those after asking.
# No process is ended here, except a server that this very run started before it was interrupted.
: "${root:?}" "${script:?}"

rust_wanted=1.95
rustup_url=https://sh.rustup.rs
node_wanted=20.19
# The newest long-term support release of Node.
node_url=https://nodejs.org/dist/latest-v22.x
node_folder=.node
start_log=logs/setup-start.log
pid_file=chatserver.pid

# ---- what the caller asked for

yes=no quiet=no run=yes web=yes profile=release foreground=no port='' assume_tty=unknown
ready_seconds=${SETUP_READY_SECONDS:-30}

usage() {
  cat <<USAGE
Sets ChatServer up: checks the tools it needs, builds it, starts it and says how to log in.

Usage: $script [options]

  -y, --yes         install what is missing without asking
  -q, --quiet       print only the result and what went wrong
      --port N      listen on port N (default: PORT, from the environment or .env, else 8080)
      --no-run      build only, start nothing
      --no-web      leave out the web client, and do without Node
      --debug       build faster and unoptimised, for work on ChatServer itself
      --foreground  run in this terminal until Ctrl-C, instead of in the background
  -h, --help        print this

Environment: HOST, PORT, DATABASE_PATH, LOG_FILE and the other settings of .env.example are passed on to the server.
SETUP_READY_SECONDS is how long to wait for it to become ready (default 30). NO_COLOR switches colours off.
USAGE
}

parse_arguments() {
  while [ $# -gt 0 ]; do
    case $1 in
      -y | --yes) yes=yes ;;
      -q | --quiet) quiet=yes ;;
      --no-run) run=no ;;
      --no-web) web=no ;;
      --debug) profile=debug ;;
      --foreground) foreground=yes ;;
      --port)
        [ -n "${2:-}" ] || fail_usage "--port needs a number."
        port=$2
        shift
        ;;
      --port=?*) port=${1#--port=} ;;
      -h | --help)
        usage
        exit 0
        ;;
      *) fail_usage "Unknown option: $1." ;;
    esac
    shift
  done
}

# ---- speaking

choose_colours() {
  bold='' green='' plain='' red='' plain_red=''
  if [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
    escape=$(printf '\033')
    if [ -t 1 ]; then bold="${escape}[1m" green="${escape}[32m" plain="${escape}[0m"; fi
    if [ -t 2 ]; then red="${escape}[31m" plain_red="${escape}[0m"; fi
  fi
}
say() { printf '%s\n' "$*"; }
step() { [ "$quiet" = yes ] || printf '%s==>%s %s\n' "$green" "$plain" "$*"; }
err() { printf '%serror:%s %s\n' "$red" "$plain_red" "$*" >&2; }
fail() {
  err "$*"
  exit 1
}
fail_usage() {
  err "$* See $script --help."
  exit 2
}
check_cmd() { command -v "$1" >/dev/null 2>&1; }

# Whether a person can be asked. Standard input does not matter: it may be a pipe.
can_ask() {
  if [ "$assume_tty" = unknown ]; then
    if (: </dev/tty >/dev/tty) 2>/dev/null; then assume_tty=yes; else assume_tty=no; fi
  fi
  [ "$assume_tty" = yes ]
}

# consent <command to run> <what to do otherwise>: returns only if the user agrees.
consent() {
  if [ "$yes" = yes ]; then return 0; fi
  can_ask || fail "$2, or pass --yes to have it done."
  printf '%sRun now:%s %s\nGo ahead? [Y/n] ' "$bold" "$plain" "$1" >/dev/tty
  answer=n
  read -r answer </dev/tty || answer=n
  case $answer in
    '' | y | Y | yes | Yes | YES) ;;
    *) fail "$2." ;;
  esac
}

# ---- settings

# setting <NAME> <default>: from the environment, else from .env, as the server does it.
setting() {
  eval "value=\${$1:-}"
  if [ -z "$value" ] && [ -f .env ]; then
    value=$(sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*//p; s/^[[:space:]]*export[[:space:]][[:space:]]*$1[[:space:]]*=[[:space:]]*//p" .env |
      sed -n '1{s/[[:space:]]*$//; s/[[:space:]]#.*$//; s/^"\(.*\)"$/\1/; s/^'"'"'\(.*\)'"'"'$/\1/; p;}')
  fi
  printf '%s\n' "${value:-$2}"
}

read_settings() {
  [ -n "$port" ] || port=$(setting PORT 8080)
  case $port in
    '' | *[!0-9]* | ??????*) fail_usage "The port must be a number from 1 to 65535, not '$port'." ;;
  esac
  if [ "$port" -lt 1 ] || [ "$port" -gt 65535 ]; then
    fail_usage "The port must be a number from 1 to 65535, not '$port'."
  fi
  case $ready_seconds in
    '' | *[!0-9]*) fail_usage "SETUP_READY_SECONDS must be a whole number of seconds, not '$ready_seconds'." ;;
  esac
  host=$(setting HOST 127.0.0.1)
  app_log=$(setting LOG_FILE ./logs/app.log)
  database=$(setting DATABASE_PATH ./chatserver.db)
  case $host in
    127.* | localhost | ::1 | '[::1]') demo=yes ;;
    *) demo=no ;;
  esac
  case $host in
    0.0.0.0) reach=127.0.0.1 ;;
    :: | '[::]') reach='[::1]' ;;
    \[*) reach=$host ;;
    *:*) reach="[$host]" ;;
    *) reach=$host ;;
  esac
  url="http://$reach:$port"
  build_dir=${CARGO_TARGET_DIR:-$root/target}
  case $build_dir in
    /*) ;;
    *) build_dir=$root/$build_dir ;;
  esac
  binary=$build_dir/$profile/chatserver
  case $binary in
    "$root"/*) shown_binary=./${binary#"$root"/} ;;
    *) shown_binary=$binary ;;
  esac
}

# ---- tools

# enough <version> <wanted>: whether it is at least the wanted one.
enough() {
  major=${1%%.*}
  rest=${1#*.}
  minor=${rest%%.*}
  case $major$minor in
    '' | *[!0-9]*) return 1 ;;
  esac
  [ "$major" -gt "${2%%.*}" ] || { [ "$major" -eq "${2%%.*}" ] && [ "$minor" -ge "${2#*.}" ]; }
}

# download <address> <file>: leaves an empty file if it fails, after printing the reason.
download() {
  if check_cmd curl; then
    curl --proto '=https' --tlsv1.2 -sSfL "$1" -o "$2" || : >"$2"
  else
    wget -q -O "$2" "$1" || : >"$2"
  fi
  [ -s "$2" ]
}

# begin_scratch <path>: removes this path if the script is interrupted.
begin_scratch() {
  scratch=$1
  trap 'rm -rf "$scratch"; err "Interrupted."; exit 130' INT TERM HUP
}

end_scratch() {
  rm -rf "$scratch"
  trap - INT TERM HUP
}

# Sets rust_found to the version in use, or to nothing if cargo or rustc is missing.
find_rust() {
  rust_found=''
  check_cmd cargo && check_cmd rustc || return 0
  # A rustup without a toolchain has both commands and neither works.
  cargo --version >/dev/null 2>&1 || return 0
  rust_found=$(rustc --version 2>/dev/null | sed -n '1s/^rustc \([0-9][0-9.]*\).*/\1/p')
}

use_cargo_home() {
  cargo_bin=${CARGO_HOME:-${HOME:-/nonexistent}/.cargo}/bin
  if [ -x "$cargo_bin/cargo" ]; then
    PATH=$cargo_bin:$PATH
    export PATH
  fi
}

install_rust() {
  consent "curl --proto '=https' --tlsv1.2 -sSf $rustup_url | sh -s -- -y" "$1"
  step "Installing Rust with rustup"
  installer=$(mktemp "${TMPDIR:-/tmp}/rustup-init.XXXXXX") || fail "Cannot write to ${TMPDIR:-/tmp}: set TMPDIR to a folder you can write to."
  begin_scratch "$installer"
  if ! download "$rustup_url" "$installer"; then
    end_scratch
    fail "Could not download $rustup_url: check the network (and https_proxy), or install Rust $rust_wanted by hand from https://rustup.rs, then run $script again."
  fi
  installed=yes
  # A distribution's older Rust may stay where it is: the new one comes first in PATH.
  RUSTUP_INIT_SKIP_PATH_CHECK=yes sh "$installer" -y >&2 || installed=no
  end_scratch
  [ "$installed" = yes ] || fail "rustup could not install Rust: see its message above, then run $script again."
}

ensure_rust() {
  find_rust
  if [ -z "$rust_found" ]; then
    use_cargo_home
    find_rust
  fi
  if [ -z "$rust_found" ]; then
    install_rust "Rust (cargo and rustc $rust_wanted or newer) is missing: install it with: curl --proto '=https' --tlsv1.2 -sSf $rustup_url | sh"
    use_cargo_home
    find_rust
  elif ! enough "$rust_found" "$rust_wanted" && check_cmd rustup; then
    consent "rustup update stable" "Rust $rust_found is too old, $rust_wanted or newer is needed: run: rustup update stable"
    step "Updating Rust"
    rustup update stable >&2 || fail "rustup could not update Rust: check the network (and https_proxy), run 'rustup update stable', then $script again."
    find_rust
  elif ! enough "$rust_found" "$rust_wanted"; then
    install_rust "Rust $rust_found is too old, $rust_wanted or newer is needed: install it with: curl --proto '=https' --tlsv1.2 -sSf $rustup_url | sh"
    use_cargo_home
    find_rust
  fi
  enough "${rust_found:-0.0}" "$rust_wanted" ||
    fail "Rust ${rust_found:-(none)} is in use, $rust_wanted or newer is needed: run 'rustup default stable', open a new terminal and run $script again."
}

# Sets node_found to the version in use, or to nothing if node or npm is missing.
find_node() {
  node_found=''
  check_cmd node && check_cmd npm || return 0
  node_found=$(node --version 2>/dev/null | sed -n '1s/^v\([0-9][0-9.]*\).*/\1/p')
}

use_node_folder() {
  if [ -x "$root/$node_folder/bin/node" ]; then
    PATH=$root/$node_folder/bin:$PATH
    export PATH
  fi
}

# Sets node_build to the name of Node's official build for this machine, or to nothing.
find_node_build() {
  node_build=''
  case $(uname -s) in
    Linux)
      # The official builds need the GNU C library.
      for musl in /lib/ld-musl-*; do [ ! -e "$musl" ] || return 0; done
      node_build=linux
      ;;
    Darwin) node_build=darwin ;;
    *) return 0 ;;
  esac
  case $(uname -m) in
    x86_64 | amd64) node_build=$node_build-x64 ;;
    aarch64 | arm64) node_build=$node_build-arm64 ;;
    *) node_build='' ;;
  esac
}

# install_node <reason>: installs Node into the repository's own folder, without affecting other programs.
install_node() {
  find_node_build
  otherwise="install it from https://nodejs.org or with your system's package manager, or leave the web client out with --no-web"
  [ -n "$node_build" ] || fail "$1: $otherwise."
  consent "download $node_url for $node_build into $node_folder" "$1: $otherwise"
  step "Installing Node into $node_folder"
  fresh=$(mktemp -d "$root/.node-new.XXXXXX") || fail "Cannot write to $root: make this folder writable for $(id -un)."
  begin_scratch "$fresh"
  download_node || {
    end_scratch
    fail "Could not get Node from $node_url: check the network (and https_proxy), or $otherwise."
  }
  rm -rf "${root:?}/$node_folder"
  mv "$fresh"/node-v* "$root/$node_folder"
  end_scratch
}

# Unpacks the build into an empty folder, if it has the official checksum.
download_node() {
  download "$node_url/SHASUMS256.txt" "$fresh/list" || return 1
  line=$(grep -- "-$node_build.tar.gz\$" "$fresh/list") || return 1
  archive=${line##* }
  download "$node_url/$archive" "$fresh/archive" || return 1
  if check_cmd sha256sum; then
    sum=$(sha256sum <"$fresh/archive")
  else
    sum=$(shasum -a 256 <"$fresh/archive")
  fi
  if [ "${sum%% *}" != "${line%% *}" ]; then
    err "$archive is not what $node_url/SHASUMS256.txt says."
    return 1
  fi
  tar -xzf "$fresh/archive" -C "$fresh"
}

ensure_node() {
  use_node_folder
  find_node
  if [ -z "$node_found" ]; then
    install_node "The web client needs Node $node_wanted or newer with npm, which is missing"
  elif ! enough "$node_found" "$node_wanted"; then
    install_node "The web client needs Node $node_wanted or newer, and Node $node_found is in use"
  fi
  use_node_folder
  find_node
  enough "${node_found:-0.0}" "$node_wanted" ||
    fail "Node ${node_found:-(none)} is in use after the installation, $node_wanted or newer is needed: remove $node_folder and run $script again, or leave the web client out with --no-web."
}

ensure_tools() {
  missing=$(missing_tools)
  if [ -n "$missing" ]; then
    # shellcheck disable=SC2086
    install_tools $missing
    missing=$(missing_tools)
    [ -z "$missing" ] || fail "Still missing after the installation: $missing. Install it by hand, then run $script again."
  fi
  ensure_rust
  step "Rust $rust_found"
  if [ "$web" = yes ]; then
    ensure_node
    step "Node $node_found"
  fi
}

# ---- the port and who has it

# Prints "<pid> <name>" of the process that listens on a port, "? ?" if that is hidden, nothing if the port is free.
listener() {
  if check_cmd ss && table=$(ss -ltnp 2>/dev/null); then
    found=$(printf '%s\n' "$table" | awk -v port="$1" '
      { n = split($4, address, ":") }
      n > 1 && address[n] == port {
        if (match($0, /\("[^"]*",pid=[0-9]+/)) {
          owner = substr($0, RSTART + 2, RLENGTH - 2); split(owner, part, "\",pid="); print part[2], part[1]
        } else print "? ?"
        exit
      }')
  elif check_cmd lsof; then
    found=$(lsof -nP -iTCP:"$1" -sTCP:LISTEN -Fpc 2>/dev/null |
      awk '/^p/ { pid = substr($0, 2) } /^c/ { print pid, substr($0, 2); exit }') || found=''
  elif [ -r /proc/net/tcp ]; then
    found=$(proc_listener "$1")
  else
    found=''
  fi
  # lsof does not see other users' processes, so the port may still be taken. 7 is "could not connect".
  if [ -z "$found" ] && check_cmd curl; then
    refused=0
    curl -s --noproxy '*' --max-time 2 -o /dev/null "http://$reach:$1/" 2>/dev/null || refused=$?
    [ "$refused" -eq 7 ] || found='? ?'
  fi
  [ -z "$found" ] || printf '%s\n' "$found"
}

proc_listener() {
  hex=$(printf '%04X' "$1")
  inode=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
    awk -v port="$hex" '$4 == "0A" { split($2, address, ":"); if (address[2] == port) { print $10; exit } }')
  [ -n "$inode" ] || return 0
  # shellcheck disable=SC2012
  owner=$(ls -l /proc/[0-9]*/fd 2>/dev/null |
    awk -v socket="socket:[$inode]" '/^\/proc\// { split($0, part, "/"); pid = part[3] } $NF == socket { print pid; exit }') || owner=''
  if [ -n "$owner" ]; then
    printf '%s %s\n' "$owner" "$(cat "/proc/$owner/comm" 2>/dev/null || echo '?')"
  else
    echo '? ?'
  fi
}

command_line() {
  if [ -r "/proc/$1/cmdline" ]; then
    tr '\0' ' ' <"/proc/$1/cmdline"
  else
    ps -ww -p "$1" -o args= 2>/dev/null || :
  fi
}

# Sets ours to the process id of a running server that this script started from this folder, else to nothing.
# A process id alone proves nothing: the system may have given it to another program since.
find_ours() {
  ours=''
  [ -f "$pid_file" ] || return 0
  candidate=$(head -n 1 "$pid_file" | tr -cd 0-9)
  [ -n "$candidate" ] && kill -0 "$candidate" 2>/dev/null || return 0
  case "$(command_line "$candidate")" in
    *"$build_dir/"*/chatserver*" --port "*) ours=$candidate ;;
  esac
}

port_of() {
  command_line "$1" | sed -n 's/.* --port \([0-9][0-9]*\).*/\1/p'
}

# Ends the script unless this run may start a server on the port.
check_port() {
  find_ours
  if [ -n "$ours" ]; then
    running_port=$(port_of "$ours")
    if [ "$running_port" = "$port" ]; then
      wait_ready "$ours"
      say "${green}ChatServer already runs${plain} (process $ours). To start a new build, stop it first."
      print_next_steps
      exit 0
    fi
    fail "A ChatServer from this folder already runs on port $running_port (process $ours). Stop it with: kill $ours"
  fi
  found=$(listener "$port")
  [ -n "$found" ] || return 0
  case $found in
    '? ?') who="a process that only its owner or root can see" ;;
    *) who="${found#* } (process ${found%% *})" ;;
  esac
  fail "Port $port is in use by $who. Choose another port: $script --port $((port < 65535 ? port + 1 : port - 1))"
}

# ---- build, start, wait

# Before the server, which embeds the client.
build_web() {
  step "Building the web client"
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 ||
    fail "npm could not get what the web client is built with: check the network (and npm's proxy settings), then run $script again, or leave the web client out with --no-web."
  npm run --silent build -w web >&2 ||
    fail "The web client could not be built: see the message above, or leave it out with --no-web."
}

build() {
  step "Building ChatServer ($profile); the first time takes some minutes"
  flags='--locked'
  [ "$web" = yes ] || flags="$flags --no-default-features"
  [ "$profile" = debug ] || flags="--release $flags"
  [ "$quiet" = no ] || flags="$flags --quiet"
  # shellcheck disable=SC2086
  cargo build $flags >&2 || fail "The build failed: see the message above, then run $script again."
  [ -x "$binary" ] || fail "The build left no $shown_binary: unset build.target-dir in your cargo configuration, then run $script again."
}

is_ready() {
  if check_cmd curl; then
    curl -fs --noproxy '*' --max-time 2 -o /dev/null "$url/readyz" 2>/dev/null
  else
    # An empty proxy setting means "no proxy" for every wget.
    http_proxy='' wget -q -t 1 -T 2 -O /dev/null "$url/readyz" 2>/dev/null
  fi
}

# wait_ready <pid>: returns when the server is ready, else prints the reason and ends the script.
wait_ready() {
  deadline=$(($(date +%s) + ready_seconds))
  while ! is_ready; do
    kill -0 "$1" 2>/dev/null || not_ready "ChatServer stopped while starting."
    if [ "$(date +%s)" -ge "$deadline" ]; then
      not_ready "ChatServer (process $1) was not ready after $ready_seconds seconds and still runs. Follow $start_log, or stop it with: kill $1"
    fi
    sleep 0.1 2>/dev/null || sleep 1
  done
  kill -0 "$1" 2>/dev/null || not_ready "ChatServer stopped while starting."
}

not_ready() {
  if [ -s "$start_log" ]; then
    say "Last lines of $start_log:" >&2
    tail -n 15 "$start_log" | sed 's/^/  /' >&2
  fi
  case $1 in
    *' stopped '*)
      rm -f "$pid_file"
      fail "$1 Remove the cause named above (all of it is in $start_log), then run $script again."
      ;;
    *) fail "$1" ;;
  esac
}

start() {
  mkdir -p logs 2>/dev/null || fail "Cannot create the folder logs here: make this folder writable for $(id -un)."
  : 2>/dev/null >"$start_log" || fail "Cannot write $start_log: make the folder logs writable for $(id -un)."
  step "Starting ChatServer on port $port"
  # A session of its own, if there is setsid, keeps it alive when the terminal closes.
  if check_cmd setsid; then
    nohup setsid "$binary" serve --port "$port" >>"$start_log" 2>&1 </dev/null &
  else
    nohup "$binary" serve --port "$port" >>"$start_log" 2>&1 </dev/null &
  fi
  server=$!
  printf '%s\n' "$server" >"$pid_file"
  # Until it is ready, an interrupt undoes what this run began.
  trap 'kill "$server" 2>/dev/null || :; rm -f "$pid_file"; err "Interrupted; ChatServer was stopped."; exit 130' INT TERM HUP
  wait_ready "$server"
  trap - INT TERM HUP
  say "${green}ChatServer is running${plain} (process $server)."
  print_next_steps
}

print_next_steps() {
  say ""
  if [ "$web" = yes ]; then
    say "  Web client     $bold$url$plain"
  else
    say "  Address        $bold$url$plain"
  fi
  say "  API reference  $url/docs"
  if [ "$demo" = yes ]; then
    say "  Demo logins    tom@temp.com and jerry@temp.com, password: password123"
  else
    say "  Demo logins    none, since it listens on $host: register users with POST $url/v1/users/register"
  fi
  say "  Data           $database"
  say "  Log            $app_log"
  say ""
  [ "$PWD" = "$caller" ] || say "The commands below are meant for this folder: cd \"$PWD\""
  if [ "$demo" = yes ]; then
    chat_url=''
    [ "$url" = http://127.0.0.1:8080 ] || chat_url=" --url $url"
    say "Chat, in two terminals:"
    say "  $shown_binary chat --as tom$chat_url"
    say "  $shown_binary chat --as jerry$chat_url"
  fi
  say "Stop it:"
  say "  kill \$(cat $pid_file)"
}

setup_main() {
  caller=$PWD
  parse_arguments "$@"
  cd "$root" || exit 1
  read_settings
  [ "$run" = no ] || check_port
  ensure_tools
  [ "$web" = no ] || build_web
  build
  if [ "$run" = no ]; then
    say "${green}Built${plain} $shown_binary. Start it with: $script"
    exit 0
  fi
  # The build took a while: another program may have taken the port.
  check_port
  if [ "$foreground" = yes ]; then
    mkdir -p logs
    exec "$binary" serve --port "$port"
  fi
  start
}
