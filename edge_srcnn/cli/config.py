"""``edge-srcnn config``: what the service is told."""

import stat
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_srcnn.cli.options import Json

if TYPE_CHECKING:
    from edge_srcnn.service.settings import Config

EXAMPLES = (
    "Examples: [bold]edge-srcnn config example > edge-srcnn.toml[/bold] · "
    "[bold]edge-srcnn config check edge-srcnn.toml[/bold] · "
    "[bold]edge-srcnn config show --config edge-srcnn.toml[/bold]"
)
CHECK_EXAMPLES = (
    "Example: [bold]sudo edge-srcnn config check /etc/edge-srcnn/default.toml[/bold]. Exit status: 0 good, 78 not."
)
SHOW_EXAMPLES = (
    "Examples: [bold]edge-srcnn config show --config edge-srcnn.toml[/bold] · "
    "[bold]EDGE_SRCNN_ENHANCE_SCALE=3 edge-srcnn config show --json[/bold]"
)
EXAMPLE_EXAMPLES = "Example: [bold]edge-srcnn config example > edge-srcnn.toml[/bold]"

app = typer.Typer(help="The service's configuration: check it, show it, begin one.", no_args_is_help=True)


@app.command(epilog=CHECK_EXAMPLES)
def check(file: Annotated[Path, typer.Argument(metavar="FILE", help="A TOML file.")]) -> None:
    """Say what is wrong with a file, one line each. The environment does not count."""
    from edge_srcnn.errors import BadConfiguration
    from edge_srcnn.service.configuration import load_config

    try:
        config = load_config(file, environment={}).config
    except BadConfiguration as error:
        for problem in (str(error), *error.others):
            typer.echo(problem, err=True)
        raise typer.Exit(error.exit_code) from error
    if _tells_a_secret(file, config):
        typer.echo(
            f"{file}: warning: it holds a token or password, and everybody may read it; chmod 640 {file}, "
            "or for a token #token_file=FILE in place of #token=",
            err=True,
        )
    typer.echo(f"{file}: good")


@app.command(epilog=SHOW_EXAMPLES)
def show(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", help="A TOML file. (default: none)")
    ] = None,
    json: Json = False,
) -> None:
    """Show every setting in effect, and where it comes from: default, file or environment."""
    from operator import attrgetter

    from edge_srcnn.cli.console import print_json, print_table
    from edge_srcnn.service.configuration import load_config
    from edge_srcnn.service.settings import SETTINGS

    loaded = load_config(config)
    values = {path: _without_secrets(attrgetter(path)(loaded.config)) for path in SETTINGS}
    if json:
        print_json({path: {"value": value, "origin": loaded.origins[path]} for path, value in values.items()})
        return
    print_table(
        ["setting", "value", "from"],
        [[path, "-" if value is None else _toml(value), loaded.origins[path]] for path, value in values.items()],
    )


@app.command("example", epilog=EXAMPLE_EXAMPLES)
def print_example() -> None:
    """Print a file with every setting, its default and its meaning."""
    from edge_srcnn.service.install import EXAMPLE, shipped

    typer.echo(shipped(EXAMPLE), nl=False)


def _toml(value: Any) -> str:
    """Write a value as TOML does: as JSON, but for what cannot be printed."""
    text = dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in text)


def _without_secrets(value: Any) -> Any:
    from edge_srcnn.uri import without_secrets

    if isinstance(value, tuple):
        return tuple(map(without_secrets, value))
    return without_secrets(value) if isinstance(value, str) else value


def _tells_a_secret(file: Path, config: "Config") -> bool:
    """Whether others may read a file with a token or password in it."""
    named = (config.source, *config.sinks)
    return bool(file.stat().st_mode & stat.S_IROTH) and _without_secrets(named) != named
