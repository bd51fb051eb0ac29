"""Write the man pages, from the commands themselves; exit statuses and environment from ``docs/commands.md``."""

import inspect
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import edge_srcnn
from edge_srcnn.cli import all_commands

COMMANDS_PAGE = Path(__file__).parent.parent / "docs/commands.md"
FILES = {
    "/etc/edge-srcnn/NAME.toml": "The configuration of the service edge-srcnn@NAME. 'edge-srcnn config example' prints "
    "one with every setting explained.",
    "/var/lib/edge-srcnn/NAME": "What that service writes: recordings and pictures with relative names.",
    "~/.cache/edge-srcnn": "What 'edge-srcnn tune' and live video have measured on this machine.",
    "/usr/share/doc/edge-srcnn": "Changes and licences.",
}
ALSO = ("systemctl(1)", "journalctl(1)", "v4l2-ctl(1)", "ffmpeg(1)")
MARKUP = re.compile(r"\[/?[a-z ]*\]")
LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")
ROFF = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
ROW = re.compile(r"\| ([^|]+) \| (.+) \|")


def pages() -> dict[str, str]:
    """Write each page: ``edge-srcnn.1``, ``edge-srcnn-run.1``, ..."""
    group = all_commands()
    names = sorted(group.commands)
    found = {"edge-srcnn.1": "\n".join(page("edge-srcnn", group, [f"edge-srcnn-{name}(1)" for name in names])) + "\n"}
    for name in names:
        lines = page(f"edge-srcnn {name}", group.commands[name], ["edge-srcnn(1)"])
        found[f"edge-srcnn-{name}.1"] = "\n".join(lines) + "\n"
    return found


def page(words: str, command: Any, also: list[str]) -> Iterator[str]:
    """Write one page.

    Parameters
    ----------
    words
        What is typed: ``edge-srcnn run``.
    command
        The command or group.
    also
        Pages to name at the end.

    Yields
    ------
    Lines of roff, by the macros of man(7).
    """
    title = words.replace(" ", "-")
    about, *more = paragraphs(command)
    yield f'.TH {title.upper()} 1 "{date()}" "edge-srcnn {edge_srcnn.__version__}" "User Commands"'
    yield from (".SH NAME", rf"{escaped(title)} \- {escaped(first_sentence(about))}", ".SH SYNOPSIS")
    yield from synopsis(words, command)
    yield from (".SH DESCRIPTION", escaped(about))
    for text in more:
        yield from (".PP", escaped(text))
    yield from options(command)
    for panel, names in panels(command).items():
        yield f".SH {panel.upper()}"
        for name in names:
            yield from subcommand(words, name, command.commands[name])
    if shown := examples(command):
        yield from (".SH EXAMPLES", *shown)
    for heading, section in (("EXIT STATUS", "Exit status"), ("ENVIRONMENT", "Environment")):
        yield f".SH {heading}"
        for term, text in table(section):
            yield from tagged(term, text)
    yield ".SH FILES"
    for term, text in FILES.items():
        yield from tagged(term, text)
    yield from (".SH SEE ALSO", ",\n".join(rf"\fB{escaped(name[:-3])}\fR{name[-3:]}" for name in (*also, *ALSO)))


def date() -> str:
    """Give the day of the last commit, or of ``SOURCE_DATE_EPOCH``."""
    command = ["git", "-C", str(COMMANDS_PAGE.parent), "log", "-1", "--format=%ct"]
    seconds = os.environ.get("SOURCE_DATE_EPOCH") or subprocess.run(command, capture_output=True, text=True).stdout
    return datetime.fromtimestamp(int(seconds or 0), UTC).strftime("%Y-%m-%d")


def paragraphs(command: Any) -> list[str]:
    """Split a command's help into paragraphs of one line each."""
    text = MARKUP.sub("", inspect.cleandoc(command.help or ""))
    return [" ".join(part.split()) for part in text.split("\n\n")]


def first_sentence(text: str) -> str:
    """Give the first sentence, as whatis(1) lists it: without a capital letter and without a full stop."""
    sentence = re.split(r"\. |; |: ", text.rstrip("."))[0]
    return sentence[0].lower() + sentence[1:]


def synopsis(words: str, command: Any) -> Iterator[str]:
    """Write how it is typed."""
    name, bold = escaped(words), r"\fB{}\fR {}".format
    if hasattr(command, "commands"):
        yield bold(name, r"[\fIOPTION\fR]... \fICOMMAND\fR [\fIARGUMENT\fR]...")
        return
    given = [each for each in command.params if each.param_type_name == "argument"]
    named = [escaped(each.metavar or each.name.upper()) + ("..." if each.nargs == -1 else "") for each in given]
    yield bold(name, " ".join([r"[\fIOPTION\fR]...", *(rf"\fI{each}\fR" for each in named)]))


def options(command: Any, heading: str = ".SH") -> Iterator[str]:
    """Write arguments and options in their panels, the rare ones too."""
    context = command.context_class(command, info_name=command.name)
    found: dict[str, list[tuple[str, str]]] = {}
    for each in command.get_params(context):
        rare, each.hidden = each.hidden, False
        panel = each.rich_help_panel or ("Arguments" if each.param_type_name == "argument" else "Options")
        record = each.get_help_record(context)
        each.hidden = rare
        if record is not None and "--help-all" not in each.opts:
            found.setdefault(panel, []).append(record)
    for panel, records in found.items():
        yield f"{heading} {panel.upper() if heading == '.SH' else panel}"
        for term, text in records:
            yield from tagged(term, MARKUP.sub("", text))


def panels(command: Any) -> dict[str, list[str]]:
    """List the commands of a group by their panels."""
    found: dict[str, list[str]] = {}
    for name in command.list_commands(None) if hasattr(command, "commands") else ():
        if not (each := command.commands[name]).hidden:
            found.setdefault(each.rich_help_panel or "Commands", []).append(name)
    return found


def subcommand(words: str, name: str, command: Any) -> Iterator[str]:
    """Write a line of a command that has a page of its own, or all of one that has not."""
    about, *more = paragraphs(command)
    if words == "edge-srcnn":
        yield from tagged(name, about)
        return
    yield f'.SS "{escaped(f"{words} {name}")}"'
    yield from (escaped(about), *(line for text in more for line in (".PP", escaped(text))))
    for line in options(command, heading="#"):
        if not line.startswith("#"):
            yield line
    if shown := examples(command):
        yield from (".PP", *shown)


def examples(command: Any) -> list[str]:
    """Write the examples of a command's help, one a line: they are what is indented there."""
    lines = MARKUP.sub("", command.epilog or "").splitlines()
    shown = [rf"\&{escaped(line.strip())}" for line in lines if line.startswith("  ")]
    return [".nf", *shown, ".fi"] if shown else []


def table(section: str) -> list[tuple[str, str]]:
    """Read a table of ``docs/commands.md`` without its Markdown."""
    text = COMMANDS_PAGE.read_text(encoding="utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    rows = [match.groups() for match in map(ROW.fullmatch, text.splitlines()) if match]
    plain = [tuple(LINK.sub(r"\1", cell).replace("`", "").strip() for cell in row) for row in rows]
    return [(row[0], row[1]) for row in plain if row[0] and row[0] != "variable"]


def tagged(term: str, text: str) -> Iterator[str]:
    """Write a paragraph with a tag."""
    yield from (".TP", rf"\fB{escaped(term)}\fR", escaped(" ".join(text.split())))


def escaped(text: str) -> str:
    """Write text so that roff shows it as it is, also where a line begins with a request's dot."""
    for character, roff in ROFF.items():
        text = text.replace(character, roff)
    return rf"\&{text}" if text.startswith(".") else text


def main() -> None:
    """Write the pages into a folder, and let mandoc check them, where it is."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
    if shutil.which("mandoc"):
        sys.exit(subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *sorted(folder.glob("*.1"))]).returncode)


if __name__ == "__main__":
    main()
