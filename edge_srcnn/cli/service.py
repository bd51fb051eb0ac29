"""``edge-srcnn service`` and ``edge-srcnn config``: the systemd service, and what it is told."""

import sys
from dataclasses import asdict
from json import dumps
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_srcnn.cli.console import print_json, print_table, say_warning
from edge_srcnn.cli.examples import command_examples
from edge_srcnn.cli.options import Json
from edge_srcnn.errors import BadConfiguration
from edge_srcnn.errors.masking import without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge_srcnn.service.install import Step

SERVICE_EXAMPLES = command_examples(
    "sudo edge-srcnn service install",
    "sudo edge-srcnn service install --camera front --camera door",
    "edge-srcnn service status --json",
)
CONFIG_EXAMPLES = command_examples(
    "edge-srcnn config example > edge-srcnn.toml",
    "edge-srcnn config check edge-srcnn.toml",
    "edge-srcnn config show --config edge-srcnn.toml",
)
CHECK_EXAMPLES = command_examples(
    "sudo edge-srcnn config check /etc/edge-srcnn/default.toml",
    more="Exit status: 0 good, 78 not.",
)
SHOW_EXAMPLES = command_examples(
    "edge-srcnn config show --config edge-srcnn.toml",
    "EDGE_SRCNN_ENHANCE_SCALE=3 edge-srcnn config show --json",
)

service_app = typer.Typer(
    help="Run as a systemd service: print, install, remove and watch its unit.", no_args_is_help=True
)
config_app = typer.Typer(help="The service's configuration: check it, show it, begin one.", no_args_is_help=True)

Prefix = Annotated[
    Path | None, typer.Option("--prefix", metavar="DIR", help="Work below this folder instead of /, and run nothing.")
]


@service_app.command("print", epilog=command_examples("edge-srcnn service print > edge-srcnn@.service"))
def print_(
    name: Annotated[str, typer.Argument(help="edge-srcnn@, or the name of another of our files.")] = "edge-srcnn@",
) -> None:
    """Print a unit as it would be installed."""
    from edge_srcnn.service.install import installed, unit_file

    typer.echo(installed(unit_file(name)), nl=False)


@service_app.command("install", epilog=command_examples("sudo edge-srcnn service install --camera front"))
def install(
    camera: Annotated[
        list[str] | None,
        typer.Option(
            "--camera", metavar="NAME", help="An instance, edge-srcnn@NAME; can be repeated. (default: default)"
        ),
    ] = None,
    prefix: Prefix = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: go on after a warning.")] = False,
) -> None:
    """Write the unit, the service's user and a first configuration. Needs root; can be repeated.

    It warns when others than root can change the program, and so what the service runs; at a terminal it asks, too.
    """
    from edge_srcnn.service import install as installation

    cameras, command = camera or [installation.DEFAULT], installation.command()
    if (warning := installation.warn_of_owner()) is not None:
        say_warning(warning)
        if prefix is None and not yes and sys.stdin is not None and sys.stdin.isatty():
            typer.confirm("Install it all the same?", abort=True, err=True)
    _tell(installation.install(cameras, prefix=prefix and prefix.absolute()))
    if prefix is None:
        typer.echo("\nNext:")
        for name in cameras:
            unit = f"edge-srcnn@{name}"
            typer.echo(
                f"  sudo {command} config check /{installation.CONFIGURATIONS}/{name}.toml   # after you have edited it"
            )
            typer.echo(f"  sudo systemctl enable --now {unit}   # where it runs already: sudo systemctl restart {unit}")
        typer.echo(f"  {command} service status")


@service_app.command("uninstall", epilog=command_examples("sudo edge-srcnn service uninstall"))
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


@service_app.command(
    "status",
    epilog=command_examples(
        "edge-srcnn service status --json",
        more="Exit status: 1 a unit failed.",
    ),
)
def status(json: Json = False) -> None:
    """Show what systemd says of each instance."""
    from edge_srcnn.service.systemctl import unit_states

    states = unit_states()
    if json:
        print_json([asdict(state) for state in states])
    else:
        rows = [
            [
                *(each.unit.removesuffix(".service"), f"{each.active} ({each.sub})", str(each.restarts), each.at_boot),
                each.text or f"last result: {each.result}",
            ]
            for each in states
        ]
        print_table(["unit", "state", "restarts", "at boot", "it says"], rows)
    if any(state.active == "failed" for state in states):
        raise typer.Exit(1)


def _tell(steps: "Iterable[Step]") -> bool:
    """Print each step as it is done; False when there was none."""
    some = False
    for step in steps:
        typer.echo(f"{step.result:9} {step.what}")
        some = True
    return some


@config_app.command(epilog=CHECK_EXAMPLES)
def check(file: Annotated[Path, typer.Argument(metavar="FILE", help="A TOML file.")]) -> None:
    """Say what is wrong with a file, one line each. The environment does not count."""
    from edge_srcnn.service.configuration import load_config
    from edge_srcnn.service.secret_files import UNREAD

    try:
        loaded = load_config(file, environment={}, elsewhere=True)
    except BadConfiguration as error:
        for problem in (str(error), *error.others):
            typer.echo(problem, err=True)
        raise typer.Exit(error.exit_code) from error
    for warning in loaded.warnings:
        say_warning(warning)
    for setting, origin in loaded.origins.items():
        if origin.endswith(UNREAD):
            say_warning(f"{file}: {setting} is not checked: {origin}")
    typer.echo(f"{file}: good")


@config_app.command(epilog=SHOW_EXAMPLES)
def show(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", help="A TOML file. (default: none)")
    ] = None,
    json: Json = False,
) -> None:
    """Show every setting in effect, and where it comes from: default, file or environment."""
    from edge_srcnn.service.changes import changes_file
    from edge_srcnn.service.configuration import load_config
    from edge_srcnn.service.secret_files import UNREAD
    from edge_srcnn.service.settings import SETTINGS

    loaded = load_config(config, elsewhere=True, changes=changes_file(config))
    unread = {path for path, origin in loaded.origins.items() if origin.endswith(UNREAD)}
    values = {path: None if path in unread else _without_secrets(attrgetter(path)(loaded.config)) for path in SETTINGS}
    if json:
        print_json({path: {"value": value, "origin": loaded.origins[path]} for path, value in values.items()})
        return
    print_table(
        ["setting", "value", "from"],
        [[path, "-" if value is None else _toml(value), loaded.origins[path]] for path, value in values.items()],
    )


@config_app.command("example", epilog=command_examples("edge-srcnn config example > edge-srcnn.toml"))
def print_example() -> None:
    """Print a file with every setting, its default and its meaning."""
    from edge_srcnn.service.install import EXAMPLE, shipped

    typer.echo(shipped(EXAMPLE), nl=False)


def _toml(value: Any) -> str:
    """Write a value as TOML does: as JSON, but for what cannot be printed."""
    text = dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in text)


def _without_secrets(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(without_secrets, value))
    return without_secrets(value) if isinstance(value, str) else value
