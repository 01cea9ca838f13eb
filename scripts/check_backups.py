#!/usr/bin/env python3
"""Makes backups of a server with the tools that people use, by the commands that docs/operations.md shows, while it is
written to without pause; restores each into a place of its own, starts a server there and looks: what was acknowledged before
the backup began is there, in order; tokens are taken; the search finds; a client that knows more is asked to reload.

    check_backups.py [the server's binary]

Needs restic, borgbackup, sqlite3 and postgresql, as Debian has them, and in $VENV (default .venv) what
scripts/requirements-test.txt lists. Starts a PostgreSQL of its own."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from backups import of_postgres, of_sqlite, postgres
from backups.page import PAGE, blocks
from proxies.machine import ROOT

# How each tool prints its version, and its name on the page. PostgreSQL's tools go with its server.
TOOLS = {"restic": ["restic", "version"], "borg": ["borg", "--version"], "Litestream": ["litestream", "version"]}
TOOLS |= {"The SQLite shell": ["sqlite3", "--version"]}


def versions():
    """Warns if the page was written for another version than the installed one."""
    for title, command in TOOLS.items():
        if shutil.which(command[0]) is None:
            sys.exit(f"{command[0]} is missing: run ./test.sh, which installs it.")
        here = re.search(r"\d+\.\d+\.\d+", subprocess.run(command, capture_output=True, text=True).stdout).group()
        said = re.search(rf"^\*\*{title}\*\* \(([\d.]+)\)", PAGE.read_text(), re.MULTILINE)
        assert said, f"{PAGE.name} does not say a version of {title}"
        if said[1] != here:
            print(f"  {title}: this is {here}; {PAGE.name} was written with {said[1]}")


def main():
    if len(sys.argv) > 2:
        sys.exit(__doc__)
    built = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug/chatserver"
    binary, began = Path(*sys.argv[1:] or [built]).resolve(), time.monotonic()
    os.environ["PATH"] += f":{Path(os.environ.get('VENV', ROOT / '.venv')).absolute()}/bin"
    versions()
    with tempfile.TemporaryDirectory(prefix="backups-", dir=postgres.open_folder()) as folder:
        work = Path(folder)
        work.chmod(0o755)
        for name in ("bin", "sqlite", "postgres"):
            (work / name).mkdir()
        # By its name on the page.
        (work / "bin/chatserver").symlink_to(binary)
        os.environ["PATH"] = f"{work}/bin:{os.environ['PATH']}"
        with ThreadPoolExecutor() as pool:
            jobs = [pool.submit(kind.run, binary, work / name) for name, kind in KINDS.items()]
            found = [row for job in jobs for row in job.result()]
    unseen = set(blocks()) - {scene.tool for scene, _ in found}
    assert not unseen, f"{PAGE.name} shows {unseen}, which nobody ran"
    for scene, number in found:
        print(f"  {scene.name}: {scene.n_before} acknowledged before it, {number} restored")
    print(f"  backups: {time.monotonic() - began:.0f} s")


KINDS = {"sqlite": of_sqlite, "postgres": of_postgres}
main()
