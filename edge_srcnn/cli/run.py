"""``edge-srcnn run``: a camera or file in, sharper video out, live."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_srcnn import sinks, sources
from edge_srcnn.cli import completion, options
from edge_srcnn.cli.examples import command_examples
from edge_srcnn.cli.options import check_scale, engine_options, read_option
from edge_srcnn.errors import BadConfiguration, UsageError
from edge_srcnn.sinks import camera_name
from edge_srcnn.uri import examples, frame_rate, one_of, region

if TYPE_CHECKING:
    from edge_srcnn.service.settings import Config

log = logging.getLogger(__name__)

EXAMPLES = command_examples(
    "edge-srcnn run --source 'picamera2:0?size=640x480&fps=15' --sink http://127.0.0.1:8080",
    "edge-srcnn run --source '/dev/video0?rotate=180' --sink 'out.mp4?segment=60&keep=30'",
    "edge-srcnn run --source clip.mp4 --sink y4m:- | ffplay -",
    "edge-srcnn run --source test: --sink http://:8080",
    "edge-srcnn run --source rtsp://camera/stream --temporal strong --sink http://:8080  # noisy, and stands still",
    "edge-srcnn run --source /dev/video0 --name Garden --sink mqtt://homeassistant.local  # Home Assistant",
    "edge-srcnn run --config /etc/edge-srcnn/default.toml",
)
_ENHANCE = (
    *("model", "scale", "strength", "engine", "threads", "block", "tile", "reuse", "roi", "keep_fps", "temporal"),
    *("isolate", "delegate"),
)


def run(
    context: typer.Context,
    source: Annotated[
        str | None,
        typer.Option(
            "--source",
            "-i",
            metavar="URI",
            autocompletion=completion.sources,
            help=f"Where frames come from: {examples(sources.KINDS)}. Every one takes crop=X,Y,W,H, hflip=yes, "
            "vflip=yes, rotate=90, fps=10 and temporal=off behind its ?, or the # of an address.",
        ),
    ] = None,
    sink: Annotated[
        list[str] | None,
        typer.Option(
            "--sink",
            "-o",
            metavar="URI",
            autocompletion=completion.sinks,
            help=f"Where results go; may be given more than once: {examples(sinks.KINDS)}",
        ),
    ] = None,
    source_file: Annotated[
        str | None,
        typer.Option(
            "--source-file", metavar="FILE", help="A file that holds --source alone: its password stays out of ps."
        ),
    ] = None,
    sink_file: Annotated[
        list[str] | None,
        typer.Option("--sink-file", metavar="FILE", help="A file that holds one --sink alone; may be repeated."),
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
    scale: options.OwnScale = None,
    model: options.Model = "auto",
    strength: Annotated[
        str | None,
        typer.Option(
            "--strength",
            metavar="0..1.5|auto",
            autocompletion=completion.strengths,
            help="How much of the network's change is added: 0 none, 1 as trained; auto: less of it where the noise is "
            "beyond what the model knows, or at scale 1 where there is little to clean. (default: auto for cameras "
            "and at scale 1, else 1)",
        ),
    ] = None,
    engine: options.Engine = "auto",
    isolate: options.Isolate = False,
    delegate: options.DelegateLibrary = None,
    delegate_option: options.DelegateOptions = None,
    threads: options.Threads = None,
    block: options.Block = "auto",
    tile: options.TileSize = "auto",
    reuse: Annotated[
        bool, typer.Option("--reuse/--no-reuse", help="Do not compute still parts of the picture again; same bytes.")
    ] = True,
    roi: Annotated[
        str | None,
        typer.Option(
            "--roi", metavar="X,Y,W,H", help="Sharpen this region of the picture only, which is cropped and rotated."
        ),
    ] = None,
    keep_fps: Annotated[
        str | None,
        typer.Option(
            "--keep-fps",
            metavar="FPS",
            help="With --model auto: the best model that keeps this rate. (default: the camera's rate)",
        ),
    ] = None,
    temporal: options.Temporal = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="TEXT", help="Call the camera so on the page, in /state and in recordings."),
    ] = None,
    overlay: Annotated[
        str | None,
        typer.Option(
            "--overlay",
            metavar="yes|TEXT",
            help="Write name and time on the pictures, or a text with {name}, %H:%M and their like.",
        ),
    ] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", min=0.1, help="Stop after so long.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the final statistics as one JSON document.")] = False,
) -> None:
    """Enhance a stream of pictures until it ends, or until SIGINT, SIGTERM or SIGHUP.

    Live sources: the newest frame counts, and those that were overtaken are counted. Files: no frame is lost.
    With --model auto a live source gets the best model that keeps its rate, and another one when that changes.
    """
    check_scale(scale, model)
    if config is not None or steady:
        if json:
            raise UsageError("--json: a service tells its state at /state and, on SIGUSR1, in its log")
        from edge_srcnn.cli.running import serve
        from edge_srcnn.service.changes import changes_file
        from edge_srcnn.service.configuration import load_config

        try:
            serve(lambda: load_config(config, flags=_given(context), changes=changes_file(config)), seconds)
        except UsageError as error:
            raise BadConfiguration(str(error)) from error
        return
    context.params["source"], context.params["sink"] = source, sink = _addresses(source, source_file, sink, sink_file)
    if json and any(each.partition("?")[0] in ("y4m:", "y4m:-") for each in sink):
        raise UsageError("--json and --sink y4m:- both want standard output")
    for option, text, read in (
        ("--roi", roi, region),
        ("--keep-fps", keep_fps, frame_rate),
        ("--temporal", temporal, one_of(*options.TEMPORAL)),
        ("--name", name, camera_name),
    ):
        if text is not None:
            read_option(option, text, read)
    if strength is not None:
        from edge_srcnn.engine.strength import checked_strength

        checked_strength(strength)
    if overlay is not None:
        from edge_srcnn.imaging.overlay import read_overlay

        read_option("--overlay", overlay, read_overlay)
    engine_options(context.params)
    from edge_srcnn.cli.running import run_once

    run_once(_from_flags(context), seconds, json=json)


def _given(context: typer.Context) -> dict[str, Any]:
    """Collect what was given on the command line, by the configuration's names."""
    named = {"source": "source", "source_file": "source_file", "sink": "sinks", "sink_file": "sink_files"}
    named |= {"delegate_option": "enhance.delegate_options"}
    named |= {"name": "service.name", "overlay": "service.overlay"}
    named |= {name: f"enhance.{name}" for name in _ENHANCE}
    return {
        path: context.params[name]
        for name, path in named.items()
        if (origin := context.get_parameter_source(name)) is not None and origin.name == "COMMANDLINE"
    }


def _addresses(
    source: str | None, source_file: str | None, sinks: list[str] | None, sink_files: list[str] | None
) -> tuple[str, list[str]]:
    """Collect source and sinks from the command line and from files; warn of passwords that the command line shows."""
    from edge_srcnn.service.secret_files import read_address, warn_of_words

    if source is not None and source_file is not None:
        raise UsageError("give --source or --source-file, not both")
    if (source is None and source_file is None) or not (sinks or sink_files):
        raise UsageError("give --source and --sink, or --config; such as --source test: --sink http://127.0.0.1:8080")
    for warning in warn_of_words([("--source", source or ""), *(("--sink", each) for each in sinks or ())]):
        log.warning("%s", warning)
    found = read_address(source_file) if source_file is not None else source or ""
    return found, [*(sinks or ()), *map(read_address, sink_files or ())]


def _from_flags(context: typer.Context) -> "Config":
    """Make a configuration of flags alone; whatever opens the parts checks them."""
    from edge_srcnn.service.settings import Config, Enhance, Service

    params = context.params
    enhance = {name: params[name] for name in _ENHANCE if params[name] is not None}
    delegate_options = tuple(params["delegate_option"] or ())
    return Config(
        params["source"],
        tuple(params["sink"]),
        Enhance(**enhance, delegate_options=delegate_options),
        Service(name=params["name"], overlay=params["overlay"]),
    )
