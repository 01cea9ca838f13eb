#!/bin/bash
# The sqlite3 shell of Debian 12 (package sqlite3 3.40.1-2+deb12u2), 2026-11-30.
# .backup of a database that another process writes to does not end where copying takes longer than the pause between two
# writes: it copies 100 pages at a time without holding on to a moment, and begins anew when somebody has written. It says
# nothing, and goes on for ever. The manual of the function behind it says so, that of the shell does not; and the same command
# on the same file is done in a moment while nobody writes. VACUUM INTO copies one moment, and ends.
# Seen, of a file of 200 MB: "nobody writes: done; 100 writes a second: .backup not done after 30 s, VACUUM INTO done".
set -euo pipefail
folder=$(mktemp -d)
trap '[ -z "${writer:-}" ] || kill "$writer" 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -q sqlite3=3.40.1-2+deb12u2 libsqlite3-0=3.40.1-2+deb12u2 >/dev/null
for package in ./*.deb; do dpkg -x "$package" .; done
LD_LIBRARY_PATH=$PWD/$(dirname "$(find . -name 'libsqlite3.so.0')")
export LD_LIBRARY_PATH
shell=$PWD/usr/bin/sqlite3
"$shell" live.db 'PRAGMA journal_mode=WAL; CREATE TABLE notes (body);
  WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
  INSERT INTO notes SELECT randomblob(4000) FROM n;' >/dev/null
timeout 30 "$shell" live.db ".backup quiet.db"
cat >write.py <<'PYTHON'
import sqlite3
import time

db = sqlite3.connect("live.db", timeout=30, isolation_level=None)
while True:
    db.execute("INSERT INTO notes VALUES ('one more')")
    time.sleep(0.01)
PYTHON
python3 write.py &
writer=$!
backup="done"
timeout 30 "$shell" -cmd '.timeout 30000' live.db ".backup busy.db" || backup="not done after 30 s"
vacuum="done"
timeout 30 "$shell" -cmd '.timeout 30000' live.db "VACUUM INTO 'vacuum.db'" || vacuum="not done after 30 s"
kill -0 "$writer"
echo "nobody writes: done; 100 writes a second: .backup $backup, VACUUM INTO $vacuum" | tee seen
grep -qx 'nobody writes: done; 100 writes a second: .backup not done after 30 s, VACUUM INTO done' seen
