"""Print, install, remove and watch the systemd service: ``edge-srcnn service``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_srcnn.cli.options import Json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge_srcnn.service.install import Step

EXAMPLES = (
    "Examples: [bold]sudo edge-srcnn service install[/bold] · "
    "[bold]sudo edge-srcnn service install --camera front --camera door[/bold] · "
    "[bold]edge-srcnn service status --json[/bold]"
)

app = typer.Typer(help="Run as a systemd service: print, install, remove and watch its unit.", no_args_is_help=True)

Prefix = Annotated[
    Path | None, typer.Option("--prefix", metavar="DIR", help="Work below this folder instead of /, and run nothing.")
]


@app.command("print", epilog="Example: [bold]edge-srcnn service print > edge-srcnn@.service[/bold]")
def print_(
    name: Annotated[str, typer.Argument(help="edge-srcnn@, or the name of another of our files.")] = ("edge-srcnn@"),
) -> None:
    """Print a unit as it would be installed."""
    from edge_srcnn.service.install import installed, unit_file

    typer.echo(installed(unit_file(name)), nl=False)


@app.command("install", epilog="Example: [bold]sudo edge-srcnn service install --camera front[/bold]")
def install(
    camera: Annotated[
        list[str] | None,
        typer.Option(
            "--camera", metavar="NAME", help="An instance, edge-srcnn@NAME; can be repeated. (default: default)"
        ),
    ] = None,
    prefix: Prefix = None,
) -> None:
    """Write the unit, the service's user and a first configuration. Needs root; can be repeated."""
    from edge_srcnn.service import install as installation
    from edge_srcnn.service.install import CONFIGURATIONS, DEFAULT, command

    cameras = camera or [DEFAULT]
    _tell(installation.install(cameras, prefix=prefix and prefix.absolute()))
    if prefix is None:
        typer.echo("\nNext:")
        for name in cameras:
            unit = f"edge-srcnn@{name}"
            typer.echo(f"  sudo {command()} config check /{CONFIGURATIONS}/{name}.toml   # after you have edited it")
            typer.echo(f"  sudo systemctl enable --now {unit}   # where it runs already: sudo systemctl restart {unit}")
        typer.echo(f"  {command()} service status")


@app.command("uninstall", epilog="Example: [bold]sudo edge-srcnn service uninstall[/bold]")
def uninstall(
    purge: Annotated[
        bool, typer.Option("--purge", help="Remove configurations, recordings and the service's user too.")
    ] = False,
    prefix: Prefix = None,
) -> None:
    """Stop the service and remove what was installed; configurations and recordings stay. Needs root."""
    from edge_srcnn.service import install as installation

    if not _tell(installation.uninstall(purge=purge, prefix=prefix and prefix.absolute())):
        typer.echo("nothing was installed")


@app.command("status", epilog="Example: [bold]edge-srcnn service status --json[/bold]. Exit status: 1 a unit failed.")
def status(json: Json = False) -> None:
    """Show what systemd says of each instance."""
    from dataclasses import asdict

    from edge_srcnn.cli.console import print_json, print_table
    from edge_srcnn.service.systemctl import unit_states

    states = unit_states()
    if json:
        print_json([asdict(state) for state in states])
    else:
        print_table(
            ["unit", "state", "restarts", "at boot", "it says"],
            [
                [
                    s.unit.removesuffix(".service"),
                    f"{s.active} ({s.sub})",
                    str(s.restarts),
                    s.at_boot,
                    s.text or f"last result: {s.result}",
                ]
                for s in states
            ],
        )
    if any(state.active == "failed" for state in states):
        raise typer.Exit(1)


def _tell(steps: "Iterable[Step]") -> bool:
    """Print each step as it is done; False when there was none."""
    some = False
    for step in steps:
        typer.echo(f"{step.result:9} {step.what}")
        some = True
    return some
