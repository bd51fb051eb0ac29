"""Print what the Edge TPU's compiler will say, or has said."""

from math import ceil
from typing import TYPE_CHECKING

import typer

from edge_srcnn.errors import EdgeSrcnnError

if TYPE_CHECKING:
    from export.edgetpu.exporting import TpuExport
    from export.edgetpu.preflight import Preflight


def print_preflight(found: "Preflight") -> None:
    """Print a preflight: a table of operations, what the model costs, warnings, and the verdict."""
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


def tell_of_tpu(made: "TpuExport") -> None:
    """Print what an export made for the Edge TPU; not to have compiled is an error, at the very end."""
    from edge_srcnn.errors import Unavailable
    from export.edgetpu.compiler import instructions, missing

    typer.echo("")
    print_preflight(made.preflight)
    if made.failure:
        raise EdgeSrcnnError(made.failure)
    if made.compiled is None:
        for line in instructions(made.ready):
            typer.echo(line)
        raise Unavailable(missing())
