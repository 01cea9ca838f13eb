#!/bin/bash
# Sourced by scripts of which parts wait more than they compute: these are run at the same time.

# together <command>...: starts them all, each a function or a program with its arguments in one word. What they print
# comes out in their order, each as a whole. The status is that of the first one that failed; none is cut short by another.
together() {
  local outputs command job status=0 failed=0 jobs=()
  outputs=$(mktemp -d)
  # Each is a process group of its own: whoever interrupts this ends what they have started, too.
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
