"""``edge-srcnn demo``: see what it does, without a picture or a camera."""

from pathlib import Path
from typing import Annotated

import typer

from edge_srcnn.cli.options import Model

EXAMPLES = "Example: [bold]edge-srcnn demo --scale 3 -o card.png[/bold]"


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="The picture to write.")] = Path("edge-srcnn-demo.png"),
    scale: Annotated[int, typer.Option("--scale", "-s", metavar="2|3|4", help="Factor.")] = 2,
    model: Model = "auto",
    engine: Annotated[
        str, typer.Option("--engine", "-e", help="auto, litert, tflite, tensorflow or bicubic.")
    ] = "auto",
    json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Upscale a built-in test card, and write bicubic | edge-srcnn | ground truth side by side."""
    from edge_srcnn.cli.console import print_json, print_table
    from edge_srcnn.imaging.frame import Metadata
    from edge_srcnn.measure.demonstration import demonstrate
    from edge_srcnn.sinks.images import Encoding, write_picture
    from edge_srcnn.upscaler import load_model

    with load_model(model, scale=scale, engine=engine) as upscaler:
        shown = demonstrate(upscaler)
        name = f"{upscaler.spec.name} {upscaler.spec.quantization}" if upscaler.spec else "no network"
        engine = upscaler.engine
    write_picture(output, shown.picture.shape, [(0, shown.picture)], Metadata(), Encoding(), overwrite=True)
    if json:
        print_json(
            {
                "picture": str(output.resolve()),
                "model": name,
                "engine": engine,
                "input": shown.input_size,
                "output": shown.output_size,
                "milliseconds": shown.milliseconds,
                "bicubic": {"psnr": shown.bicubic_psnr, "ssim": shown.bicubic_ssim},
                "edge-srcnn": {"psnr": shown.psnr, "ssim": shown.ssim},
            }
        )
        return
    (w, h), (new_w, new_h) = shown.input_size, shown.output_size
    typer.echo(f"test card {w}x{h} -> {new_w}x{new_h} in {shown.milliseconds:.1f} ms ({name}, {engine})\n")
    print_table(
        ["", "PSNR", "SSIM"],
        [
            ["bicubic", f"{shown.bicubic_psnr:.2f} dB", f"{shown.bicubic_ssim:.4f}"],
            ["edge-srcnn", f"{shown.psnr:.2f} dB", f"{shown.ssim:.4f}"],
        ],
        numbers_from=1,
    )
    typer.echo(f"\nbicubic | edge-srcnn | ground truth: {output.resolve()}")
