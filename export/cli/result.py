"""Tell what ``edge-srcnn export`` made: figures, files, and how to use them."""

import typer

from edge_srcnn.cli.console import print_table
from export.cli.preflight import tell_of_tpu
from export.run import Exported


def tell_result(made: Exported, scale: int) -> None:
    """Print the scores, the remarks and the files of an export, and a command that uses the model."""
    for line in made.skipped:
        typer.echo(f"skipped: {line}", err=True)
    print_table(
        ["set", "method", "PSNR dB", "SSIM"],
        [[s.set, s.method, f"{s.psnr:.2f}", f"{s.ssim:.4f}"] for s in made.scores],
        numbers_from=2,
    )
    typer.echo("")
    for remark in made.remarks:
        typer.echo(remark)
    typer.echo("")
    for kind, path in made.files.items():
        typer.echo(f"{kind:8} {path}  ({path.stat().st_size / 1000:.0f} kB)")
    model = made.files.get("int8", made.files.get("float32"))
    result = "clean.png" if scale == 1 else "large.png"
    typer.echo(f"\nUse it: edge-srcnn upscale photo.png -o {result} --model {model}")
    if made.tpu is not None:
        tell_of_tpu(made.tpu)
