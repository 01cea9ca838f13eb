#!/bin/bash
# Runs the black-box tests on a cluster: each server is two nodes on a PostgreSQL database of its own, connected by
# NATS, behind one address. ./test.sh installs what it needs. Without PostgreSQL or NATS it fails with a message.
#
# Usage: scripts/check_cluster.sh [part of a test's name]...
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/engines.sh

# Tests that are left out: a part of their names, and why they say nothing about a cluster.
left_out='
crash::broken::        breaks the SQLite store on purpose
crash::failing::       lets the disk of the SQLite file fail
crash::points::        ends the SQLite store at chosen points of a write
crash::power::         replays what SQLite writes to its file
operation::backup::    backs up a SQLite file
operation::forgotten:: looks into the SQLite file for what was deleted
operation::files::     what becomes of a SQLite file, that of the earlier Go server too
operation::blocks::    fills the disk of the SQLite file
operation::lost_log::  takes the log of the SQLite file away
operation::overwritten:: writes over the SQLite file
operation::place::     moves the SQLite file, or gives it a second name
operation::private::   what a server without a cluster makes lies beside its SQLite file
operation::settings::  settings are read before there is an engine, and what they make lies beside the SQLite file
operation::storage::   locks the SQLite file
operation::upgrade::   begins with a SQLite file of the release before
tracing::a_failure_names_the_trace_at_any_level   changes the SQLite file
metrics::readiness_is_what_a_write_says           locks the SQLite file
ready::on_a_full_disk_it_is_ready_only_if_the_next_message_fits  fills the disk of the SQLite file
crash::paused::        a node that is paused in a transaction loses it, so that the others can go on
demo::beyond_loopback_a_database_with_demo_users_is_refused  compares the SQLite file
shutdown::the_log_of_the_database_is_put_away                looks at the SQLite file
operation::bench::      starts servers of its own
operation::addresses::  sockets are bounded before anything is stored
operation::stuck::      looks at one process and its watchdog
operation::unread_answers:: answers are bounded on their way out of one node
stream::slow::          slow sockets are a matter of one node
tls::a_client_that_resumes_over_tls_and_reads_nothing      the same
limits::audit::         each node counts for itself
limits::logins::        each node counts for itself
limits::rest::          each node counts for itself
limits::streams::       each node counts for itself
cluster::              starts nodes of its own
migrate::              begins with a SQLite file
terminal::             looks at the terminal client, whatever the server stands on
torture::              starts a server of its own
'

skips=()
echo "Left out on the cluster:"
while read -r name why; do
  [ -n "$name" ] || continue
  printf '  %-30s %s\n' "$name" "$why"
  skips+=(--skip "$name")
done <<<"$left_out"

# With the features of the whole workspace, which is built already. A single package would have its dependencies built
# again.
build=(--workspace --locked --features chatserver/failpoints)
export CHATSERVER_TEST_ENGINE=cluster
if cargo nextest --version >/dev/null 2>&1; then
  with_engines cargo nextest run --no-fail-fast "${build[@]}" -E 'package(chatserver) & binary(it)' -- "${skips[@]}" "$@"
else
  with_engines cargo test -p chatserver --test it "${build[@]:1}" -- "${skips[@]}" "$@"
fi
