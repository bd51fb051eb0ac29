"""Documents name files that exist, and pictures show what is drawn from the tree."""

import re
import runpy
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "docs" / "architecture.svg"])
_FILE = re.compile(r"[`>]((?:[a-z_][\w-]*/)+(?:[\w.-]+\.(?:py|js|sh|toml|md|in|svg|yml))?|[a-z_]+\.py)[`<]")
_MADE = ("models/", "photos/", "large/", "pictures/", "exported/", "set5/", "set14/", "dist/", "site/")
"""Folders of examples, and of results."""


def files_named_in(document: Path) -> Iterator[str]:
    for name in _FILE.findall(document.read_text()):
        if not name.startswith(_MADE) or name.endswith(".py"):
            yield name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    roots = (ROOT, ROOT / "edge_srcnn", ROOT / "export", ROOT / "edge_srcnn" / "service", document.parent)
    tests = {file.name for file in (ROOT / "tests").rglob("*.py")}
    gone = [name for name in files_named_in(document) if not any((root / name).exists() for root in roots)]
    assert not set(gone) - tests


def test_the_drawing_is_what_its_script_draws() -> None:
    drawing = runpy.run_path(str(ROOT / "tools" / "architecture.py"))["drawing"]()
    assert (ROOT / "docs" / "architecture.svg").read_text() == drawing


def test_every_target_of_make_is_listed() -> None:
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) == {line.split()[0] for line in listed.splitlines()}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_units_that_a_document_names_are_instances_of_the_template(document: Path) -> None:
    commands = re.findall(r"(?:systemctl|journalctl) [^`\n]*", document.read_text())
    named = [word for command in commands for word in command.partition("#")[0].split() if "edge-srcnn" in word]
    assert not [word for word in named if not re.fullmatch(r"edge-srcnn@\w+(?:\.service)?,?", word)]
    assert "/etc/edge-srcnn/edge-srcnn.toml" not in document.read_text()
