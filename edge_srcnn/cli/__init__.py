"""The command line. Only this package and ``export.cli`` print."""

import logging
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Any, cast

import typer
from typer.core import TyperGroup

import edge_srcnn
from edge_srcnn.cli import compare, ctl, exchange, first_steps, measure, run, service, upscale, wall
from edge_srcnn.cli.console import PrintableFormatter, say_error
from edge_srcnn.cli.examples import command_examples
from edge_srcnn.errors import CannotWrite, EdgeSrcnnError, InternalError, Unavailable
from edge_srcnn.errors.masking import SecretsFilter, without_secrets
from edge_srcnn.system.packages import numpy_clash
from edge_srcnn.system.standard_streams import flush_stdout, guard_standard_streams, stdout_problem

COMMAND_GROUP = "edge_srcnn.commands"
"""Entry points of this group are commands too: ``export`` and ``evaluate`` come from the workstation side."""


PANELS = PICTURES, LIVE, MODELS, SERVICE, MEASURE, WORKSTATION = (
    *("Pictures", "Live", "Models", "Service", "Measure"),
    "Workstation: train and compile",
)
"""How ``--help`` groups the commands; those of entry points say theirs as ``PANEL``, or belong to the last."""


class Commands(TyperGroup):
    """The commands; a mistake is told without the passwords of the words that it is about."""

    def list_commands(self, ctx: Any) -> list[str]:
        """List the commands by their panels."""
        return sorted(super().list_commands(ctx), key=self._panel_index)

    def _panel_index(self, name: str) -> int:
        panel = getattr(self.commands[name], "rich_help_panel", "")
        return PANELS.index(panel) if panel in PANELS else len(PANELS)

    def make_context(self, *arguments: Any, **named: Any) -> Any:
        """Read the words in front of the command."""
        with _masking():
            return super().make_context(*arguments, **named)

    def invoke(self, ctx: Any) -> Any:
        """Read the command's words, and run it."""
        with _masking():
            return super().invoke(ctx)


@contextmanager
def _masking() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # of Typer, which brings its own click, or of click itself
        if isinstance(message := getattr(error, "message", None), str):
            error.message = without_secrets(message)  # type: ignore[attr-defined]  # just read
        raise


app = typer.Typer(
    cls=Commands,
    name="edge-srcnn",
    help="Sharper camera pictures on small computers: bicubic upscaling, then a small int8 network.",
    epilog=command_examples(
        "edge-srcnn demo  # try it",
        "edge-srcnn upscale photos/ -o large/  # a folder",
        "edge-srcnn run --source /dev/video0 --sink http://127.0.0.1:8080  # a camera",
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("upscale", epilog=upscale.EXAMPLES, rich_help_panel=PICTURES)(upscale.upscale)
app.command("compare", epilog=compare.EXAMPLES, rich_help_panel=PICTURES)(compare.compare)
app.command("demo", epilog=first_steps.DEMO_EXAMPLES, rich_help_panel=PICTURES)(first_steps.demo)
app.command("run", epilog=run.EXAMPLES, rich_help_panel=LIVE)(run.run)
app.command("ctl", epilog=ctl.EXAMPLES, rich_help_panel=LIVE)(ctl.ctl)
app.command("wall", epilog=wall.EXAMPLES, rich_help_panel=LIVE)(wall.wall)
app.add_typer(exchange.models_app, name="models", epilog=exchange.EXAMPLES, rich_help_panel=MODELS)
app.add_typer(service.service_app, name="service", epilog=service.SERVICE_EXAMPLES, rich_help_panel=SERVICE)
app.add_typer(service.config_app, name="config", epilog=service.CONFIG_EXAMPLES, rich_help_panel=SERVICE)
app.command("doctor", epilog=first_steps.DOCTOR_EXAMPLES, rich_help_panel=MEASURE)(first_steps.doctor)
app.command("bench", epilog=measure.BENCH_EXAMPLES, rich_help_panel=MEASURE)(measure.bench)
app.command("tune", epilog=measure.TUNE_EXAMPLES, rich_help_panel=MEASURE)(measure.tune)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"edge-srcnn {edge_srcnn.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
    ),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Say more in the log (standard error)."),
) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(PrintableFormatter("%(levelname)s: %(message)s"))
    handler.addFilter(SecretsFilter())
    logging.basicConfig(level=logging.DEBUG if verbose else logging.WARNING, handlers=[handler])
    if not verbose:  # it complains, at length, of headers of cameras that work
        logging.getLogger("urllib3").setLevel(logging.ERROR)


def main() -> None:
    """Run the command line; every error ends in one line and the exit status of its kind."""
    guard_standard_streams()
    _add_entry_points()
    threading.excepthook = _tell_uncaught
    try:
        app()
    except EdgeSrcnnError as error:
        say_error(error)
        sys.exit(error.exit_code)
    except Exception as error:
        if isinstance(error, OSError) and (problem := stdout_problem()):
            say_error(CannotWrite(f"standard output: cannot be written ({problem})"))
            sys.exit(CannotWrite.exit_code)
        if (clash := numpy_clash(error)) is not None:
            say_error(Unavailable(clash))
            sys.exit(Unavailable.exit_code)
        if os.environ.get("EDGE_SRCNN_DEBUG"):
            typer.echo(without_secrets(traceback.format_exc()), nl=False, err=True)
        say_error(InternalError.of(error))
        sys.exit(InternalError.exit_code)
    finally:
        flush_stdout()


def all_commands() -> TyperGroup:
    """Give the whole tree of commands, as man pages are made of."""
    _add_entry_points()
    return cast(TyperGroup, typer.main.get_command(app))


def _add_entry_points() -> None:
    for entry in entry_points(group=COMMAND_GROUP):
        command = entry.load()
        module = sys.modules[command.__module__]
        panel = getattr(module, "PANEL", WORKSTATION)
        app.command(entry.name, epilog=getattr(module, "EXAMPLES", None), rich_help_panel=panel)(command)


def _tell_uncaught(uncaught: threading.ExceptHookArgs) -> None:
    """Write what a thread met, and nobody foresaw, to the log, where it is masked."""
    if uncaught.exc_value is not None and uncaught.exc_type is not SystemExit:
        name = uncaught.thread.name if uncaught.thread else "a thread"
        logging.getLogger(__name__).error("%s failed", name, exc_info=uncaught.exc_value)
