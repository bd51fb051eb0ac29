"""``edge-srcnn models``: what comes with the package."""

from typing import Annotated

import typer

EXAMPLES = "Example: [bold]edge-srcnn models --json[/bold]"


def models(json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False) -> None:
    """List the bundled models: scale, size, quality on the benchmark sets, training data."""
    from dataclasses import asdict

    from edge_srcnn.cli.console import print_json, print_table
    from edge_srcnn.model import bundled_models, read_model

    found = [(path, read_model(path).spec) for path in bundled_models().values()]
    if json:
        print_json([{"path": str(path), **asdict(spec)} for path, spec in found])
        return
    rows = []
    for path, spec in found:
        gains = [f"{q.psnr:.2f} ({q.psnr - q.bicubic_psnr:+.2f})" for q in spec.quality]
        data = ", ".join(spec.training.data)
        rows.append(
            [spec.name, f"x{spec.scale}", spec.quantization, f"{path.stat().st_size / 1000:.0f} kB", *gains, data]
        )
    sets = [f"{q.set} dB" for q in found[0][1].quality] if found else []
    print_table(["model", "scale", "numbers", "size", *sets, "trained on"], rows)
    typer.echo("\nPSNR of luma on the benchmark sets; in brackets the gain over bicubic scaling.")
