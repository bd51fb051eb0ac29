"""``edge-srcnn compare``: one picture by all models."""

from pathlib import Path
from typing import Annotated

import typer

from edge_srcnn.cli import options
from edge_srcnn.cli.console import progress_bar
from edge_srcnn.cli.examples import command_examples
from edge_srcnn.errors import UsageError

EXAMPLES = command_examples(
    "edge-srcnn compare photo.jpg",
    "edge-srcnn compare dark.jpg -o page.html --scale 1",
    "edge-srcnn compare photo.jpg -o page.html --cut 300,200,320,240",
    "edge-srcnn compare photo.jpg --model fast-s-x2 --model mine.tflite",
)


def compare(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="A picture file.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="A picture, or a page (.html) with a divider.")
    ] = Path("comparison.png"),
    scale: Annotated[int, typer.Option("--scale", "-s", metavar="1|2|3|4", help="Factor; 1 cleans.")] = 2,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            help="Instead of all: a name or a .tflite; several times. bicubic (x1: the input) is always there.",
        ),
    ] = None,
    strength: options.Strength = None,
    cut: Annotated[
        str | None,
        typer.Option("--cut", metavar="X,Y,W,H|all", help="The part to look at. (default: the middle)"),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a result that exists.")] = False,
) -> None:
    """Upscale a picture by bicubic scaling and by every bundled model, and show the results side by side.

    With --scale 1: the picture as it is, and as every bundled model cleans it.
    """
    from edge_srcnn.imaging.bicubic import base_name
    from edge_srcnn.imaging.frame import Metadata
    from edge_srcnn.measure.comparison import PAGE_PX, SHEET_PX, caption, names_for, page, sheet
    from edge_srcnn.measure.comparison import compare as compare_models
    from edge_srcnn.sinks.images import Encoding, write_picture
    from edge_srcnn.sources.images import read_picture
    from edge_srcnn.system.files import write_whole

    pixels = read_picture(picture).samples
    height, width = pixels.shape[:2]
    as_page = output.suffix.lower() in (".html", ".htm")
    place = _place(cut, width, height, PAGE_PX if as_page else SHEET_PX)
    names = [base_name(scale), *model] if model else names_for(scale)
    with progress_bar() as bar:
        task = bar.add_task("comparing", total=len(names))
        entries = compare_models(pixels[place], scale, names, strength, on_done=lambda name: bar.advance(task))
    if as_page:
        write_whole(output, page(entries, picture.name).encode(), overwrite=overwrite)
    else:
        shown = sheet(entries)
        write_picture(output, shown.shape, [(0, shown)], Metadata(), Encoding(), overwrite=overwrite)
    for entry in entries:
        typer.echo(f"{caption(entry)}  ({entry.note})")
    typer.echo(f"side by side: {output.resolve()}")


def _place(cut: str | None, width: int, height: int, usual: tuple[int, int]) -> tuple[slice, slice]:
    if cut == "all":
        return slice(0, height), slice(0, width)
    if cut is None:
        w, h = min(usual[0], width), min(usual[1], height)
        x, y = (width - w) // 2, (height - h) // 2
    else:
        try:
            x, y, w, h = map(int, cut.split(","))
        except ValueError as error:
            raise UsageError(f"--cut {cut}: give X,Y,W,H in pixels, or all") from error
    if min(x, y) < 0 or min(w, h) < 1 or x + w > width or y + h > height:
        raise UsageError(f"--cut {cut}: not inside of the picture, which has {width}x{height} pixels")
    return slice(y, y + h), slice(x, x + w)
