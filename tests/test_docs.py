"""Documents name files, commands and options that exist, and pictures show what is drawn from the tree."""

import re
import runpy
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import click
import pytest
import typer

from edge_srcnn.cli import app
from edge_srcnn.service.build import Service
from edge_srcnn.service.settings import Config
from export.cli.compile import compile_model
from export.cli.evaluate import evaluate
from export.cli.export import export

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


@pytest.fixture(scope="module")
def architecture() -> dict[str, Any]:
    """The script of the drawing."""
    return runpy.run_path(str(ROOT / "tools" / "architecture.py"))


def test_the_drawing_is_what_its_script_draws(architecture: dict[str, Any]) -> None:
    assert (ROOT / "docs" / "architecture.svg").read_text() == architecture["drawing"]()


def test_the_way_to_the_web_server_is_short(architecture: dict[str, Any]) -> None:
    boxes = [each for each in architecture["WAY"] if not isinstance(each, str) and each.thread != "http"]
    assert len({file for box in boxes for _, file in box.way}) <= 14
    assert len({box.thread for box in boxes}) <= 3


def test_a_frame_goes_through_the_files_of_the_drawing(architecture: dict[str, Any]) -> None:
    way = {
        file
        for each in architecture["WAY"]
        if not isinstance(each, str) and each.thread == "pipeline"
        for _, file in each.way
    }
    seen: set[str] = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        if threading.current_thread().name == "pipeline":
            seen.add(frame.f_code.co_filename)

    threading.setprofile(note)
    try:
        service = Service(Config("test:?size=64x48&fps=20&frames=20", ("null:",)), steady=False)
        service.supervisor.run()
        service.close()
    finally:
        threading.setprofile(None)
    assert not {file for file in way if str(ROOT / "edge_srcnn" / file) not in seen}


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


@pytest.fixture(scope="module")
def commands() -> dict[str, set[str]]:
    """The options of each command, those of the workstation side included."""
    workstation = typer.Typer()
    for name, function in (("export", export), ("evaluate", evaluate), ("compile", compile_model)):
        workstation.command(name)(function)
    return dict(options_of(typer.main.get_command(workstation))) | dict(options_of(typer.main.get_command(app)))


def options_of(command: click.Command, name: str = "") -> Iterator[tuple[str, set[str]]]:
    yield name, {option for each in command.params for option in (*each.opts, *each.secondary_opts)} | {"--help"}
    for inner, each in getattr(command, "commands", {}).items():
        yield from options_of(each, f"{name} {inner}".strip())


def unknown_options(text: str, commands: dict[str, set[str]]) -> list[str]:
    """The calls of ``edge-srcnn`` in a text that have an option which their command does not have."""
    one_line_each = re.sub(r"\\\n\s*|\n(?=--)", " ", text)
    unknown = []
    for call in re.findall(r"(?<![\w.-])edge-srcnn( [^`\n|#]+)", one_line_each):
        words = re.sub(r"'[^']*'", "''", call).split()
        command = next((name for n in (2, 1) if (name := " ".join(words[:n])) in commands), "")
        options = {word for word in words if re.fullmatch(r"-[a-z]|--[a-z][\w-]*", word)}
        if options - commands[command]:
            unknown.append(call)
    return unknown


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_option_that_a_document_shows_exists(document: Path, commands: dict[str, set[str]]) -> None:
    assert not unknown_options(document.read_text(), commands)


def test_an_option_that_does_not_exist_is_found(commands: dict[str, set[str]]) -> None:
    assert not unknown_options("`edge-srcnn run --source test: --sink 'a?b=--c'`", commands)
    assert unknown_options("~/bin/edge-srcnn run --source test: \\\n  --sinks null:", commands)
    assert unknown_options("edge-srcnn service install --cameras front", commands)
