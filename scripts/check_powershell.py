#!/usr/bin/env python3
"""Checks that PowerShell scripts parse and that Windows PowerShell 5.1 reads them as written.

Usage: check_powershell.py FILE...

Prints one line for each problem, `file:line: what`, and exits 1 if there is any. It knows the syntax only: whether a
command exists, or does what is meant, shows on Windows alone.
"""

import sys
from pathlib import Path

import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

SHOWN_PER_FILE = 5


def syntax_problems(node: Node):
    """Yields the innermost broken places below a node, as (line, text). The mistake is there or a little above."""
    if node.is_missing:
        yield node.start_point.row + 1, f"{node.type!r} is missing here or above"
        return
    inner = [problem for child in node.children if child.has_error for problem in syntax_problems(child)]
    if node.is_error and not inner:
        yield node.start_point.row + 1, "this, or what is above it, does not parse"
    yield from inner


def encoding_problems(source: bytes):
    """PowerShell 5.1 reads a script without a byte order mark in the system's code page, so only ASCII is safe."""
    for number, line in enumerate(source.split(b"\n"), start=1):
        if not line.isascii():
            yield number, "not ASCII"


def problems(source: bytes):
    tree = Parser(Language(tree_sitter_powershell.language())).parse(source)
    found = [*syntax_problems(tree.root_node), *encoding_problems(source)]
    if tree.root_node.has_error and not found:
        found.append((1, "this does not parse"))
    return sorted(found)


def main(paths: list[str]) -> int:
    if not paths:
        print(__doc__, file=sys.stderr)
        return 2
    broken = False
    for path in paths:
        source = Path(path).read_bytes()
        lines = source.split(b"\n")
        # One mistake breaks much of what follows it, so the first few places are enough.
        for number, what in problems(source)[:SHOWN_PER_FILE]:
            shown = lines[number - 1].decode(errors="replace").strip() if number <= len(lines) else ""
            print(f"{path}:{number}: {what}: {shown}")
            broken = True
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
