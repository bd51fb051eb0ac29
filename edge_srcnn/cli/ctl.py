"""``edge-srcnn ctl``: look at the settings of a running service, and change them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_srcnn.cli import completion
from edge_srcnn.cli.console import print_json, print_table
from edge_srcnn.cli.examples import command_examples
from edge_srcnn.cli.options import Json
from edge_srcnn.errors import UsageError, suggest

if TYPE_CHECKING:
    from edge_srcnn.sinks.control import Setting

EXAMPLES = command_examples(
    "edge-srcnn ctl http://pi:8080  # what can be changed",
    "edge-srcnn ctl http://pi:8080 strength=0.8 temporal=off",
    "edge-srcnn ctl http://pi:8080 model=fast-m-x2 rotate=180 --persist",
    "edge-srcnn ctl https://pi:8443 --token-file token crop=  # nothing: the whole picture",
    "edge-srcnn ctl unix:/run/edge-srcnn/http.sock --snapshot",
)

_FEW = 6  # choices that a table lists


def ctl(
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="Of the page: http://pi:8080, https://pi/cam, unix:/run/http.sock.")
    ],
    assignments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME=VALUE]...",
            autocompletion=completion.assignments,
            help="Settings to change, all or none; nothing behind the = takes a value away.",
        ),
    ] = None,
    persist: Annotated[bool, typer.Option("--persist", help="Keep the changes after a restart.")] = False,
    snapshot: Annotated[
        bool, typer.Option("--snapshot", help="Write the next enhanced picture to the disk there, and print its path.")
    ] = False,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", metavar="FILE", help="A file that holds the page's token.")
    ] = None,
    fingerprint: Annotated[
        str | None,
        typer.Option("--fingerprint", metavar="SHA256", help="Of the certificate to trust, where nobody signed it."),
    ] = None,
    json: Json = False,
) -> None:
    """Show the settings of a running edge-srcnn, and change them while frames go on.

    Without assignments: a table of settings, their values, and what they take.
    """
    from edge_srcnn.cli.options import read_option
    from edge_srcnn.system.certificates import TRUST, Trust
    from edge_srcnn.system.certificates import fingerprint as read_fingerprint
    from edge_srcnn.web.client import ControlClient, Place, settings_of
    from edge_srcnn.web.sink import read_token

    trust = TRUST
    if fingerprint is not None:
        trust = Trust(fingerprint=read_option("--fingerprint", fingerprint, read_fingerprint))
    token = None if token_file is None else read_token(str(token_file))
    if persist and not assignments:
        raise UsageError("--persist: goes with settings, such as strength=0.8")
    client = ControlClient(Place.of(address, token), trust)
    answer = client.look()
    settings = {each.name: each for each in settings_of(answer)}
    if assignments:
        changes = dict(_read(each, settings) for each in assignments)
        answer = client.change(changes, persist=persist)
    path = client.snapshot() if snapshot else None
    if json:
        print_json(answer if path is None else {**answer, "snapshot": path})
        return
    if path is not None:
        typer.echo(path)
    if assignments or path is None:
        shown = [each for each in settings.values() if not assignments or f"{each.name}=" in _names(assignments)]
        print_table(["setting", "value", "takes"], [_row(each, answer["values"]) for each in shown])


def _names(assignments: list[str]) -> set[str]:
    return {f"{each.partition('=')[0]}=" for each in assignments}


def _read(assignment: str, settings: "dict[str, Setting]") -> tuple[str, Any]:
    """Read ``strength=0.8``; ``UsageError`` where that is no assignment, or there is no such setting."""
    name, mark, text = assignment.partition("=")
    if not mark:
        raise UsageError(f"{assignment}: give NAME=VALUE, such as strength=0.8")
    if name not in settings:
        close = suggest(name, list(settings))
        meant = f"did you mean {close}? " if close else ""
        raise UsageError(f"{name}: there is no such setting; {meant}there are {', '.join(settings)}")
    return name, settings[name].read(text)


def _row(setting: "Setting", values: dict[str, Any]) -> list[str]:
    value = values.get(setting.name)
    shown = {True: "on", False: "off", None: "-"}.get(value, value) if isinstance(value, bool | None) else value
    number = f"{value:g}" if isinstance(value, float) else str(shown)
    many = len(setting.choices) > _FEW
    takes = f"{setting.choices[0]}, or one of {len(setting.choices) - 1} others (--json)" if many else setting.takes
    return [setting.name, number, f"blocked: {setting.blocked}" if setting.blocked else takes]
