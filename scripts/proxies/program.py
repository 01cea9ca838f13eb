"""What all proxies of the bench have in common: how one is started from its sample, and how a client connects to it."""

import re
import socket
import ssl
import subprocess

from .machine import CLIENT, DEADLINE, HOST, certificate, free_port

# Seconds for which the proxies of the bench let a stream be silent, where they can be told. The node behind pings a silent
# client after one, and a stream is left alone for longer than this.
IDLE = 3


class Program:
    """One proxy. What follows is what its sample is to do, in the words of the table; a scene that finds otherwise fails."""

    name, title = "", ""
    # The Debian package, or the PyPI package, that it is in.
    debian, pypi = None, None
    # How it says its version.
    asks_version = ("--version",)
    # Nodes that it is told of; the last one is gone.
    n_nodes = 1
    # What a client is told where the proxy has not been told to pass upgrades on; None: it always passes them on.
    unupgraded = 426
    # Whether the sample can serve under a path.
    has_path = True
    # What goes over HTTP/2: "streams", "requests" or nothing.
    http2 = "requests"
    # Whether it listens on ::1 here, its log has the path of a request, and it limits logins by itself.
    has_ipv6, says_paths, has_limit = True, True, False
    # A line of its error log that has the whole address in it, whatever one does; the sample says so.
    tells = None
    # Whether each scene is run, or the addresses alone.
    is_whole = True
    # What the node behind it needs to be told.
    settings = {}

    def __init__(self, work, nodes, upgrades=True):
        self.work, self.nodes, self.upgrades, self.port = work, nodes, upgrades, free_port()
        self.log, self.tls, self.authority = work / "access.log", None, None
        work.mkdir()
        # Some give up root's rights and write their logs all the same.
        work.chmod(0o777)

    def configure(self):
        """Writes the configuration; gives the command that starts it in the foreground."""
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
        """Makes the certificate that it shows, and has clients trust it: (file, key)."""
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
