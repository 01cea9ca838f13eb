#!/bin/bash
# SQLite 3.54.1 (PyPI apsw 3.54.1.0), 2026-11-30.
# With PRAGMA secure_delete=ON, which is documented to overwrite deleted content with zeros, some deleted rows stay readable
# in the database file: when a full page is divided or pages are joined, cells are moved, and the place that one is moved
# away from is not overwritten. A row that is deleted later is zeroed where it is then, and its former place keeps it until
# something else is written there. VACUUM removes them.
# Seen: "SQLite 3.54.1: 6751 deleted, 10 readable, 0 after VACUUM".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check apsw==3.54.1.0
cat >trial.py <<'PYTHON'
import random

import apsw


def trial(seed):
    """How many rows were deleted, and the beginnings of how many are in the file: before and after VACUUM."""
    path = f"{seed}.db"
    db = apsw.Connection(path)
    db.execute("PRAGMA secure_delete=ON").fetchall()
    db.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT)")
    dice, live, deleted = random.Random(seed), {}, []
    for number in range(3000):
        if live and dice.random() < 0.45:
            key = dice.choice(list(live))
            deleted.append(live.pop(key))
            db.execute("DELETE FROM notes WHERE id = ?", (key,))
        elif (key := dice.randint(1, 10**9)) not in live:
            live[key] = f"note-{seed}-{number:06d}-"
            db.execute("INSERT INTO notes VALUES (?, ?)", (key, live[key] + "x" * dice.randint(0, 900)))

    def readable():
        data = open(path, "rb").read()
        assert all(note.encode() in data for note in live.values())
        return sum(note.encode() in data for note in deleted)

    before = readable()
    db.execute("VACUUM")
    return len(deleted), before, readable()


deleted, before, after = map(sum, zip(*(trial(seed) for seed in range(5))))
print(f"SQLite {apsw.sqlite_lib_version()}: {deleted} deleted, {before} readable, {after} after VACUUM")
assert apsw.sqlite_lib_version() == "3.54.1" and before > 0 and after == 0
PYTHON
venv/bin/python trial.py
