"""A server, two users who talk over it, and the checks of a server that was restored from a backup."""

import os
import re
import signal
import socket
import subprocess
import threading
from pathlib import Path

from proxies.client import enter, register, request, say
from proxies.machine import DEADLINE, eventually

# Messages that exist before anything is backed up.
N_BEFORE = 30


class Server:
    """A server on a port that the system chooses, with its SQLite file or its PostgreSQL database."""

    def __init__(self, binary, work, settings):
        self.work = Path(work)
        kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
        command = [binary, "serve", "--port", "0", "--log-file", self.work / "app.log"]
        # The test sends as fast as it can, so the rate limits must not apply.
        environment = kept | {"LIMIT_FACTOR": "1000"} | settings
        with open(self.work / "server.out", "wb") as out:
            self.process = subprocess.Popen(command, cwd=self.work, env=environment, stdout=out, stderr=out)
        self.port = None
        try:
            eventually("the server says its address", self.is_up)
        except AssertionError as error:
            self.kill()
            raise AssertionError(f"the server does not start: {self.said()}") from error

    def said(self):
        return (self.work / "server.out").read_text(errors="replace")[-3000:]

    def is_up(self):
        assert self.process.poll() is None
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.said())
        self.port = found and int(found[1])
        return found

    def connect(self, ipv6=False, here=None):
        assert not ipv6
        return socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(DEADLINE) == 0, self.said()

    def kill(self):
        self.process.kill()
        self.process.wait(DEADLINE)

    def halt(self):
        """Pauses the server's process until `go_on`."""
        self.process.send_signal(signal.SIGSTOP)
        stat = Path(f"/proc/{self.process.pid}/stat")
        eventually("the server halts", lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)


class Talk:
    """Spike writes to Tyke, one message after the other, until stopped."""

    def __init__(self, server):
        self.server, self.n_acknowledged, self.error = server, 0, None
        (self.token, _), (self.tykes_token, self.tyke) = (register(server, name) for name in ("Spike", "Tyke"))
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.write_on, daemon=True)
        self.thread.start()
        self.wait_for(N_BEFORE)

    def write_on(self):
        try:
            while not self.is_over.is_set():
                say(self.server, self.token, self.tyke, text(self.n_acknowledged))
                self.n_acknowledged += 1
        except Exception as error:  # Raised again in the thread that waits for this one.
            self.error = error

    def wait_for(self, more):
        """Waits until this many more messages were acknowledged."""
        enough = self.n_acknowledged + more
        eventually(f"{more} more messages", lambda: self.n_acknowledged >= enough or self.error)
        assert not self.error, self.error

    def stop(self):
        self.is_over.set()
        self.thread.join(DEADLINE)
        assert not self.error, self.error

    def known(self):
        """What one of Tyke's clients knows by now: its cursor, and the maximum number of messages."""
        _, stream = enter(self.server, self.tykes_token)
        stream.next("live")
        stream.wire.close()
        # One more may be stored and not yet acknowledged.
        return stream.cursor, self.n_acknowledged + 1


def text(number):
    return f"message{number} by Spike"


def history(server, talk):
    """Returns the whole history, oldest first."""
    pages, before = [], ""
    while True:
        path = f"/v1/messages/history/{talk.tyke}?limit=200{before}"
        status, answer = request(server, "GET", path, talk.token)
        assert status == 200, f"the token is not taken: {status} {answer}"
        if not answer["messages"]:
            return [message for page in reversed(pages) for message in page]
        pages.append(answer["messages"])
        before = f"&before_id={answer['messages'][0]['id']}"


def look(scene, binary, folder, settings, talk):
    """Starts a server on what was restored from a scene's backup. Returns the number of its messages."""
    server = Server(binary, folder, settings)
    try:
        return check(server, talk, scene.n_before, scene.known)
    except AssertionError as error:
        raise AssertionError(f"{scene.name}: {error}\n{server.said()}") from error
    finally:
        server.kill()


def check(server, talk, n_before, known):
    """Checks a restored server: it has every message that was acknowledged before the backup began, in order and complete,
    the logins and the search; and it asks a client that knows more to reload, also when its log has become as long again as
    the client knows it. Returns the number of messages."""
    messages = history(server, talk)
    n_found = len(messages)
    assert n_found >= n_before, f"{n_before} were acknowledged before the backup began, and {n_found} are there"
    expected = [(number + 1, text(number)) for number in range(n_found)]
    assert [(message["seq"], message["content"]) for message in messages] == expected, "they are not what was sent"
    finds(server, talk, n_before)
    cursor, n_known = known
    for number in range(n_found, n_known + 1):
        say(server, talk.token, talk.tyke, f"instead of {number}")
    _, stream = enter(server, talk.tykes_token, cursor)
    assert stream.next("hello")["resumed"] is False, "a client that knows more is not asked to reload"
    stream.next("resync")
    stream.wire.close()
    last = history(server, talk)[-1]
    assert (last["seq"], last["content"]) == (n_known + 1, f"instead of {n_known}"), last
    return n_found


def finds(server, talk, n_before):
    """Whether search finds the first and the last of the old messages, once the index is made."""
    for number in (0, n_before - 1):
        path = f"/v1/search?q=message{number}"

        def is_found():
            answer = request(server, "GET", path, talk.tykes_token)[1]
            return [message["content"] for message in answer["messages"]] == [text(number)]

        eventually(f"the search finds message {number}", is_found)
