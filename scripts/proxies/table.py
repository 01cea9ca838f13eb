"""The table of docs/operations.md: the programs, their versions, and the results of the scenes."""

from .machine import ROOT

PAGE = ROOT / "docs/operations.md"
BEGIN = "<!-- Written by scripts/check_proxies.py --write -->"
END = "<!-- to here -->"
SCENES = [
    "REST",
    "streams",
    "idle",
    "no upgrade",
    "restart",
    "kill -9",
    "large frames",
    "addresses",
    "path",
    "HTTP/2",
]


def written():
    """Returns the page's table as (title, version, words) by title."""
    text = PAGE.read_text()
    table = text[text.index(BEGIN) : text.index(END)]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("|")]
    return {row[0].split("](")[0].lstrip("["): (row[1], dict(zip(SCENES, row[2:]))) for row in rows[2:]}


def write(found):
    """Writes the results into the page: (sample, version, words) by title."""
    lines = ["| Program | Version | " + " | ".join(SCENES) + " |", "|---" * (len(SCENES) + 2) + "|"]
    for title, (sample, version, words) in found.items():
        lines.append(f"| [{title}](../{sample}) | {version} | " + " | ".join(words[scene] for scene in SCENES) + " |")
    text = PAGE.read_text()
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    PAGE.write_text(text[:begin] + "\n\n" + "\n".join(lines) + "\n\n" + text[end:])


def compare(found):
    """Compares the results with the page: other versions are printed, other results are an error."""
    known, errors = written(), []
    for title, (_, version, words) in found.items():
        if title not in known:
            errors.append(f"the table of {PAGE.name} does not know {title}")
            continue
        if known[title][0] != version:
            print(f"  {title}: this is {version}; the table of {PAGE.name} was made with {known[title][0]}")
        for scene in SCENES:
            if known[title][1].get(scene) != words[scene]:
                errors.append(f"{title}, {scene}: found {words[scene]!r}, and {PAGE.name} says {known[title][1].get(scene)!r}")
    return errors
