#!/usr/bin/env python3
"""Measures one NATS server on this machine, with a publisher that writes blocks of 64 KiB and listeners that all receive
everything. Prints rates and the server's processor time for a message; docs/scaling.md has the figures. Starts a nats-server
of its own on a free port."""

import os
import socket
import subprocess
import threading
import time

SUBJECT = b"chatserver.log"
BLOCK = 64 * 1024


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    def __init__(self):
        self.port = free_port()
        command = ["nats-server", "-a", "127.0.0.1", "-p", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def seconds(self):
        """Processor time used so far."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def connect(self, *commands):
        ends = time.monotonic() + 10
        while True:
            try:
                client = socket.create_connection(("127.0.0.1", self.port))
                break
            except OSError:
                if time.monotonic() > ends:
                    raise
                time.sleep(0.05)
        client.sendall(b'CONNECT {"verbose":false}\r\n' + b"".join(commands) + b"PING\r\n")
        answer = b""
        while b"PONG" not in answer:
            answer += client.recv(4096)
        return client


def listen(client, n_bytes):
    while n_bytes > 0:
        got = len(client.recv(1 << 18))
        assert got, "the server has closed a listener that was too slow"
        n_bytes -= got


def measure(server, size, n_listeners, n_messages):
    payload = b"%d\r\n" % size + b"x" * size + b"\r\n"
    message = b"PUB " + SUBJECT + b" " + payload
    heard = len(b"MSG " + SUBJECT + b" 1 " + payload) * n_messages
    listeners = [server.connect(b"SUB " + SUBJECT + b" 1\r\n") for _ in range(n_listeners)]
    publisher = server.connect()
    threads = [threading.Thread(target=listen, args=(client, heard)) for client in listeners]
    busy, began = server.seconds(), time.monotonic()
    for thread in threads:
        thread.start()
    in_block = max(1, BLOCK // len(message))
    for _ in range(n_messages // in_block):
        publisher.sendall(message * in_block)
    publisher.sendall(message * (n_messages % in_block))
    for thread in threads:
        thread.join()
    took, busy = time.monotonic() - began, server.seconds() - busy
    for client in [publisher, *listeners]:
        client.close()
    each = busy * 1e6 / n_messages
    print(f"{size:5} bytes, {n_listeners:2} listeners: {n_messages / took:9,.0f}/s in, {n_messages * n_listeners / took:9,.0f}/s out, {each:5.2f} us for each")


def main():
    server = Server()
    try:
        for size in (64, 256, 1024):
            for n_listeners in (1, 2, 4):
                measure(server, size, n_listeners, 400_000)
        for n_listeners in (8, 16):
            measure(server, 256, n_listeners, 150_000)
    finally:
        server.process.terminate()
        server.process.wait()


main()
