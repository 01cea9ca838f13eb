#!/bin/bash
# Sourced by scripts that run tests: starts one PostgreSQL and one NATS for a command, where its tests find them.

# Folder of their files: in memory if there is plenty. Each test makes a database of 300 files and removes it, and on a
# disk that would be much of the work. A killed process leaves the same behind in both.
folder_of_engines() {
  local free_kib=0 memory_kib=0
  if [ "$(cat /sys/fs/cgroup/memory.max 2>/dev/null || echo max)" = max ]; then
    free_kib=$(df -k /dev/shm 2>/dev/null | awk 'END { print int($4) }')
    memory_kib=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo 2>/dev/null || echo 0)
  fi
  if [ "${free_kib:-0}" -gt $((4 << 20)) ] && [ "${memory_kib:-0}" -gt $((8 << 20)) ]; then
    echo /dev/shm
  else
    echo "${TMPDIR:-/tmp}"
  fi
}

# with_engines <command>...: runs `engines` directly and not through `cargo run`, whose variables would cause rebuilds.
# It is built with the whole workspace, because a single package would have its dependencies built again with only the
# features that it needs itself.
with_engines() {
  local own=${TMPDIR:-/tmp} folder
  folder=$(folder_of_engines)
  cargo build --workspace --locked --features chatserver/failpoints --bin engines &&
    TMPDIR=$folder "${CARGO_TARGET_DIR:-target}/debug/engines" run -- env "TMPDIR=$own" "$@"
}
