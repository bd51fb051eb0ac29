"""``edge-srcnn run``: a camera or file in, sharper video out, live."""

import signal
from collections.abc import Iterator
from contextlib import closing
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
    Threads,
    TileSize,
    delegate_of,
)
from edge_srcnn.cli.supervised import run_supervised
from edge_srcnn.errors import EdgeSrcnnError, UsageError
from edge_srcnn.kinds import examples

if TYPE_CHECKING:
    from fractions import Fraction

    from edge_srcnn.live.governor import LadderState
    from edge_srcnn.live.pipeline import FrameUpscaler, Pipeline, State
    from edge_srcnn.sources import Source

EXAMPLES = (
    "Examples: [bold]edge-srcnn run --source 'picamera2:0?size=640x480&fps=15' --sink http://127.0.0.1:8080[/bold] · "
    "[bold]edge-srcnn run --source /dev/video0 --sink 'out.mp4?segment=60&keep=30'[/bold] · "
    "[bold]edge-srcnn run --source clip.mp4 --sink y4m:- | ffplay -[/bold] · "
    "[bold]edge-srcnn run --source test: --sink http://:8080[/bold] · "
    "[bold]edge-srcnn run --config /etc/edge-srcnn/edge-srcnn.toml[/bold]"
)
_LINE_EVERY_S = 0.5
_ENHANCE = ("model", "scale", "engine", "threads", "block", "tile", "reuse", "roi", "keep_fps", "isolate", "delegate")


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
    scale: Annotated[int, typer.Option("--scale", "-s", metavar="2|3|4", help="Factor, where no model is named.")] = 2,
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
    if config is not None or steady:
        if json:
            raise UsageError("--json: a service tells its state at /state and, on SIGUSR1, in its log")
        run_supervised(config, _given(context), seconds)
        return
    if source is None or not sink:
        raise UsageError("give --source and --sink, or --config; such as --source test: --sink http://127.0.0.1:8080")
    from edge_srcnn.live.pipeline import Pipeline
    from edge_srcnn.sinks import open_sink
    from edge_srcnn.sources import is_camera, open_source
    from edge_srcnn.system.signals import acting_on

    if json and any(each.partition("?")[0] in ("y4m:", "y4m:-") for each in sink):
        raise UsageError("--json and --sink y4m:- both want standard output")
    region, rate = _region(roi), _rate(keep_fps)
    with closing(open_source(source)) as opened:
        options = {
            "scale": scale,
            "camera": is_camera(source),
            "engine": engine,
            "threads": threads,
            "block": block,
            "tile": tile,
            "reuse": reuse,
            "isolate": isolate,
            "delegate": delegate_of(delegate, delegate_option),
        }
        with closing(_upscaler(opened, model, region, rate, options)) as upscaler:
            opened_sinks: list[Any] = []
            try:
                opened_sinks.extend(map(open_sink, sink))
                pipeline = Pipeline(opened, upscaler, opened_sinks)
            except BaseException:
                for each in opened_sinks:
                    each.close()
                raise
            with acting_on(dict.fromkeys((signal.SIGINT, signal.SIGTERM), pipeline.stop)):
                try:
                    _run(pipeline, opened_sinks, seconds, quiet=json)
                except EdgeSrcnnError:
                    if json:  # a program that asked wants to know, above all then
                        _report(pipeline.state(), json=True)
                    raise
                _report(pipeline.state(), json=json)


def _given(context: typer.Context) -> dict[str, Any]:
    """What was given on the command line, by the configuration's names."""
    given = {
        name: value
        for name, value in context.params.items()
        if (origin := context.get_parameter_source(name)) is not None and origin.name == "COMMANDLINE"
    }
    settings = {"source": given.pop("source", None), "sinks": given.pop("sink", None)}
    settings["enhance.delegate_options"] = given.pop("delegate_option", None)
    return settings | {f"enhance.{name}": given[name] for name in _ENHANCE if name in given}


def _upscaler(
    source: "Source",
    model: str,
    region: tuple[int, int, int, int] | None,
    keep_fps: "Fraction | None",
    options: dict[str, Any],
) -> "FrameUpscaler":
    """Make what enhances: for a live source by the models that keep up, for a file by the best one."""
    from edge_srcnn.live.region import RegionUpscaler
    from edge_srcnn.live.upscaler import LiveUpscalers
    from edge_srcnn.loading import load_model

    if source.live:
        return LiveUpscalers(model, roi=region, keep_fps=keep_fps, rate=lambda: source.rate, **options).make()
    upscaler = load_model(model, **options)
    return upscaler if region is None else RegionUpscaler(upscaler, region)


def _region(roi: str | None) -> tuple[int, int, int, int] | None:
    from edge_srcnn.uri import region

    try:
        return None if roi is None else region(roi)
    except ValueError as error:
        raise UsageError(f"--roi {roi}: {error}") from error


def _rate(keep_fps: str | None) -> "Fraction | None":
    from edge_srcnn.uri import frame_rate

    try:
        return None if keep_fps is None else frame_rate(keep_fps)
    except ValueError as error:
        raise UsageError(f"--keep-fps {keep_fps}: {error}") from error


def _run(pipeline: "Pipeline", sinks: list[Any], seconds: float | None, *, quiet: bool) -> None:
    """Run until the end, with a line of statistics on a terminal; ``seconds`` may end it."""
    import threading

    from rich.console import Console

    timer = None if seconds is None else threading.Timer(seconds, pipeline.stop)
    console = Console(stderr=True)
    ended = threading.Event()
    shown = threading.Thread(target=_show, args=(console, pipeline, ended), daemon=True)
    try:
        if timer is not None:
            timer.daemon = True
            timer.start()
        if console.is_terminal and not quiet:
            shown.start()
        pipeline.run(begun=lambda: _tell_addresses(sinks))
    finally:
        ended.set()
        if timer is not None:
            timer.cancel()
        if shown.ident is not None:
            shown.join()


def _show(console: Any, pipeline: "Pipeline", ended: Any) -> None:
    with console.status("waiting for the first frame") as status:
        while not ended.wait(_LINE_EVERY_S):
            state = pipeline.state()
            if state.frames_out or state.idle:
                status.update(_line(state))


def _tell_addresses(sinks: list[Any]) -> None:
    for each in sinks:
        address = getattr(each, "address", None)
        if address:
            typer.echo(f"look at {address}", err=True)


def _line(state: "State") -> str:
    from edge_srcnn.live.statistics import rate_text

    if state.idle:
        return f"idle: nobody takes pictures; {state.frames_in} came, {state.frames_out} were enhanced"
    (width, height), (new_width, new_height) = state.size_in or (0, 0), state.size_out or (0, 0)
    share = "" if state.enhanced_share > 0.995 else f", {state.enhanced_share:.0%} enhanced"
    unwanted = f", {state.idle_frames} not wanted" if state.idle_frames else ""
    return (
        f"{width}x{height} -> {new_width}x{new_height}  {state.frames_out} frames, {rate_text(state.fps_out)}, "
        f"{state.dropped} dropped{unwanted}, latency {state.latency.median_ms:.0f} ms{share}, "
        f"{state.model or state.engine}{_reason(state)}"
    )


def _reason(state: "State") -> str:
    return f" ({state.ladder.last_step})" if state.ladder is not None and state.ladder.last_step else ""


def _report(state: "State", *, json: bool) -> None:
    from dataclasses import asdict

    from edge_srcnn.cli.console import print_json

    if json:
        print_json(asdict(state))
        return
    typer.echo(_line(state) if state.frames_out or state.idle else "no frame came", err=True)
    if state.ladder is not None and len(state.ladder.rungs) > 1 and any(state.ladder.frame_ms):
        for line in _of_ladder(state.ladder):
            typer.echo(line, err=True)
    for each in state.sinks:
        typer.echo(f"{each.name.rstrip(':')}: {each.written} frames, {each.dropped} missed", err=True)


def _of_ladder(ladder: "LadderState") -> Iterator[str]:
    """Say which models there were to choose from, which one it came to, and why."""
    times = [f"{ms:.3g} ms" if ms else "not tried" for ms in ladder.frame_ms]
    tried = ", ".join(f"{name} {time}" for name, time in zip(ladder.rungs, times, strict=True))
    yield f"a frame takes: {tried}"
    present, fps = ladder.rungs[ladder.rung], ladder.target_fps
    why = (
        ", which keeps up"
        if fps is None
        else f", the best with time to spare at {fps:.3g} frames a second, {1000 / fps:.0f} ms apart"
    )
    if ladder.too_slow:
        why = ", the fastest there is"
    elif ladder.hot:
        why = f", since the processor is in trouble: {ladder.hot}"
    steps = sum(each.count for each in ladder.steps)
    if ladder.last_step:
        why = f" after {steps} step{'s'[: steps - 1]}; the last time it {ladder.last_step}"
    yield f"--model auto came to {present}{why}"
