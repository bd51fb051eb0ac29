"""``edge-srcnn tune``: find the fastest setting of this machine, and remember it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_srcnn.cli.options import Block, FrameSize, Json, Model, Scale, Threads, TileSize, parse_frame_size
from edge_srcnn.errors import UsageError

if TYPE_CHECKING:
    from edge_srcnn.engine.tuning import Contestant
    from edge_srcnn.measure.tuning import Outcome

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
    from edge_srcnn.engine import tuning_cache
    from edge_srcnn.engine.build import wish_for
    from edge_srcnn.engine.interpreter import BICUBIC, choose_engine, load_interpreter
    from edge_srcnn.engine.tuning import runs_of
    from edge_srcnn.measure.tuning import Tuning, models_to_tune
    from edge_srcnn.models.bundled import is_auto

    if forget:
        was_there, path = tuning_cache.forget(), tuning_cache.cache_file()
        if json:
            print_json({"file": str(path), "removed": was_there})
        else:
            typer.echo(f"{path}: {'removed' if was_there else 'there is none'}")
        return
    frame = parse_frame_size(size)
    wish = wish_for(threads=threads, block=block, tile=tile)
    chosen = choose_engine(engine)
    if chosen == BICUBIC:
        raise UsageError("--engine bicubic: there is no network to tune")
    tuning_cache.prepare()
    load_interpreter(chosen)
    tunings = [Tuning(models, chosen, frame, wish) for models in models_to_tune(model, scale)]
    found = []
    with progress_bar() as bar:
        task = bar.add_task("tuning", total=sum(runs_of(len(each.contestants)) for each in tunings))
        for number, each in enumerate(tunings, 1):
            which = f"{each.models[0].spec.name} ({number} of {len(tunings)})" if len(tunings) > 1 else "tuning"
            for best_ms in each.run():
                bar.update(task, advance=1, description=f"{which}, best so far {best_ms:.1f} ms")
            found.append(each.keep())
    if json:
        document = {"file": str(tuning_cache.cache_file())}
        rows = [_document(each) for each in found]
        print_json({**document, "models": rows} if is_auto(model) else {**rows[0], **document})
        return
    if is_auto(model):
        _print_winners(found)
    else:
        _print_ranking(found[0])
    tried, kept = sum(len(each.ranking) for each in found), "the best is" if len(found) == 1 else "the best are"
    typer.echo(f"\ntile: height x width in pixels of {_plane(found[0])}")
    typer.echo(f"{tried} settings tried for frames of {size}; {kept} remembered in {tuning_cache.cache_file()}")


def _document(found: "Outcome") -> dict[str, Any]:
    from edge_srcnn.engine.plan import tile_text

    rows = [
        {
            "block": str(each.setting.blocks),
            "tile": tile_text(each.setting.tile),
            "threads": each.setting.threads,
            "milliseconds": each.milliseconds,
            "frames": len(each.seconds),
        }
        for each in found.ranking
    ]
    names = [model.spec.name for model in found.models]
    return {"name": names[0], "holds_for": names, **vars(found.occasion), "ranking": rows}


def _print_winners(found: "list[Outcome]") -> None:
    from edge_srcnn.cli.console import print_table

    rows = [[each.models[0].spec.name, *_cells(each.best)] for each in found]
    print_table(["model", "block", "tile", "threads", "ms"], rows, numbers_from=3)
    for each in found:
        first, *others = (model.spec.name for model in each.models)
        if others:
            typer.echo(f"{', '.join(others)}: as {first}, since only the weights differ")


def _print_ranking(found: "Outcome") -> None:
    from edge_srcnn.cli.console import print_table

    rows = [["" if place else "best", *_cells(each)] for place, each in enumerate(found.ranking[:SHOWN])]
    print_table(["", "block", "tile", "threads", "ms"], rows, numbers_from=3)


def _cells(contestant: "Contestant") -> list[str]:
    from edge_srcnn.engine.plan import tile_text

    setting = contestant.setting
    return [str(setting.blocks), tile_text(setting.tile), str(setting.threads), f"{contestant.milliseconds:.2f}"]


def _plane(found: "Outcome") -> str:
    """Say what tiles are cut from."""
    from edge_srcnn.models.file import LUMA_PLANE

    spec = found.models[0].spec
    return "the camera's frame" if spec.plane == LUMA_PLANE else f"the result, which is {spec.scale} times as large"
