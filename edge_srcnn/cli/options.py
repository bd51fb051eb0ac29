"""Options that several commands have."""

from typing import Annotated

import typer

from edge_srcnn.errors import UsageError
from edge_srcnn.uri import frame_size

Model = Annotated[str | None, typer.Option("--model", "-m", help="Bundled model, or a .tflite of ours.")]
Scale = Annotated[int, typer.Option("--scale", "-s", metavar="2|3|4", help="Factor, where no model is named.")]
FrameSize = Annotated[str, typer.Option("--size", metavar="WxH", help="Width and height of the camera's frames.")]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, help="Of the interpreter. (default: as tuned, or all processors)")
]
Block = Annotated[
    str, typer.Option("--block", metavar="HxW", help="Packing of pixels into channels: 2x4, 2x4-4x4, 1x1 for none.")
]
TileSize = Annotated[
    str, typer.Option("--tile", metavar="HxW", help="Pixels of the result worked on at a time, or whole.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def parse_frame_size(text: str) -> tuple[int, int]:
    """Read ``640x480``: width and height in pixels."""
    try:
        return frame_size(text)
    except ValueError as error:
        raise UsageError(f"--size {text}: {error}") from error
