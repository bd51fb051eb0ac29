"""The man pages, made from the commands: complete, and without a fault that mandoc or man finds."""

import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from edge_srcnn.cli import COMMAND_GROUP, app

ROOT = Path(__file__).parent.parent
HEADINGS = ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "EXIT STATUS", "ENVIRONMENT", "FILES", "SEE ALSO")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder of all pages; mandoc's complaints fail it, where mandoc is."""
    made = tmp_path_factory.mktemp("man")
    command = [sys.executable, "packaging/manual.py", str(made)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return made


def test_each_command_has_a_page_with_every_section(folder):
    names = [each.name for each in app.registered_commands + app.registered_groups]
    names += [entry.name for entry in entry_points(group=COMMAND_GROUP)]
    assert {path.name for path in folder.iterdir()} == {"edge-srcnn.1", *(f"edge-srcnn-{name}.1" for name in names)}
    for path in folder.iterdir():
        page = path.read_text()
        assert [heading for heading in HEADINGS if f".SH {heading}\n" not in page] == [], path.name


def test_rare_options_are_told_too(folder):
    assert r"\-\-qat\-steps" in (folder / "edge-srcnn-export.1").read_text()


def test_exit_statuses_are_those_of_the_documentation(folder):
    page = (folder / "edge-srcnn-run.1").read_text()
    assert ".TP\n\\fB69\\fR\na library or device is missing\n" in page


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
def test_man_finds_nothing_to_warn_of_and_shows_text_as_it_is(folder):
    for path in sorted(folder.iterdir()):
        command = ["man", "--warnings", "-P", "cat", "-l", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, ""), path.name
        if path.name == "edge-srcnn-run.1":
            line = "edge-srcnn run --source '/dev/video0?rotate=180' --sink 'out.mp4?segment=60&keep=30'"
            assert line in done.stdout
