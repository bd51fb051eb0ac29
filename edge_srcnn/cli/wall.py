"""``edge-srcnn wall``: one page, a file, with the streams of many cameras."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_srcnn.cli import options
from edge_srcnn.cli.console import print_json, print_table, printable, say_warning
from edge_srcnn.cli.examples import command_examples
from edge_srcnn.errors import UsageError, suggest

if TYPE_CHECKING:
    from edge_srcnn.web.wall.cameras import Camera
    from edge_srcnn.web.wall.check import Seen

EXAMPLES = command_examples(
    "edge-srcnn wall http://pi1:8080 http://pi2:8080",
    "edge-srcnn wall Garden=http://pi1:8080 'Front door=https://pi2:8443' -o house.html",
    "edge-srcnn wall --cameras cameras.txt --every 2 --overwrite  # a slow network",
    "edge-srcnn wall http://pi1:8080 --token-file token  # the page then holds the token",
)

_LEAST_S, _MOST_S = 0.2, 3600.0
_VIEWS = ("enhanced", "bicubic", "camera")


def wall(
    cameras: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME=]ADDRESS", help="Of each page: http://pi:8080, or Garden=http://pi:8080."),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="The page.")] = Path("wall.html"),
    listed: Annotated[
        Path | None,
        typer.Option("--cameras", metavar="FILE", help="A list of more cameras, one a line; # begins a comment."),
    ] = None,
    title: Annotated[str, typer.Option("--title", help="What stands above the tiles.")] = "Cameras",
    every: Annotated[
        float | None,
        typer.Option("--every", metavar="SECONDS", help="Single pictures, so many seconds apart, in place of streams."),
    ] = None,
    view: Annotated[
        str,
        typer.Option(
            "--view",
            metavar="|".join(_VIEWS),
            autocompletion=lambda: list(_VIEWS),
            help="What tiles show; camera: as it is, which costs the camera no network. A large one is enhanced.",
        ),
    ] = "enhanced",
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", metavar="FILE", help="A file with the token of cameras whose address has none."),
    ] = None,
    origin: Annotated[
        str,
        typer.Option("--origin", metavar="null|http://HOST", help="Where the page will be served; null: as a file."),
    ] = "null",
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Ask each camera now, and say what it answers.")
    ] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a page that exists.")] = False,
    json: options.Json = False,
) -> None:
    """Write one page that shows many cameras: a file for browsers, which ask the cameras themselves.

    No server stands between. A camera lets the page in by cors=null among the options of its http sink.
    """
    from edge_srcnn.system.files import write_whole
    from edge_srcnn.web.sink import read_token
    from edge_srcnn.web.wall.cameras import read_cameras, read_list
    from edge_srcnn.web.wall.check import check as ask
    from edge_srcnn.web.wall.check import connection_limits
    from edge_srcnn.web.wall.page import Look, names_of, page

    if view not in _VIEWS:
        close = suggest(view, _VIEWS)
        raise UsageError(f"--view {view}: {f'did you mean {close}? ' if close else ''}give one of {', '.join(_VIEWS)}")
    if every is not None and not _LEAST_S <= every <= _MOST_S:
        raise UsageError(f"--every {every:g}: give {_LEAST_S:g} to {_MOST_S:g} seconds")
    token = None if token_file is None else read_token(str(token_file))
    words = [("", word) for word in cameras or ()]
    if listed is not None:
        words += read_list(listed)
    found = read_cameras(words, token)
    if not found:
        raise UsageError("give the cameras: edge-srcnn wall http://pi1:8080 http://pi2:8080, or --cameras FILE")
    asked = options.read_option("--origin", origin, _origin)
    seen: list[Seen | None] = [*ask(found, asked)] if check else [None] * len(found)
    secret = [camera for camera in found if camera.place.token is not None]
    text = page(found, seen, Look(title, view, every))
    write_whole(output, text.encode(), overwrite=overwrite, private=bool(secret))

    names = names_of(found, seen)
    if json:
        print_json({"page": str(output.resolve()), "cameras": list(map(_record, found, names, seen))})
    elif check:
        answers = [each.says if each else "" for each in seen]
        rows = [
            [printable(name), camera.place.shown, says]
            for name, camera, says in zip(names, found, answers, strict=True)
        ]
        print_table(["camera", "address", "now"], rows)
    for name, each in zip(names, seen, strict=True):
        if each is not None and each.problem is not None:
            say_warning(f"{name}: {each.problem}")
    for line in connection_limits(found):
        say_warning(line)
    if secret:
        say_warning(
            f"{output}: holds tokens of cameras ({len(secret)}): whoever gets the file can look. Only you can read it "
            "(mode 600). Without tokens in the addresses, the page asks for them"
        )
    if not json:
        typer.echo(f"the wall: {output.resolve()}")


def _origin(text: str) -> str:
    from edge_srcnn.web.sink import read_origin

    return read_origin(text)


def _record(camera: "Camera", name: str, seen: "Seen | None") -> dict[str, Any]:
    """Describe a camera for ``--json``; no token."""
    told = {} if seen is None else {"now": seen.says, "problem": seen.problem, "readable": seen.readable}
    return {"name": name, "address": camera.place.shown, **told}
