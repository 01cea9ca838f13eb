"""Common parts of all proxies: how one is started from its sample, and how a client connects to it."""

import re
import socket
import ssl
import subprocess

from .machine import CLIENT, DEADLINE, HOST, certificate, free_port

# Seconds for which a proxy here lets a stream be silent, if that can be set. The node pings a silent client after one
# second, and the tests leave a stream alone for longer than this.
IDLE = 3


class Program:
    """One proxy. The attributes say what its sample should do, in the words of the table. A scene with another result
    fails."""

    name, title = "", ""
    # The Debian or PyPI package that contains it.
    debian, pypi = None, None
    # The command that prints its version.
    asks_version = ("--version",)
    # Nodes in its configuration. The last one is gone.
    n_nodes = 1
    # Its answer to an upgrade if it is not configured to forward upgrades. None: it always forwards them.
    unupgraded = 426
    # Whether the sample can serve under a path.
    has_path = True
    # What it forwards over HTTP/2: "streams", "requests" or nothing.
    http2 = "requests"
    # Whether it listens on ::1 here, its log has the path of a request, and it limits logins by itself.
    has_ipv6, says_paths, has_limit = True, True, False
    # A line of its error log that always has the whole address. The sample says so.
    tells = None
    # Whether all scenes are run, or only the one about addresses.
    is_whole = True
    # Settings that the node behind it needs.
    settings = {}

    def __init__(self, work, nodes, upgrades=True):
        self.work, self.nodes, self.upgrades, self.port = work, nodes, upgrades, free_port()
        self.log, self.tls, self.authority = work / "access.log", None, None
        work.mkdir()
        # Some drop root's rights and still write their logs.
        work.chmod(0o777)

    def configure(self):
        """Writes the configuration. Returns the command that starts the proxy in the foreground."""
        raise NotImplementedError

    def start(self):
        command = self.configure()
        with open(self.work / "proxy.out", "wb") as output:
            return subprocess.Popen(list(map(str, command)), cwd=self.work, stdout=output, stderr=output)

    def write(self, name, text):
        file = self.work / name
        file.write_text(text)
        file.chmod(0o644)
        return file

    def encrypt(self):
        """Makes its certificate, and makes clients trust it. Returns (file, key)."""
        self.authority, key = certificate(self.work)
        self.tls = True
        return self.authority, key

    def connect(self, ipv6=False, alpn=("http/1.1",), here=CLIENT):
        there, here = ("::1", None) if ipv6 else ("127.0.0.1", (here, 0))
        stream = socket.create_connection((there, self.port), timeout=DEADLINE, source_address=here)
        if not self.tls:
            return stream
        context = ssl.create_default_context(cafile=self.authority)
        context.set_alpn_protocols(list(alpn))
        return context.wrap_socket(stream, server_hostname=HOST)

    def url(self, path=""):
        return f"{'https' if self.tls else 'http'}://{HOST}:{self.port}{path}"

    @classmethod
    def version(cls, command):
        said = subprocess.run([command, *cls.asks_version], capture_output=True, text=True)
        return re.search(r"\d+\.\d+(\.\d+)?", said.stdout + said.stderr).group()
