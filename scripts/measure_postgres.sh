#!/bin/bash
# Measures PostgreSQL alone, with pgbench, under the server's load: three writers that commit batches of messages, or of
# moved pointers, each under the lock of the log's row, into the server's own tables. Its figures are in docs/scaling.md
# and the yardstick for the server. Starts a PostgreSQL of its own in a temporary folder.
#
# Usage: scripts/measure_postgres.sh [seconds for each run]
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-15}
schema=$PWD/crates/chat-postgres/migrations/0001_initial.sql
bin=$(find /usr/lib/postgresql/*/bin -maxdepth 0 2>/dev/null | sort -V | tail -n 1)
[ -z "$bin" ] || PATH=$bin:$PATH
work=$(mktemp -d)
as=()
# PostgreSQL refuses to run as root.
if [ "$(id -u)" = 0 ]; then
  as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
  chown postgres:postgres "$work"
fi
finish() {
  ${as[@]+"${as[@]}"} pg_ctl -D "$work/data" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap finish EXIT

cat >"$work/messages.sql" <<'SQL'
BEGIN;
SELECT position AS p, message_id AS m FROM log WHERE only_row = 1 FOR UPDATE \gset
WITH picked AS MATERIALIZED (
  SELECT g, 1 + floor(random() * 100000)::bigint AS c FROM generate_series(1, :n::bigint) g
), numbered AS (
  SELECT g, c, row_number() OVER (PARTITION BY c ORDER BY g) AS k FROM picked
), moved AS (
  UPDATE conversations v SET last_seq = last_seq + x.k, rev = rev + x.k, position = :p::bigint + x.g
  FROM (SELECT c, count(*) AS k, max(g) AS g FROM picked GROUP BY c) x WHERE v.id = x.c
  RETURNING v.id, v.last_seq, v.rev, x.k
)
INSERT INTO messages (id, conversation_id, seq, rev, position, sender_id, recipient_id, group_id, kind, content,
                      media_url, client_msg_id, sent_at)
SELECT :m::bigint + g, c, last_seq - moved.k + n.k, rev - moved.k + n.k, :p::bigint + g,
       1 + floor(random() * 50000), 1 + floor(random() * 50000), 0, 'text', repeat(md5(random()::text), 3),
       '', gen_random_uuid()::text, 1700000000000000
FROM numbered n JOIN moved ON moved.id = n.c;
UPDATE log SET position = position + :n::bigint, message_id = message_id + :n::bigint WHERE only_row = 1;
INSERT INTO journal (first, last, body)
VALUES (:p::bigint + 1, :p::bigint + :n::bigint, convert_to(repeat('x', (:n::bigint * 220)::int), 'UTF8'));
COMMIT;
SQL
cat >"$work/pointers.sql" <<'SQL'
BEGIN;
SELECT position AS p FROM log WHERE only_row = 1 FOR UPDATE \gset
WITH picked AS MATERIALIZED (
  SELECT DISTINCT ON (c) c, g
  FROM (SELECT g, 1 + floor(random() * 100000)::bigint AS c FROM generate_series(1, :n::int) g) q
), who AS MATERIALIZED (
  SELECT p.c, p.g, (SELECT user_id FROM members m WHERE m.conversation_id = p.c LIMIT 1) AS u FROM picked p
), moved AS (
  UPDATE conversations SET receipts_position = :p::bigint + who.g FROM who WHERE id = who.c
)
UPDATE members m SET delivered_seq = delivered_seq + 1, read_seq = read_seq + 1, pointers_position = :p::bigint + who.g
FROM who WHERE m.conversation_id = who.c AND m.user_id = who.u;
UPDATE log SET position = position + :n::bigint, message_id = message_id + :n::bigint WHERE only_row = 1;
INSERT INTO journal (first, last, body)
VALUES (:p::bigint + 1, :p::bigint + :n::bigint, convert_to(repeat('x', (:n::bigint * 40)::int), 'UTF8'));
COMMIT;
SQL
cat >"$work/pages.sql" <<'SQL'
\set c random(1, 100000)
SELECT * FROM messages WHERE conversation_id = :c ORDER BY seq DESC LIMIT 50;
SQL

${as[@]+"${as[@]}"} initdb -D "$work/data" -U postgres -A trust --no-instructions >/dev/null
cat >>"$work/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$work'
shared_buffers = 256MB
max_wal_size = 4GB
CONF
${as[@]+"${as[@]}"} pg_ctl -D "$work/data" -l "$work/log" -w start >/dev/null
export PGHOST=$work PGUSER=postgres PGDATABASE=postgres
ask() { psql -qAtX -c "$1"; }
psql -qX -f "$schema" >/dev/null
ask "INSERT INTO conversations (id, n_members) SELECT g, 2 FROM generate_series(1, 100000) g"
ask "INSERT INTO members (conversation_id, user_id, role, joined_at)
     SELECT g, 1 + floor(random() * 50000), 'member', 0 FROM generate_series(1, 100000) g, generate_series(1, 2)
     ON CONFLICT DO NOTHING"

# measure <script> <writes in a commit>
measure() {
  local tps from to lsn wal written
  ask "CHECKPOINT"
  from=$(ask "SELECT message_id FROM log")
  lsn=$(ask "SELECT pg_current_wal_lsn()")
  tps=$(pgbench -n -M prepared -c 3 -j 1 -D "n=$2" -T "$seconds" -f "$work/$1.sql" 2>/dev/null | awk '/^tps/ { print $3 }')
  to=$(ask "SELECT message_id FROM log")
  wal=$(ask "SELECT pg_current_wal_lsn() - '$lsn'::pg_lsn")
  written=$((to - from))
  awk -v what="$1" -v tps="$tps" -v n="$2" -v wal="$wal" -v written="$written" 'BEGIN {
    printf "%-9s %4d in a commit: %7.0f commits/s, %6.0f/s, %6.0f bytes of WAL for each\n", what, n, tps, tps * n, wal / written }'
}

for batch in 1 8 64 256 512; do measure messages "$batch"; done
for batch in 1 8 64 256 512; do measure pointers "$batch"; done
echo "pages: $(pgbench -n -M prepared -c 16 -j 1 -T "$seconds" -f "$work/pages.sql" 2>/dev/null | awk '/^tps/ { printf "%.0f/s", $3 }')"
echo "bytes for a message: $(ask "SELECT pg_total_relation_size('messages') / count(*) FROM messages")"
