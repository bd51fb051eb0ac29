"""``edge-srcnn tune``: find the fastest setting of this machine, and remember it."""

from typing import Annotated

import typer

from edge_srcnn.cli.options import Block, FrameSize, Json, Model, Scale, Threads, TileSize, parse_frame_size
from edge_srcnn.errors import UsageError

EXAMPLES = (
    "Examples: [bold]edge-srcnn tune --size 1280x720[/bold] · [bold]edge-srcnn tune --threads 3[/bold] (leave one "
    "processor to other programs) · [bold]edge-srcnn tune --forget[/bold]"
)

SHOWN = 8
"""How many of the fastest are listed."""


def tune(
    size: FrameSize = "640x480",
    scale: Scale = 2,
    model: Model = "auto",
    engine: Annotated[str, typer.Option("--engine", "-e", help="auto, litert, tflite or tensorflow.")] = "auto",
    threads: Threads = None,
    block: Block = "auto",
    tile: TileSize = "auto",
    forget: Annotated[bool, typer.Option("--forget", help="Remove what is remembered, and stop.")] = False,
    json: Json = False,
) -> None:
    """Measure packing, tile and threads on this machine; every command uses the winner from then on.

    What is given by an option is not tried in other ways. The bytes of an int8 network's results do not change.
    """
    from edge_srcnn.benchmark import picture_for
    from edge_srcnn.cli.console import print_json, print_table, progress_bar
    from edge_srcnn.engine import tuned
    from edge_srcnn.engine.interpreter import BICUBIC, choose_engine, load_interpreter
    from edge_srcnn.engine.setting import tile_text
    from edge_srcnn.engine.tuning import Contestant, candidates, contest, ranked, runs_of
    from edge_srcnn.imaging.bicubic import upscale_bicubic
    from edge_srcnn.loading import network_of, occasion_of, read_named, wish_for
    from edge_srcnn.processor import available_processors, this_processor

    if forget:
        was_there, path = tuned.forget(), tuned.cache_file()
        if json:
            print_json({"file": str(path), "removed": was_there})
        else:
            typer.echo(f"{path}: {'removed' if was_there else 'there is none'}")
        return
    width, height = parse_frame_size(size)
    wish = wish_for(threads=threads, block=block, tile=tile)
    chosen = choose_engine(engine)
    if chosen == BICUBIC:
        raise UsageError("--engine bicubic: there is no network to tune")
    tuned.prepare()
    load_interpreter(chosen)
    found = read_named(model, scale)
    network, factor = network_of(found), found.spec.scale
    plane = upscale_bicubic(picture_for(width, height), factor // network.upsampling)
    settings = candidates(network, plane.shape, this_processor(), available_processors(), wish)
    contestants = [Contestant(setting) for setting in settings]
    with progress_bar() as bar:
        task = bar.add_task("tuning", total=runs_of(len(contestants)))
        for _ in contest(network, chosen, contestants, plane):
            best = ranked(contestants)[0]
            bar.update(task, advance=1, description=f"tuning, best so far {best.milliseconds:.1f} ms")
    order = ranked(contestants)
    winner = tuned.Tuned(
        occasion_of(found, chosen, height * factor, width * factor), order[0].setting, order[0].milliseconds
    )
    path = tuned.remember(winner)
    if json:
        rows = [
            {
                "block": str(c.setting.blocks),
                "tile": tile_text(c.setting.tile),
                "threads": c.setting.threads,
                "milliseconds": c.milliseconds,
                "frames": len(c.seconds),
            }
            for c in order
        ]
        print_json({**vars(winner.occasion), "file": str(path), "ranking": rows})
        return
    print_table(
        ["", "block", "tile", "threads", "ms"],
        [
            [
                "best" if place == 0 else "",
                str(c.setting.blocks),
                tile_text(c.setting.tile),
                str(c.setting.threads),
                f"{c.milliseconds:.2f}",
            ]
            for place, c in enumerate(order[:SHOWN])
        ],
        numbers_from=3,
    )
    typer.echo(f"\n{len(order)} settings tried; the best is remembered in {path}")
