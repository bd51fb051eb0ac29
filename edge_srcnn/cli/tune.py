"""``edge-srcnn tune``: find the fastest setting of this machine, and remember it."""

from typing import TYPE_CHECKING, Annotated, Any

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
    from edge_srcnn.measure.tuning import Outcome, Trial

EXAMPLES = (
    "Examples: [bold]edge-srcnn tune --size 1280x720[/bold] · [bold]edge-srcnn tune --model fast-m-x2 --threads "
    "3[/bold] (leave one processor to other programs) · [bold]edge-srcnn tune --forget[/bold]"
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

    With auto, one after the other: the models that live video steps between, and the best one for pictures. What is
    given by an option is not tried in other ways. The bytes of an int8 network's results do not change.
    """
    from edge_srcnn.cli.console import print_json, progress_bar
    from edge_srcnn.engine.tuning_cache import TuningCache
    from edge_srcnn.measure.tuning import Tuning, models_to_tune, runs_of
    from edge_srcnn.models.bundled import is_auto

    cache = TuningCache()
    if forget:
        was_there = cache.clear()
        if json:
            print_json({"file": str(cache.path), "removed": was_there})
        else:
            typer.echo(f"{cache.path}: {'removed' if was_there else 'there is none'}")
        return
    frame = parse_frame_size(size)
    options = network_engine(engine_options(engine=engine, threads=threads, block=block, tile=tile), "tune")
    cache.prepare()
    backend = options.backend()
    backend.prepare()
    tunings = [Tuning(models, backend, frame, options) for models in models_to_tune(model, scale)]
    found = []
    with progress_bar() as bar:
        task = bar.add_task("tuning", total=sum(runs_of(len(each.trials)) for each in tunings))
        for number, each in enumerate(tunings, 1):
            which = f"{each.models[0].spec.name} ({number} of {len(tunings)})" if len(tunings) > 1 else "tuning"
            for best_ms in each.run():
                bar.update(task, advance=1, description=f"{which}, best so far {best_ms:.1f} ms")
            found.append(each.keep())
    if json:
        document = {"file": str(cache.path)}
        rows = [_document(each) for each in found]
        print_json({**document, "models": rows} if is_auto(model) else {**rows[0], **document})
        return
    if is_auto(model):
        _print_winners(found)
    else:
        _print_ranking(found[0])
    tried, kept = sum(len(each.ranking) for each in found), "the best is" if len(found) == 1 else "the best are"
    typer.echo(f"\ntile: height x width in pixels of {_plane(found[0])}")
    typer.echo(f"{tried} settings tried for frames of {size}; {kept} remembered in {cache.path}")


def _document(found: "Outcome") -> dict[str, Any]:
    from edge_srcnn.engine.plan import tile_text

    rows = [
        {
            "block": str(each.plan.blocks),
            "tile": tile_text(each.plan.tile),
            "threads": each.plan.threads,
            "milliseconds": each.milliseconds,
            "frames": len(each.seconds),
        }
        for each in found.ranking
    ]
    names = [model.spec.name for model in found.models]
    return {"name": names[0], "holds_for": names, **vars(found.key), "ranking": rows}


def _print_winners(found: "list[Outcome]") -> None:
    from edge_srcnn.cli.console import print_table

    rows = [[each.models[0].spec.name, *_cells(each.ranking[0])] for each in found]
    print_table(["model", "block", "tile", "threads", "ms"], rows, numbers_from=3)
    for each in found:
        first, *others = (model.spec.name for model in each.models)
        if others:
            typer.echo(f"{', '.join(others)}: as {first}, since only the weights differ")


def _print_ranking(found: "Outcome") -> None:
    from edge_srcnn.cli.console import print_table

    rows = [["" if place else "best", *_cells(each)] for place, each in enumerate(found.ranking[:SHOWN])]
    print_table(["", "block", "tile", "threads", "ms"], rows, numbers_from=3)


def _cells(trial: "Trial") -> list[str]:
    from edge_srcnn.engine.plan import tile_text

    plan = trial.plan
    return [str(plan.blocks), tile_text(plan.tile), str(plan.threads), f"{trial.milliseconds:.2f}"]


def _plane(found: "Outcome") -> str:
    """Say what tiles are cut from."""
    from edge_srcnn.models.spec import LUMA_PLANE

    spec = found.models[0].spec
    return "the camera's frame" if spec.plane == LUMA_PLANE else f"the result, which is {spec.scale} times as large"
