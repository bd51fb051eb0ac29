"""``edge-srcnn doctor``: what works here, what does not, and the cure."""

from typing import TYPE_CHECKING, Annotated

import typer

from edge_srcnn.errors import Unavailable

if TYPE_CHECKING:
    from edge_srcnn.engine.edgetpu import EdgeTpuReport
    from edge_srcnn.measure.doctor import LiveModel

EXAMPLES = (
    "Example: [bold]edge-srcnn doctor --json[/bold]. Exit status: 0 all well, 1 a self-test failed, 69 no engine."
)


def doctor(json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False) -> None:
    """Check interpreters, Edge TPUs and processor, and prove that each model computes right (golden digest)."""
    from dataclasses import asdict

    from edge_srcnn.cli.console import print_json, print_table
    from edge_srcnn.measure.doctor import diagnose

    found = diagnose()
    if json:
        print_json({**asdict(found), "healthy": found.healthy})
    else:
        packages = ", ".join(f"{name} {version}" for name, version in found.packages.items())
        typer.echo(f"edge-srcnn {found.edge_srcnn}, Python {found.python}, {found.system}")
        typer.echo(
            f"{found.processor}, {found.processors} processors; int8: {', '.join(found.features) or 'nothing special'}"
        )
        typer.echo(f"{packages}")
        origin = "as tuned here" if found.tuned else "by the table; 'edge-srcnn tune' measures"
        typer.echo(f"the best model computes 640x480 with {found.setting} ({origin})")
        if found.live:
            typer.echo(f"live, the fastest first: {', '.join(map(_of_model, found.live))}")
        typer.echo("")
        print_table(
            ["engine", "package", "version", ""],
            [[e.name, e.package, e.version or "-", "" if e.version else e.cure] for e in found.engines],
        )
        typer.echo(f"\nEdge TPU: {_of_edgetpu(found.edge_tpu)}\n")
        print_table(
            ["self-test", "engine", "", "result"],
            [[t.model, t.engine, "ok" if t.ok else "FAILED", t.result] for t in found.self_tests],
        )
    if not any(e.version for e in found.engines):
        raise typer.Exit(Unavailable.exit_code)
    if not found.healthy:
        raise typer.Exit(1)


def _of_model(live: "LiveModel") -> str:
    took = "not timed yet" if live.frame_ms is None else f"{live.frame_ms:.3g} ms"
    return f"{live.model} ({took}{', tuned' if live.tuned else ''})"


def _of_edgetpu(report: "EdgeTpuReport") -> str:
    devices = "; ".join(report.devices)
    return ", ".join(each for each in (report.library, devices, report.problem) if each)
