#!/bin/bash
# SQLite 3.54.1 (PyPI apsw 3.54.1.0), 2026-11-30.
# FTS5's option secure-delete takes a deleted row's words out of the index at once, but not in a table that is declared with
# content='' and contentless_delete=1, although setting it there is accepted: the deletion writes a tombstone, the word stays
# in the index's blocks until segments are merged. The table's vocabulary (fts5vocab) no longer shows the word in either case,
# so whoever asks the vocabulary whether a word is gone is told yes.
# Seen: "kept whole: vocabulary ['keep'], word in 0 blocks" and "contentless: vocabulary ['keep'], word in 1 blocks".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check apsw==3.54.1.0
cat >trial.py <<'PYTHON'
import apsw


def trial(options):
    db = apsw.Connection(":memory:")
    db.execute(f"CREATE VIRTUAL TABLE notes USING fts5(body{options})")
    db.execute("INSERT INTO notes(notes, rank) VALUES ('secure-delete', 1)")
    db.execute("INSERT INTO notes(rowid, body) VALUES (1, 'keep'), (2, 'number')")
    db.execute("DELETE FROM notes WHERE rowid = 2")
    db.execute("CREATE VIRTUAL TABLE words USING fts5vocab('notes', 'row')")
    vocabulary = [term for (term,) in db.execute("SELECT term FROM words")]
    blocks = [bytes(block) for (block,) in db.execute("SELECT block FROM notes_data")]
    return vocabulary, sum(b"umber" in block for block in blocks)


for name, options, expected in [
    ("kept whole", "", 0),
    ("contentless", ", content='', contentless_delete=1", 1),
]:
    vocabulary, n_blocks = trial(options)
    print(f"{name}: vocabulary {vocabulary}, word in {n_blocks} blocks")
    assert vocabulary == ["keep"] and n_blocks == expected
PYTHON
venv/bin/python trial.py
