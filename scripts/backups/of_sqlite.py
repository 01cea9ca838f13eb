"""Backups of a SQLite file with the tools of docs/operations.md, each in a scene of its own on the same server."""

import shutil
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from proxies.machine import eventually

from .chat import Server, Talk, look
from .page import Commands

# Tools that may copy while the server runs.
LIVE = ["vacuum-into", ".backup", ".dump", "restic", "borg"]
# The passwords that restic and borg would ask a person for.
SECRETS = {"RESTIC_PASSWORD": "a password for backups", "BORG_PASSPHRASE": "a password for backups"}
# Number of scenes that run at a time.
AT_A_TIME = 4


class Scene:
    """A backup with one tool, and its restoration."""

    def __init__(self, work, tool, name=None):
        self.tool, self.name, self.n_before, self.known = tool, name or tool, None, None
        self.work = work / self.name
        folders = [self.work / name for name in ("backups", "restored", "home")]
        for folder in folders:
            folder.mkdir(parents=True)
        self.backups, self.restored, home = folders
        places = {"/srv/chat": work / "chat", "/srv/restored": self.restored, "/backups": self.backups}
        self.commands = Commands(tool, places, SECRETS | {"HOME": str(home)}, self.work)

    def back_up(self, talk):
        if "once" in self.commands.left:
            self.commands.run("once")
        self.n_before = talk.n_acknowledged
        self.commands.run("backup")
        self.known = talk.known()

    def look(self, binary, talk):
        """Restores the backup and starts a server on it. Returns the number of messages."""
        self.commands.run("restore")
        assert not self.commands.left, f"nobody ran {self.commands.left}"
        return look(self, binary, self.restored, {}, talk)


class Litestream(Scene):
    """Litestream runs beside the server and follows it."""

    def __init__(self, work):
        super().__init__(work, "litestream")
        self.process = self.commands.start("service", self.work / "litestream.out")

    def back_up(self, talk):
        """Gives it the time that it needs to follow, and kills it, as a machine that fails would."""
        super().back_up(talk)
        eventually("Litestream has followed", lambda: self.has(self.n_before))
        self.end()
        self.known = talk.known()

    def has(self, number):
        """Whether its replica has at least this many messages."""
        copy = self.work / "look.db"
        copy.unlink(missing_ok=True)
        command = ["litestream", "restore", "-o", copy, f"file://{self.backups}/litestream"]
        done = subprocess.run(command, capture_output=True, cwd=self.work)
        return done.returncode == 0 and count(copy) >= number

    def end(self):
        self.process.kill()
        self.process.wait()


def count(file):
    """Returns the number of messages in a file."""
    with closing(sqlite3.connect(file)) as db:
        return db.execute("SELECT count(*) FROM messages").fetchone()[0]


def torn(binary, work, talk):
    """Copies the files one after the other, as the page says one must not, while the log restarts from its beginning:
    whether the copy is refused, or lacks messages that were acknowledged before. It does neither if the server has
    emptied its log just before."""
    live, copy = work / "chat/chatserver.db", work / "torn"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    # Enough for pages that nobody writes to again.
    talk.wait_for(100)
    n_before = talk.n_acknowledged
    shutil.copy(live, copy)
    with closing(sqlite3.connect(live)) as db:
        eventually("the log is empty", lambda: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
    talk.wait_for(10)
    shutil.copy(f"{live}-wal", copy)
    command = [binary, "restore", copy / live.name, "--database", copy / "restored.db"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=copy)
    if done.returncode:
        return "cannot restore" in done.stderr and ": it " in done.stderr
    return count(copy / "restored.db") < n_before


def run(binary, work):
    """Makes each backup. Returns (scene, number of restored messages) for each."""
    (work / "chat").mkdir()
    server, litestream = Server(binary, work / "chat", {}), None
    try:
        talk = Talk(server)
        eventually("files that are copied one after the other are torn", lambda: torn(binary, work, talk))
        litestream = Litestream(work)
        scenes = [Scene(work, tool) for tool in LIVE]
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            list(pool.map(lambda scene: scene.back_up(talk), [*scenes, litestream]))
            scenes += [litestream, *at_rest(work, server, talk)]
            return list(zip(scenes, pool.map(lambda scene: scene.look(binary, talk), scenes)))
    finally:
        if litestream:
            litestream.end()
        server.kill()


def at_rest(work, server, talk):
    """A snapshot of the whole folder while the server is paused in the middle of writing, and one of a stopped
    server."""
    halted, stopped = (Scene(work, "folder", name) for name in ("folder-in-one-moment", "folder-stopped"))
    halted.n_before = talk.n_acknowledged
    server.halt()
    halted.commands.run("backup")
    server.go_on()
    talk.wait_for(10)
    talk.stop()
    halted.known = stopped.known = talk.known()
    server.stop()
    stopped.n_before = talk.n_acknowledged
    stopped.commands.run("backup")
    return halted, stopped
