"""``edge-srcnn bench`` and ``edge-srcnn tune``: how fast it is here, and the fastest setting of this machine."""

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_srcnn.cli import options
from edge_srcnn.cli.console import print_json, print_table, progress_bar
from edge_srcnn.cli.examples import command_examples
from edge_srcnn.cli.options import network_engine, read_option
from edge_srcnn.uri import frame_size

if TYPE_CHECKING:
    from edge_srcnn.measure.benchmark import Benchmark
    from edge_srcnn.measure.throughput import Throughput
    from edge_srcnn.measure.tuning import Trial, Tuning

BENCH_EXAMPLES = command_examples(
    "edge-srcnn bench",
    "edge-srcnn bench --size 1280x720 --threads 1 --compare",
    "edge-srcnn bench --source test:fps=max,frames=200",
    "edge-srcnn bench --reuse --source 'night.mp4?temporal=auto'",
)
TUNE_EXAMPLES = command_examples(
    "edge-srcnn tune --size 1280x720",
    "edge-srcnn tune --model fast-m-x2 --threads 3  # leave one processor to other programs",
    "edge-srcnn tune --forget",
)

SHOWN = 8
"""How many of the fastest settings are listed."""


def bench(
    context: typer.Context,
    size: options.FrameSize = "640x480",
    scale: options.Scale = 2,
    model: options.Model = "auto",
    engine: options.Interpreter = "auto",
    threads: options.Threads = None,
    block: options.Block = "auto",
    tile: options.TileSize = "auto",
    compare: Annotated[
        bool, typer.Option("--compare", help="Also float32, and filters of cv2: bicubic, Lanczos; x1: denoising.")
    ] = False,
    reuse: Annotated[bool, typer.Option("--reuse", help="Also still pictures, whose tiles are used again.")] = False,
    source: Annotated[
        str | None,
        typer.Option("--source", "-i", metavar="URI", help="Also the whole way from this video to null: and a viewer."),
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", min=0.1, help="How long to measure, about.")] = 5,
    json: options.Json = False,
) -> None:
    """Time the network plain and packed, each stage of a frame, and the share of the processor's int8 ceiling."""
    from edge_srcnn.engine.processor import this_processor
    from edge_srcnn.measure.benchmark import measure
    from edge_srcnn.sources import is_camera
    from edge_srcnn.upscaler import open_model, read_named

    frame = read_option("--size", size, frame_size)
    asked = network_engine(context.params, "measure")
    found = read_named(model, scale, camera=source is not None and is_camera(source))
    with progress_bar() as bar:
        task = bar.add_task("measuring", total=100)

        def show(share: float) -> None:
            bar.update(task, completed=round(share * 100))

        result = measure(found, asked, frame, seconds=seconds, compare=compare, reuse=reuse, progress=show)
    throughput = None
    if source is not None:
        from edge_srcnn.measure.throughput import measure_throughput

        with open_model(found, replace(asked, reuse=reuse)) as upscaler:
            throughput = measure_throughput(upscaler, source)
    backend, plan = asked.backend(), result.plan
    about = {
        "model": f"{found.spec.name} {found.spec.quantization}",
        "engine": f"{backend.name} {backend.version()}",
        "processor": this_processor().name,
    }
    if json:
        document = {**about, **asdict(result), "throughput": throughput and asdict(throughput)}
        del document["plan"]
        print_json({**document, "setting": {"block": str(plan.blocks), "tile": plan.tile, "threads": plan.threads}})
        return
    (width, height), (new_width, new_height) = result.size, result.output
    typer.echo(", ".join(about.values()))
    typer.echo(f"{width}x{height} -> {new_width}x{new_height}, {plan}\n")
    _print_benchmark(result)
    if throughput is not None:
        _print_throughput(throughput)


def _print_benchmark(found: "Benchmark") -> None:
    plain_gmacs = found.gmacs / found.ratio
    network = [
        ["plain", f"{found.plain_ms:.2f}", f"{plain_gmacs:.0f}", f"{plain_gmacs / found.ceiling_gmacs:.0%}"],
        ["packed", f"{found.packed_ms:.2f}", f"{found.gmacs:.0f}", f"{found.ceiling_fraction:.0%}"],
        ["ceiling", "", f"{found.ceiling_gmacs:.0f}", "100%"],
    ]
    print_table(["network alone", "ms", "GMAC/s", "of the ceiling"], network, numbers_from=1)
    same = "the same bytes" if found.identical else "OTHER BYTES: please report this"
    typer.echo(f"\npacked is {found.ratio:.2f} times as fast as plain, and puts out {same}\n")
    stages = [[stage, f"{ms:.2f}", f"{ms / found.frame_ms:.1%}"] for stage, ms in found.stages.items()]
    print_table(["frame", "ms", "share"], [*stages, ["whole frame", f"{found.frame_ms:.2f}", "100%"]], numbers_from=1)
    first = f"{found.first_frame_cpu_ms:.0f} ms of CPU time from a model in memory to the first frame"
    typer.echo(f"\n{found.frames_per_second:.1f} frames/s; {first}")
    ratio = f"{found.temporal_ratio:.1f} times what the bicubic step takes"
    typer.echo(f"the mean over time before it: {found.temporal_ms:.2f} ms, {ratio}")
    if found.others:
        typer.echo("")
        ways = {"int8 TFLite, plain": found.plain_ms, **found.others}
        others = [[name, f"{ms:.2f}", f"{ms / found.frame_ms:.2f}"] for name, ms in ways.items()]
        print_table(["other ways", "ms", "of a frame of ours"], others, numbers_from=1)
    if found.reuse is not None:
        typer.echo("")
        reuse = [
            ["still picture", f"{found.reuse.still:.1%}", f"{found.reuse.still_tiles_reused:.0%}"],
            ["a tenth changed", f"{found.reuse.tenth_changed:.1%}", f"{found.reuse.tenth_changed_tiles_reused:.0%}"],
        ]
        print_table(["with reuse", "of a fresh frame", "tiles used again"], reuse, numbers_from=1)


def _print_throughput(found: "Throughput") -> None:
    from edge_srcnn.live.statistics import still_text

    typer.echo("")
    ways = [
        ["engine alone", f"{found.engine:.1f}", "100%"],
        ["source to null:", f"{found.null:.1f}", f"{found.null_share:.0%}"],
        ["source to one viewer", f"{found.http:.1f}", f"{found.http_share:.0%}"],
    ]
    print_table(["the whole way", "frames/s", "of the engine"], ways, numbers_from=1)
    if seen := still_text(found.noise, found.still_share):
        typer.echo(f"\n{seen}")


def tune(
    context: typer.Context,
    size: options.FrameSize = "640x480",
    scale: options.Scale = 2,
    model: options.Model = "auto",
    engine: options.Interpreter = "auto",
    threads: options.Threads = None,
    block: options.Block = "auto",
    tile: options.TileSize = "auto",
    forget: Annotated[bool, typer.Option("--forget", help="Remove what is remembered, and stop.")] = False,
    json: options.Json = False,
) -> None:
    """Measure packing, tile and threads on this machine; every command uses the winner from then on.

    With auto, one after the other: the models that live video steps between, and the best one for pictures. What is
    given by an option is not tried in other ways. The bytes of an int8 network's results do not change.
    """
    from edge_srcnn.engine.tuning_cache import TuningCache
    from edge_srcnn.measure.tuning import Tuning, models_to_tune, runs_of
    from edge_srcnn.models.bundled import is_auto

    cache = TuningCache()
    file = str(cache.path)
    if forget:
        removed = cache.clear()
        if json:
            print_json({"file": file, "removed": removed})
        else:
            typer.echo(f"{file}: {'removed' if removed else 'there is none'}")
        return
    frame = read_option("--size", size, frame_size)
    asked = network_engine(context.params, "tune")
    cache.prepare()
    asked.backend().prepare()
    tunings = [Tuning(models, asked, frame) for models in models_to_tune(model, scale)]
    with progress_bar() as bar:
        task = bar.add_task("tuning", total=sum(runs_of(len(each.trials)) for each in tunings))
        for number, each in enumerate(tunings, 1):
            which = f"{each.models[0].spec.name} ({number} of {len(tunings)})" if len(tunings) > 1 else "tuning"
            for best_ms in each.run():
                bar.update(task, advance=1, description=f"{which}, best so far {best_ms:.1f} ms")
            each.keep()
    if json:
        documents = [_document(each) for each in tunings]
        print_json({"file": file, "models": documents} if is_auto(model) else {**documents[0], "file": file})
        return
    columns = ["block", "tile", "threads", "ms"]
    if is_auto(model):
        winners = [[each.models[0].spec.name, *_cells(each.ranking[0])] for each in tunings]
        print_table(["model", *columns], winners, numbers_from=3)
    else:
        best = [["" if place else "best", *_cells(each)] for place, each in enumerate(tunings[0].ranking[:SHOWN])]
        print_table(["", *columns], best, numbers_from=3)
    for each in tunings:
        first, *others = (own.spec.name for own in each.models)
        if others:
            typer.echo(f"{', '.join(others)}: as {first}, since only the weights differ")
    tried, kept = sum(len(each.ranking) for each in tunings), "the best is" if len(tunings) == 1 else "the best are"
    typer.echo(f"\ntile: height x width in pixels of {_plane(tunings[0])}")
    typer.echo(f"{tried} settings tried for frames of {size}; {kept} remembered in {file}")


def _cells(trial: "Trial") -> list[str]:
    return [*map(str, _setting(trial).values()), f"{trial.milliseconds:.2f}"]


def _setting(trial: "Trial") -> dict[str, Any]:
    from edge_srcnn.engine.plan import tile_text

    plan = trial.plan
    return {"block": str(plan.blocks), "tile": tile_text(plan.tile), "threads": plan.threads}


def _document(found: "Tuning") -> dict[str, Any]:
    names = [model.spec.name for model in found.models]
    ranking = [
        {**_setting(trial), "milliseconds": trial.milliseconds, "frames": len(trial.seconds)} for trial in found.ranking
    ]
    return {"name": names[0], "holds_for": names, **vars(found.keys[0]), "ranking": ranking}


def _plane(found: "Tuning") -> str:
    """Say what tiles are cut from."""
    from edge_srcnn.models.spec import LUMA_PLANE

    spec = found.models[0].spec
    if spec.plane == LUMA_PLANE or spec.scale == 1:
        return "the camera's frame"
    return f"the result, which is {spec.scale} times as large"
