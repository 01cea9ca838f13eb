"""Resources of this machine and this run: ports, files, a certificate, and waiting with a deadline."""

import http.client
import random
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / "deploy"
DEADLINE = 20
# Address of a client that is not a trusted proxy: all of 127/8 is this machine.
CLIENT = "127.0.0.77"
HOST = "chat.example.org"
HAS_IPV6 = Path("/proc/net/if_inet6").exists() and Path("/proc/net/if_inet6").read_text() != ""

# Sockets that hold the chosen ports for as long as this program runs.
_held = []


def free_port():
    """Returns a port that is free and that no other run of this program gets, below the range from which the system
    picks ports for outgoing connections. A UDP socket on the same number reserves it without blocking TCP."""
    while True:
        port, holder = random.randrange(20_000, 32_000), socket.socket(type=socket.SOCK_DGRAM)
        try:
            holder.bind(("127.0.0.1", port))
            with socket.socket() as listener:
                listener.bind(("127.0.0.1", port))
        except OSError:
            holder.close()
        else:
            _held.append(holder)
            return port


def replaced(text, *pairs):
    """Replaces parts of a sample, and fails if a part is missing because the sample has changed."""
    for old, new in pairs:
        assert old in text, f"the sample no longer says {old!r}"
        text = text.replace(old, new)
    return text


def sample(path, *pairs):
    """Reads a file of deploy/ with the lines for a path (`#/ `) enabled, and adapts it to this machine."""
    text = (DEPLOY / path).read_text()
    return replaced(text.replace("#/ ", ""), *pairs)


def eventually(what, condition, seconds=DEADLINE):
    """Waits until a condition holds. A broken connection, or another server's answer, counts as not yet."""
    ends, seen = time.monotonic() + seconds, None
    while time.monotonic() < ends:
        try:
            if condition():
                return
        except (OSError, http.client.HTTPException, KeyError, TypeError, AssertionError) as error:
            seen = error
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what} ({seen!r})")


def certificate(folder):
    """Makes a self-signed certificate for the sample's name and for this machine, not an authority's. Returns (file,
    key)."""
    file, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", f"/CN={HOST}", "-addext", "basicConstraints=critical,CA:FALSE"]
    command += ["-addext", f"subjectAltName=DNS:{HOST},DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", file]
    subprocess.run(command, check=True, capture_output=True)
    for path in (file, key):
        path.chmod(0o644)
    return file, key
