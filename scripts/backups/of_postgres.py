"""Backups of a PostgreSQL database with its own tools, as docs/operations.md has them, while a node writes to it."""

from concurrent.futures import ThreadPoolExecutor

from proxies.machine import eventually

from .chat import Server, Talk, look
from .page import Commands, blocks
from .postgres import Cluster

DATABASE = "chat"


class Scene:
    """A backup with one tool."""

    def __init__(self, work, tool, cluster):
        self.tool = self.name = tool
        self.work, self.n_before, self.known = work / tool, None, None
        self.backups, self.node = self.work / "backups", self.work / "node"
        for folder in (self.work, self.backups, self.node):
            folder.mkdir()
        self.cluster = cluster
        cluster.give(self.backups)
        self.places = {"/backups": self.backups, "/archive": cluster.archive}

    def commands(self, url, **user):
        return Commands(self.tool, self.places, self.cluster.environment | {"DATABASE_URL": url}, self.work, **user)

    def look(self, binary, url, talk):
        return look(self, binary, self.node, {"DATABASE_URL": url}, talk)


class Dump(Scene):
    """A dump of one moment, restored as another database of the same server."""

    def __init__(self, work, cluster):
        super().__init__(work, "pg_dump", cluster)

    def back_up(self, talk):
        self.n_before = talk.n_acknowledged
        self.commands(self.cluster.url(DATABASE)).run("backup")
        self.known = talk.known()

    def restore(self):
        self.cluster.ask("CREATE DATABASE restored")
        url = self.cluster.url("restored")
        self.commands(url).run("restore")
        return url


class Base(Scene):
    """The files of the whole server and an archive of its log, which can restore its state at any moment."""

    def __init__(self, work, cluster):
        super().__init__(work, "pg_basebackup", cluster)
        self.moment = None

    def back_up(self, talk):
        self.commands(self.cluster.url(DATABASE), **self.cluster.owner).run("backup")
        talk.wait_for(10)
        self.n_before = talk.n_acknowledged
        self.moment = self.cluster.ask("SELECT clock_timestamp()")
        talk.wait_for(10)
        segment = self.cluster.ask("SELECT pg_walfile_name(pg_switch_wal())")
        eventually("the log is archived", (self.cluster.archive / segment).exists)
        self.known = talk.known()

    def restore(self):
        """Replaces the previous data."""
        self.cluster.stop()
        text = self.commands("").text("restore")
        written = "2026-11-22 20:00:00+00"
        assert written in text, text
        self.cluster.replace(self.backups / "base", text.replace(written, self.moment))
        return self.cluster.url(DATABASE)


def run(binary, work):
    """Makes each backup. Returns (scene, number of restored messages) for each."""
    settings = blocks()["pg_basebackup"]["settings"]
    cluster, node = Cluster(work / "cluster", settings), None
    try:
        cluster.ask(f"CREATE DATABASE {DATABASE}")
        scenes = [Dump(work, cluster), Base(work, cluster)]
        (work / "node").mkdir()
        node = Server(binary, work / "node", {"DATABASE_URL": cluster.url(DATABASE)})
        talk = Talk(node)
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda scene: scene.back_up(talk), scenes))
        talk.stop()
        node.stop()
        # One after the other: the second scene stops the server on which the first is checked.
        return [(scene, scene.look(binary, scene.restore(), talk)) for scene in scenes]
    finally:
        if node:
            node.kill()
        cluster.stop()
