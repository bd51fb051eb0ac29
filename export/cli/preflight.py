"""How the commands show what the Edge TPU's compiler will say."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from export.edgetpu.preflight import Preflight


def print_preflight(found: "Preflight") -> None:
    """Print a table of operations, what the model costs, warnings, and the verdict."""
    from edge_srcnn.cli.console import print_table
    from export.edgetpu.preflight import FRAME_PX, FULL

    rows = [
        [
            row.operation,
            str(row.version),
            str(row.newest),
            str(row.count),
            row.runs_on,
            "; ".join(filter(None, (row.why, row.cure))),
        ]
        for row in found.operations
    ]
    print_table(["operation", "version", "known to", "count", "runs on", ""], rows)
    height, width = FRAME_PX
    frame = f", {found.runs_per_frame} runs and {found.usb_bytes_per_frame / 1e6:.1f} MB for {width}x{height}"
    need, room, weights = (
        str(ceil(size / 1024)) for size in (found.activation_bytes, found.activation_limit_bytes, found.parameter_bytes)
    )
    typer.echo(
        f"\nmemory: activations about {need} KiB of {room} in each on-chip tile, parameters {weights} KiB"
        f"\nUSB: {found.usb_bytes_per_run / 1000:.1f} kB a run{frame if found.runs_per_frame > 1 else ''}"
    )
    for warning in found.warnings:
        typer.echo(f"warning: {warning}")
    typer.echo(f"verdict: {found.verdict}{f', {found.summary}' if found.verdict == FULL else ''}\n")


@contextmanager
def spinner(description: str) -> Iterator[None]:
    """Show that work goes on, and how long it has, on a terminal's standard error."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        bar.add_task(description, total=None)
        yield
