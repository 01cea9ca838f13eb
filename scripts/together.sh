#!/bin/bash
# Sourced by scripts whose parts mostly wait: runs these at the same time.

# together <command>...: starts all commands, each a function or a program with its arguments in one word. Prints their
# output in this order, each as a whole. The status is that of the first one that failed. A failure does not end the others.
together() {
  local outputs command job status=0 failed=0 jobs=()
  outputs=$(mktemp -d)
  # Each is a process group of its own, so that an interrupt also ends the processes that they have started.
  trap 'kill -- "${jobs[@]/#/-}" 2>/dev/null; rm -rf "$outputs"; exit 130' INT TERM
  set -m
  for command; do
    # shellcheck disable=SC2086
    $command >"$outputs/${#jobs[@]}" 2>&1 </dev/null &
    jobs+=("$!")
  done
  set +m
  for job in "${!jobs[@]}"; do
    status=0
    wait "${jobs[job]}" || status=$?
    cat "$outputs/$job"
    [ "$failed" -ne 0 ] || failed=$status
  done
  trap - INT TERM
  rm -rf "$outputs"
  return "$failed"
}
