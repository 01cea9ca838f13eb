#!/bin/bash
# The sqlite3 shell of Debian 12 (package sqlite3 3.40.1-2+deb12u2), 2026-11-30.
# .recover, which is for damaged databases, does not work on any: the shell was built without SQLITE_ENABLE_DBPAGE_VTAB, which
# it needs. It says "sql error: SQL logic error (1)" on standard error, after a few lines of SQL that make nothing, and .help
# shows the command all the same. In the pipe that its manual shows, `sqlite3 old.db .recover | sqlite3 new.db`, that line is
# all one sees: the status is 0, and new.db is an empty file.
# Seen: "status 0, 0 bytes, said: sql error: SQL logic error (1)".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -q sqlite3=3.40.1-2+deb12u2 libsqlite3-0=3.40.1-2+deb12u2 >/dev/null
for package in ./*.deb; do dpkg -x "$package" .; done
libraries=$(dirname "$(find . -name 'libsqlite3.so.0')")
shell() { LD_LIBRARY_PATH=$libraries ./usr/bin/sqlite3 "$@"; }
shell old.db 'CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT); INSERT INTO notes VALUES (1, "sound");'
[ "$(shell old.db 'SELECT body FROM notes')" = sound ]
shell old.db '.help .recover' | grep -q Recover
set +o pipefail
status=0
shell old.db .recover 2>said | shell new.db || status=$?
echo "status $status, $(stat -c %s new.db) bytes, said: $(xargs <said)" | tee seen
grep -qx 'status 0, 0 bytes, said: sql error: SQL logic error (1)' seen
