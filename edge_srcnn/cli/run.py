"""``edge-srcnn run``: a camera or file in, sharper video out, live."""

import ctypes
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_srcnn import sinks, sources
from edge_srcnn.cli.options import (
    Block,
    DelegateLibrary,
    DelegateOptions,
    Engine,
    Isolate,
    Model,
    OwnScale,
    Threads,
    TileSize,
    check_scale,
    engine_options,
)
from edge_srcnn.errors import BadConfiguration, EdgeSrcnnError, UsageError
from edge_srcnn.uri import examples

if TYPE_CHECKING:
    from edge_srcnn.service.build import Service
    from edge_srcnn.service.settings import Config

EXAMPLES = (
    "Examples: [bold]edge-srcnn run --source 'picamera2:0?size=640x480&fps=15' --sink http://127.0.0.1:8080[/bold] · "
    "[bold]edge-srcnn run --source /dev/video0 --sink 'out.mp4?segment=60&keep=30'[/bold] · "
    "[bold]edge-srcnn run --source clip.mp4 --sink y4m:- | ffplay -[/bold] · "
    "[bold]edge-srcnn run --source test: --sink http://:8080[/bold] · "
    "[bold]edge-srcnn run --config /etc/edge-srcnn/default.toml[/bold]"
)
_ENHANCE = ("model", "scale", "engine", "threads", "block", "tile", "reuse", "roi", "keep_fps", "isolate", "delegate")
_MANY_FILES = 65_536
_M_ARENA_MAX, _ARENAS = -8, 2  # <malloc.h>


def run(
    context: typer.Context,
    source: Annotated[
        str | None,
        typer.Option(
            "--source",
            "-i",
            metavar="URI",
            help=f"Where frames come from: {examples(sources.KINDS)}",
        ),
    ] = None,
    sink: Annotated[
        list[str] | None,
        typer.Option(
            "--sink",
            "-o",
            metavar="URI",
            help=f"Where results go; may be given more than once: {examples(sinks.KINDS)}",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", metavar="FILE", help="Run as the service does, by a configuration; flags override it."
        ),
    ] = None,
    steady: Annotated[
        bool,
        typer.Option("--steady", help="As the service does: wait for cameras that are lost, try failed sinks again."),
    ] = False,
    scale: OwnScale = None,
    model: Model = "auto",
    engine: Engine = "auto",
    isolate: Isolate = False,
    delegate: DelegateLibrary = None,
    delegate_option: DelegateOptions = None,
    threads: Threads = None,
    block: Block = "auto",
    tile: TileSize = "auto",
    reuse: Annotated[
        bool, typer.Option("--reuse/--no-reuse", help="Do not compute still parts of the picture again; same bytes.")
    ] = True,
    roi: Annotated[
        str | None,
        typer.Option("--roi", metavar="X,Y,W,H", help="Sharpen this region of the camera's picture only."),
    ] = None,
    keep_fps: Annotated[
        str | None,
        typer.Option(
            "--keep-fps",
            metavar="FPS",
            help="With --model auto: the best model that keeps this rate. (default: the camera's rate)",
        ),
    ] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", min=0.1, help="Stop after so long.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the final statistics as one JSON document.")] = False,
) -> None:
    """Enhance a stream of pictures until it ends, or until SIGINT or SIGTERM.

    Live sources: the newest frame counts, and those that were overtaken are counted. Files: no frame is lost.
    With --model auto a live source gets the best model that keeps its rate, and another one when that changes.
    """
    check_scale(scale, model)
    if config is not None or steady:
        if json:
            raise UsageError("--json: a service tells its state at /state and, on SIGUSR1, in its log")
        try:
            _serve(lambda: _configured(config, _given(context)), seconds)
        except UsageError as error:
            raise BadConfiguration(str(error)) from error
        return
    if source is None or not sink:
        raise UsageError("give --source and --sink, or --config; such as --source test: --sink http://127.0.0.1:8080")
    if json and any(each.partition("?")[0] in ("y4m:", "y4m:-") for each in sink):
        raise UsageError("--json and --sink y4m:- both want standard output")
    _check(roi, keep_fps, delegate, delegate_option)
    _run_once(_from_flags(context), seconds, json=json)


def _given(context: typer.Context) -> dict[str, Any]:
    """Collect what was given on the command line, by the configuration's names."""
    given = {
        name: value
        for name, value in context.params.items()
        if (origin := context.get_parameter_source(name)) is not None and origin.name == "COMMANDLINE"
    }
    settings = {"source": given.pop("source", None), "sinks": given.pop("sink", None)}
    settings["enhance.delegate_options"] = given.pop("delegate_option", None)
    return settings | {f"enhance.{name}": given[name] for name in _ENHANCE if name in given}


def _from_flags(context: typer.Context) -> "Config":
    """Make a configuration of flags alone; whatever opens the parts checks them."""
    from edge_srcnn.service.settings import Config, Enhance

    params = context.params
    enhance = {name: params[name] for name in _ENHANCE if params[name] is not None}
    return Config(
        params["source"],
        tuple(params["sink"]),
        Enhance(**enhance, delegate_options=tuple(params["delegate_option"] or ())),
    )


def _configured(path: Path | None, flags: dict[str, Any]) -> "Config":
    from edge_srcnn.service.configuration import load_config

    return load_config(path, os.environ, flags).config


def _check(roi: str | None, keep_fps: str | None, delegate: str | None, options: list[str] | None) -> None:
    from edge_srcnn.uri import frame_rate, region

    engine_options(delegate=delegate, delegate_option=options)
    for option, text, read in (("--roi", roi, region), ("--keep-fps", keep_fps, frame_rate)):
        try:
            if text is not None:
                read(text)
        except ValueError as error:
            raise UsageError(f"{option} {text}: {error}") from error


def _run_once(config: "Config", seconds: float | None, *, json: bool) -> None:
    """Run until the end, SIGTERM or SIGINT; the first failure ends it, too."""
    from contextlib import nullcontext

    from edge_srcnn.cli.summary import report, status_line
    from edge_srcnn.service.build import Service

    service = Service(config, steady=False)
    state = service.supervisor.state
    try:
        with nullcontext() if json else status_line(state):
            _run(service, seconds, {})
    except EdgeSrcnnError:
        if json:  # a program that asked wants to know, above all then
            report(state(), json=True)
        raise
    else:
        report(state(), json=json)
        if service.supervisor.hangs:
            _end()
    finally:
        if not service.supervisor.hangs:
            service.close()


def _serve(load: "Callable[[], Config]", seconds: float | None) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP reads the configuration again, SIGUSR1 writes the state to the log."""
    from edge_srcnn.service.build import Service
    from edge_srcnn.service.systemd import configure_logging

    config = load()
    configure_logging(config.service.log)
    _allow_many_files()
    _share_memory()
    service = Service(config)
    _run(service, seconds, {signal.SIGHUP: lambda: service.reload(load), signal.SIGUSR1: service.supervisor.dump})
    _end()


def _run(service: "Service", seconds: float | None, actions: dict[signal.Signals, Callable[[], None]]) -> None:
    from edge_srcnn.system.signals import acting_on

    stop = service.supervisor.stop
    with acting_on({signal.SIGTERM: stop, signal.SIGINT: stop, **actions}):
        timer = None if seconds is None else threading.Timer(seconds, stop)
        if timer is not None:
            timer.daemon = True
            timer.start()
        try:
            service.supervisor.run(begun=lambda: _tell_addresses(service))
        finally:
            if timer is not None:
                timer.cancel()


def _end() -> None:
    """End the process at once: a driver that hangs would hang the interpreter's end."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _share_memory() -> None:
    """Let all threads allocate in the same two arenas: those that come and go with a camera leave nothing then."""
    with suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


def _allow_many_files() -> None:
    """Raise the limit of open files: by itself many viewers would leave none for cameras and recordings."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MANY_FILES if most == resource.RLIM_INFINITY else min(most, _MANY_FILES)
    with suppress(OSError, ValueError):  # a system call filter forbids it
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _tell_addresses(service: "Service") -> None:
    for each in service.sinks:
        if each.address:
            typer.echo(f"look at {each.address}", err=True)
