"""The examples of ``docs/extending.md``, and a copy of the tree with all of them in it."""

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
_EXAMPLE = re.compile(r'^```\w+ title="(?P<file>[^":]+)(?:: (?P<table>\w+))?"\n(?P<text>.*?)^```$', re.M | re.S)


def examples() -> list[tuple[str, str | None, str]]:
    """Each example of the page: its file, the table that its line goes into (None: it is a whole file), its text."""
    page = (ROOT / "docs" / "extending.md").read_text()
    return [(found["file"], found["table"], found["text"]) for found in _EXAMPLE.finditer(page)]


def extended_tree(folder: Path) -> Path:
    """Copy both packages into a folder, write the page's files, and add its lines to the tables."""
    for package in ("edge_srcnn", "export"):
        shutil.copytree(ROOT / package, folder / package)
    for name, table, text in examples():
        file = folder / name
        if table is None:
            assert not file.exists(), f"{name} is in the tree already"
            file.write_text(text)
        else:
            assert text.count("\n") == 1, f"registration in {name} takes more than one line"
            before = file.read_text()
            after, lines = re.subn(rf"^{table}\b.*[({{]$\n", lambda head, line=text: head[0] + line, before, flags=re.M)
            assert lines == 1, f"{name} has no table {table}"
            file.write_text(after)
    return folder
