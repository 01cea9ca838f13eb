"""A PostgreSQL server of the test's own, with an archive of its log."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from proxies.machine import DEADLINE, eventually, free_port

RELEASES = Path("/usr/lib/postgresql")
USER = "postgres"
PATIENCE = 60


def programs():
    """Returns the folder with initdb and the others: that on PATH, or Debian's newest release."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    releases = sorted(RELEASES.glob("*/bin/initdb"), key=lambda path: float(path.parent.parent.name))
    assert releases, "PostgreSQL is missing: run ./test.sh, which installs it."
    return releases[-1].parent


def stand_in():
    """Returns the arguments with which subprocess runs PostgreSQL as another user, because it refuses root."""
    if os.getuid() != 0:
        return {}
    users = {user.pw_name: user for user in pwd.getpwall()}
    user = users.get("postgres") or users["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def open_folder():
    """Returns a folder for temporary files that this user can reach."""
    folders = [Path(folder).resolve() for folder in (tempfile.gettempdir(), "/tmp", "/var/tmp")]
    return next(folder for folder in folders if all(path.stat().st_mode & 0o1 for path in (folder, *folder.parents)))


class Cluster:
    """A server with all its files in a folder of its own. `settings` are lines of postgresql.conf, in which /archive
    stands for its archive."""

    def __init__(self, folder, settings):
        self.folder, self.data, self.archive = folder, folder / "data", folder / "archive"
        self.port, self.process, self.owner = free_port(), None, stand_in()
        self.environment = {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": USER, "LC_ALL": "C.UTF-8"}
        self.environment["PATH"] = f"{programs()}:{os.environ['PATH']}"
        for path in (self.folder, self.archive):
            path.mkdir()
            self.give(path)
        self.run("initdb", "--pgdata", self.data, "--username", USER, "--auth=trust", "--encoding=UTF8", "--no-sync")
        self.configure("postgresql.conf", settings.replace("/archive", str(self.archive)))
        self.start()

    def give(self, path):
        """Makes this user the owner of a file or folder."""
        if self.owner:
            os.chown(path, self.owner["user"], self.owner["group"])

    def run(self, *command):
        done = subprocess.run(command, **self.settings(), capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def settings(self):
        return {"env": self.environment, "cwd": self.folder, "stdin": subprocess.DEVNULL, **self.owner}

    def configure(self, file, settings):
        with open(self.data / file, "a") as config:
            config.write(f"\n{settings}\n")

    def replace(self, data, settings):
        """Starts on other data, which these settings recover."""
        self.data.rename(self.folder / "former")
        data.rename(self.data)
        (self.data / "recovery.signal").touch()
        self.give(self.data / "recovery.signal")
        self.configure("postgresql.auto.conf", settings)
        self.start()

    def start(self):
        command = ["postgres", "-D", self.data, "-h", "127.0.0.1", "-p", str(self.port), "-k", self.folder]
        with open(self.folder / "postgres.out", "ab") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, **self.settings())
        eventually("PostgreSQL takes writes", self.is_ready)

    def is_ready(self):
        assert self.process.poll() is None, f"it ended: {(self.folder / 'postgres.out').read_text()[-2000:]}"
        return self.ask("SELECT pg_is_in_recovery()") == "f"

    def ask(self, statement):
        return self.run("psql", "-Atqc", statement, "postgres")

    def url(self, database):
        return f"postgres://{USER}@127.0.0.1:{self.port}/{database}"

    def stop(self):
        """Stops it with all its sessions."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(2)
            self.process.wait(DEADLINE)
