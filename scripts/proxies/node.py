"""The server behind a proxy: on one port and one database over restarts."""

import json
import os
import signal
import subprocess

from .machine import DEADLINE, eventually


class Node:
    """A node that trusts the proxies on this machine, and that pings a client after a second of silence."""

    def __init__(self, binary, work, port, settings):
        self.binary, self.work, self.port = binary, work, port
        ours = {"TRUSTED_PROXIES": "127.0.0.1", "LOG_LEVEL": "debug", "HEARTBEAT": "1"}
        self.settings = {**ours, **settings}
        self.start()

    def start(self):
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR")}
        command = [self.binary, "serve", "--port", str(self.port), "--database", str(self.work / "chat.db")]
        command += ["--log-file", str(self.work / "app.log")]
        with open(self.work / "node.out", "ab") as out:
            self.process = subprocess.Popen(command, cwd=self.work, env=kept | self.settings, stdout=out, stderr=out)

    def client_of(self, request_id):
        """Returns the client's address of a request, as in the server's log."""
        seen = []

        def is_logged():
            # The last line may be incomplete yet.
            whole = (self.work / "node.out").read_text().rpartition("\n")[0]
            for line in whole.splitlines():
                fields = json.loads(line)["fields"]
                if fields.get("message") == "request" and fields.get("request_id") == request_id:
                    seen.append(fields.get("client"))
            return seen

        eventually(f"a line about the request {request_id}", is_logged)
        return seen[0]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(DEADLINE) == 0

    def kill(self):
        self.process.kill()
        self.process.wait(DEADLINE)
