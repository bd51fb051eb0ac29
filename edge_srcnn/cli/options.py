"""Options that several commands have."""

from typing import TYPE_CHECKING, Annotated

import typer

from edge_srcnn.errors import UsageError
from edge_srcnn.uri import frame_size

if TYPE_CHECKING:
    from edge_srcnn.engine.edgetpu.delegate import Delegate

Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME|FILE",
        help="A bundled model, a .tflite of ours, or auto: the best for the scale and the source; live, the best that "
        "keeps up.",
    ),
]
Scale = Annotated[int, typer.Option("--scale", "-s", metavar="2|3|4", help="Factor, where no model is named.")]
FrameSize = Annotated[str, typer.Option("--size", metavar="WxH", help="Width and height of the camera's frames.")]
Engine = Annotated[
    str,
    typer.Option("--engine", "-e", help="auto, litert, tflite, tensorflow, edgetpu (:usb, :pci, :0) or bicubic."),
]
Isolate = Annotated[
    bool, typer.Option("--isolate", help="The engine in a process of its own: its crash is then a lost frame.")
]
DelegateLibrary = Annotated[
    str | None, typer.Option("--delegate", metavar="LIB.so", help="A shared library for the interpreter to work with.")
]
DelegateOptions = Annotated[
    list[str] | None, typer.Option("--delegate-option", metavar="NAME=VALUE", help="For it; may be repeated.")
]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, help="Of the interpreter. (default: as tuned, or all processors)")
]
Block = Annotated[
    str, typer.Option("--block", metavar="HxW", help="Packing of pixels into channels: 2x4, 2x4-4x4, 1x1 for none.")
]
TileSize = Annotated[
    str, typer.Option("--tile", metavar="HxW", help="Pixels of the network's plane worked on at a time, or whole.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def parse_frame_size(text: str) -> tuple[int, int]:
    """Read ``640x480``: width and height in pixels."""
    try:
        return frame_size(text)
    except ValueError as error:
        raise UsageError(f"--size {text}: {error}") from error


def delegate_of(library: str | None, options: list[str] | None) -> "Delegate | None":
    """Read the delegate that was asked for; None without one."""
    from edge_srcnn.engine.edgetpu.delegate import custom_delegate

    if library is None:
        if options:
            raise UsageError("--delegate-option: goes with --delegate LIB.so")
        return None
    return custom_delegate(library, options or ())
