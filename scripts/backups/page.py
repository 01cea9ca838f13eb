"""Runs the commands of docs/operations.md exactly as readers type them. The info string of a fenced block names its
tool or tools: `sh backup=restic`, `sh restore=vacuum-into,.backup`."""

import os
import re
import subprocess

from proxies.machine import ROOT

PAGE = ROOT / "docs/operations.md"
BLOCK = re.compile(r"^```\w+ (\w+)=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VERBS = ("once", "settings", "service", "backup", "restore")
# Each command takes seconds. One that asks a person something would wait forever.
PATIENCE = 60


def blocks():
    """Returns the page's blocks by purpose and tool."""
    found = {}
    for verb, tools, text in BLOCK.findall(PAGE.read_text()):
        assert verb in VERBS, f"{PAGE.name} has a block {verb}=, and those known are {', '.join(VERBS)}"
        for tool in tools.split(","):
            assert verb not in found.setdefault(tool, {}), f"{PAGE.name} has two blocks {verb}={tool}"
            found[tool][verb] = text
    return found


class Commands:
    """The blocks of one tool, with this machine's folders in place of the page's."""

    def __init__(self, tool, places, environment, cwd, **user):
        assert tool in blocks(), f"{PAGE.name} has nothing for {tool}"
        # Blocks that have not been run yet.
        self.left, self.places = blocks()[tool], places
        kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
        self.settings = {"env": kept | environment, "cwd": cwd, "stdin": subprocess.DEVNULL, **user}

    def text(self, verb):
        """Returns a block as it is run here."""
        # All in one pass, since one folder's name may be part of another's.
        places = re.compile("|".join(map(re.escape, self.places)))
        return places.sub(lambda place: str(self.places[place[0]]), self.left.pop(verb))

    def run(self, verb):
        text = self.text(verb)
        command = ["bash", "-euo", "pipefail", "-c", text]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, **self.settings)
        assert done.returncode == 0, f"{text}ended with {done.returncode}: {done.stdout}{done.stderr}"

    def start(self, verb, output):
        """Starts a command that runs until it is ended."""
        with open(output, "wb") as out:
            command = ["bash", "-euc", "exec " + self.text(verb)]
            return subprocess.Popen(command, stdout=out, stderr=out, **self.settings)
