#!/bin/bash
# SQLite 3.54.1 (PyPI apsw 3.54.1.0), 2026-11-30.
# What a savepoint changed and ROLLBACK TO took back is written to the write-ahead log all the same by the COMMIT that
# follows: every page that was touched, as it was before, though nothing of it has changed. A transaction that stores one
# row after 24 pages were changed and taken back writes 25 pages, where one that is rolled back as a whole writes none and
# the one after it its single page. So a savepoint is no way to try something out without paying for it.
# Seen: "SQLite 3.54.1: pages in the log: 1 for one row, 25 after a rolled back savepoint, 1 after a whole rollback".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check apsw==3.54.1.0
cat >trial.py <<'PYTHON'
import os

import apsw

db = apsw.Connection("trial.db")
for statement in (
    "PRAGMA journal_mode = WAL",
    "PRAGMA wal_autocheckpoint = 0",
    "CREATE TABLE wide (id INTEGER PRIMARY KEY, n INTEGER, filler BLOB)",
    "WITH RECURSIVE ids (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids WHERE id < 24) "
    "INSERT INTO wide SELECT id, 1000, zeroblob(3000) FROM ids",
    "CREATE TABLE small (n INTEGER)",
    "INSERT INTO small VALUES (1)",
):
    db.execute(statement).fetchall()

ROW = "UPDATE small SET n = n + 1"
MANY = "UPDATE wide SET n = n + 1"


def pages(*statements):
    """How many pages these write to an empty log."""
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    for statement in statements:
        db.execute(statement)
    return (os.path.getsize("trial.db-wal") - 32) // (4096 + 24)


one = pages("BEGIN", ROW, "COMMIT")
savepoint = pages("BEGIN", "SAVEPOINT s", MANY, "ROLLBACK TO s", "RELEASE s", ROW, "COMMIT")
whole = pages("BEGIN", MANY, "ROLLBACK", "BEGIN", ROW, "COMMIT")
print(
    f"SQLite {apsw.sqlite_lib_version()}: pages in the log: {one} for one row, "
    f"{savepoint} after a rolled back savepoint, {whole} after a whole rollback"
)
assert (one, savepoint, whole) == (1, 25, 1)
PYTHON
venv/bin/python trial.py
