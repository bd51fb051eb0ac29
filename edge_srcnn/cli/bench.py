"""``edge-srcnn bench``: how fast it is here, and how near to what the processor can do."""

from typing import TYPE_CHECKING, Annotated

import typer

from edge_srcnn.cli.options import (
    Block,
    FrameSize,
    Json,
    Model,
    Scale,
    Threads,
    TileSize,
    engine_options,
    network_engine,
    parse_frame_size,
)

if TYPE_CHECKING:
    from edge_srcnn.measure.benchmark import Benchmark
    from edge_srcnn.measure.throughput import Throughput

EXAMPLES = (
    "Examples: [bold]edge-srcnn bench[/bold] · [bold]edge-srcnn bench --size 1280x720 --threads 1 --compare[/bold] · "
    "[bold]edge-srcnn bench --source test:fps=max,frames=200[/bold]"
)


def bench(
    size: FrameSize = "640x480",
    scale: Scale = 2,
    model: Model = "auto",
    engine: Annotated[str, typer.Option("--engine", "-e", help="auto, litert, tflite or tensorflow.")] = "auto",
    threads: Threads = None,
    block: Block = "auto",
    tile: TileSize = "auto",
    compare: Annotated[bool, typer.Option("--compare", help="Also float32, cv2's bicubic and Lanczos.")] = False,
    reuse: Annotated[bool, typer.Option("--reuse", help="Also still pictures, whose tiles are used again.")] = False,
    source: Annotated[
        str | None,
        typer.Option("--source", "-i", metavar="URI", help="Also the whole way from this video to null: and a viewer."),
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", min=0.1, help="How long to measure, about.")] = 5,
    json: Json = False,
) -> None:
    """Time the network plain and packed, each stage of a frame, and the share of the processor's int8 ceiling."""
    from dataclasses import asdict, replace

    from edge_srcnn.cli.console import print_json, share_bar
    from edge_srcnn.engine.build import plan_for
    from edge_srcnn.engine.processor import this_processor
    from edge_srcnn.measure.benchmark import measure
    from edge_srcnn.sources import is_camera
    from edge_srcnn.upscaler import open_model, read_named

    width, height = parse_frame_size(size)
    asked = engine_options(engine=engine, threads=threads, block=block, tile=tile)
    options = network_engine(asked, "measure")
    backend = options.backend()
    found = read_named(model, scale, camera=source is not None and is_camera(source))
    factor = found.spec.scale
    plan = plan_for(found, options, height * factor, width * factor)
    with share_bar("measuring") as progress:
        result = measure(
            found,
            backend,
            plan,
            (width, height),
            seconds=seconds,
            compare=compare,
            reuse=replace(options, reuse=True).applied_to(plan) if reuse else None,
            progress=progress,
        )
    throughput = None
    if source is not None:
        from edge_srcnn.measure.throughput import measure_throughput

        with open_model(found, options) as upscaler:
            throughput = measure_throughput(upscaler, source)
    name = f"{found.spec.name} {found.spec.quantization}"
    interpreter = f"{backend.name} {backend.version()}"
    if json:
        about = {"model": name, "engine": interpreter, "processor": this_processor().name}
        document = {**about, **asdict(result), "throughput": throughput and asdict(throughput)}
        del document["plan"]
        print_json({**document, "setting": {"block": str(plan.blocks), "tile": plan.tile, "threads": plan.threads}})
        return
    typer.echo(f"{name}, {interpreter}, {this_processor().name}")
    typer.echo(f"{width}x{height} -> {width * factor}x{height * factor}, {plan}\n")
    _print_result(result)
    if throughput is not None:
        _print_throughput(throughput)


def _print_result(result: "Benchmark") -> None:
    from edge_srcnn.cli.console import print_table

    plain_gmacs = result.gmacs / result.ratio
    print_table(
        ["network alone", "ms", "GMAC/s", "of the ceiling"],
        [
            ["plain", f"{result.plain_ms:.2f}", f"{plain_gmacs:.0f}", f"{plain_gmacs / result.ceiling_gmacs:.0%}"],
            [
                "packed",
                f"{result.packed_ms:.2f}",
                f"{result.gmacs:.0f}",
                f"{result.ceiling_fraction:.0%}",
            ],
            ["ceiling", "", f"{result.ceiling_gmacs:.0f}", "100%"],
        ],
        numbers_from=1,
    )
    same = "the same bytes" if result.identical else "OTHER BYTES: please report this"
    typer.echo(f"\npacked is {result.ratio:.2f} times as fast as plain, and puts out {same}\n")
    rows = [[stage, f"{ms:.2f}", f"{ms / result.frame_ms:.1%}"] for stage, ms in result.stages.items()]
    print_table(["frame", "ms", "share"], [*rows, ["whole frame", f"{result.frame_ms:.2f}", "100%"]], numbers_from=1)
    first = f"{result.first_frame_cpu_ms:.0f} ms of CPU time from a model in memory to the first frame"
    typer.echo(f"\n{result.frames_per_second:.1f} frames/s; {first}")
    if result.others:
        typer.echo("")
        print_table(
            ["other ways", "ms", "of a frame of ours"],
            [
                ["int8 TFLite, plain", f"{result.plain_ms:.2f}", f"{result.plain_ms / result.frame_ms:.2f}"],
                *([name, f"{ms:.2f}", f"{ms / result.frame_ms:.2f}"] for name, ms in result.others.items()),
            ],
            numbers_from=1,
        )
    if result.reuse is not None:
        again = result.reuse
        typer.echo("")
        print_table(
            ["with reuse", "of a fresh frame", "tiles used again"],
            [
                ["still picture", f"{again.still:.1%}", f"{again.still_tiles_reused:.0%}"],
                ["a tenth changed", f"{again.tenth_changed:.1%}", f"{again.tenth_changed_tiles_reused:.0%}"],
            ],
            numbers_from=1,
        )


def _print_throughput(found: "Throughput") -> None:
    from edge_srcnn.cli.console import print_table

    typer.echo("")
    print_table(
        ["the whole way", "frames/s", "of the engine"],
        [
            ["engine alone", f"{found.engine:.1f}", "100%"],
            ["source to null:", f"{found.null:.1f}", f"{found.null_share:.0%}"],
            ["source to one viewer", f"{found.http:.1f}", f"{found.http_share:.0%}"],
        ],
        numbers_from=1,
    )
