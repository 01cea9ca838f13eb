#!/usr/bin/env python3
"""Runs reverse proxies, each with the sample that deploy/ ships for it, in front of a real server, and ten scenes through
each: REST; both streams; a stream that is silent; an upgrade that the proxy drops; a restart and a kill of the node; large
frames; the client's address, which cannot be forged; a path; HTTP/2. No token may get into a proxy's log. What is found has to
be what the table in docs/operations.md says; --write writes it there.

    check_proxies.py [--write] <the server's binary> all | nginx caddy haproxy ...

Only what belongs to the machine is changed in a sample: ports, certificates, logs, and the time for which a stream may be
silent, which is 3 s here. Needs the programs on PATH, openssl, node, the built SDK, and of PyPI h2."""

import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from proxies import scenes, table
from proxies.balancers import Envoy, HAProxy, ProxyProtocol1, ProxyProtocol2, Squid, Traefik, Varnish
from proxies.machine import DEADLINE, free_port
from proxies.node import Node
from proxies.servers import Apache, Caddy, H2o, Lighttpd, Nghttpx, Nginx

PROGRAMS = [Nginx, Caddy, HAProxy, Apache, Lighttpd, Varnish, Squid, Traefik, H2o, Nghttpx, Envoy]
PROGRAMS += [ProxyProtocol1, ProxyProtocol2]
SAMPLES = {Nginx: "deploy/nginx/chatserver.conf", Caddy: "deploy/caddy/Caddyfile"}
SAMPLES |= {HAProxy: "deploy/haproxy/haproxy.cfg", Apache: "deploy/apache/chatserver.conf"}
SAMPLES |= {Lighttpd: "deploy/lighttpd/chatserver.conf", Varnish: "deploy/varnish/chatserver.vcl"}
SAMPLES |= {Squid: "deploy/squid/chatserver.conf", Traefik: "deploy/traefik/traefik.yaml", H2o: "deploy/h2o/h2o.conf"}
SAMPLES |= {Nghttpx: "deploy/nghttpx/nghttpx.conf", Envoy: "deploy/envoy/envoy.yaml"}
# Number of proxies tested at a time: each test mostly waits.
AT_A_TIME = 4


def run(program, binary):
    """Runs the scenes of one proxy in front of a server of its own. Returns (program, words, seconds), with the error
    in place of words on failure."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"{program.name}-") as folder:
        work = Path(folder)
        work.chmod(0o755)
        for name in ("node", "untrusting"):
            (work / name).mkdir(mode=0o700)
        port, running, node = free_port(), None, None
        nodes = [f"127.0.0.1:{port}", f"127.0.0.1:{free_port()}"][: program.n_nodes]
        proxy = program(work / "proxy", nodes)
        try:
            running = proxy.start()
            node = Node(binary, work / "node", port, proxy.settings)
            bench = scenes.Bench(proxy, node)
            if not proxy.is_whole:
                scenes.addresses(bench)
                return program, None, time.monotonic() - began
            words = scenes.all_of(bench)
            node.stop()
            scenes.demo_users(proxy, binary, work / "untrusting", port)
            return program, words, time.monotonic() - began
        except Exception as error:
            for file in (work / "proxy/proxy.out", work / "node/node.out"):
                if file.exists():
                    print(f"-- {program.title}, {file.name}\n{file.read_text(errors='replace')[-3000:]}", file=sys.stderr)
            return program, error, time.monotonic() - began
        finally:
            for process in (running, node and node.process):
                if process and process.poll() is None:
                    process.terminate()
                    process.wait(DEADLINE)


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--write"]
    if len(arguments) < 2:
        sys.exit(__doc__)
    binary, names = str(Path(arguments[0]).resolve()), arguments[1:]
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    wanted = [program for program in PROGRAMS if names == ["all"] or program.name in names]
    missing = {program.pypi or program.debian for program in wanted if shutil.which(program.name) is None}
    if missing or not wanted:
        sys.exit(f"These packages are missing: {', '.join(sorted(missing))}; ./test.sh --proxies all installs them.")
    found, errors = {}, []
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for program, words, seconds in pool.map(run, wanted, [binary] * len(wanted)):
            if isinstance(words, Exception):
                errors.append(f"{program.title}: {words}")
                continue
            version = program.version(program.name)
            if words:
                found[program.title] = (SAMPLES[program], version, words)
            what = "the ten scenes" if words else "the client's address"
            print(f"  {program.title} {version}: {what} ({seconds:.0f} s)")
    if "--write" in sys.argv and not errors and names == ["all"]:
        table.write(found)
    errors += table.compare(found)
    if errors:
        sys.exit("\n".join(errors))


main()
