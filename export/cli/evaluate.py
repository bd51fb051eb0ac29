"""Evaluate models beside bicubic by the field's protocol: the command ``edge-srcnn evaluate``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_srcnn.cli import options
from edge_srcnn.cli.examples import command_examples
from edge_srcnn.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from edge_srcnn.imaging.luma import UInt8Array
    from export.evaluation.evaluate import Method, Score
    from export.evaluation.grid import Condition

PANEL = "Measure"
EXAMPLES = command_examples(
    "edge-srcnn evaluate --data set5/ --scale 2",
    "edge-srcnn evaluate --data set5/ --data set14/ --scale 3 --model mine.tflite --json",
    "edge-srcnn evaluate --data set5/ --scale 1 --degrade camera",
    "edge-srcnn evaluate --data set5/ --model fast-m-x2-camera --grid  # noise and codecs",
    "edge-srcnn evaluate --data archive/ --dask local:4  # four processes",
)


def evaluate(
    data: Annotated[list[Path], typer.Option("--data", "-d", help="Folder of sharp pictures; may be repeated.")],
    model: Annotated[
        list[str] | None, typer.Option("--model", "-m", help="May be repeated. (default: the bundled one)")
    ] = None,
    scale: Annotated[int, typer.Option("--scale", "-s", min=1, max=4, help="Factor; 1: cleaned at the same size.")] = 2,
    degrade: Annotated[
        str,
        typer.Option(
            "--degrade",
            help="How pictures are downscaled: matlab, cv2, camera (lens, noise, mosaic, JPEG), camera-video (more"
            " noise, H.264, the mean over time), or settled (that mean alone); --scale 1 needs one of the last three.",
        ),
    ] = "matlab",
    grid: Annotated[
        bool,
        typer.Option(
            "--grid",
            help="Degrade by noise of 0 to 15 grey levels and JPEG or H.264, single frames and means over time; exit"
            " status 1 where a model is below bicubic.",
        ),
    ] = False,
    strength: options.Strength = None,
    engine: Annotated[str, typer.Option("--engine", "-e", help="auto, litert, tflite or tensorflow.")] = "auto",
    dask: options.Dask = None,
    dask_wait: options.DaskWait = 60.0,
    json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Downscale pictures, upscale them, and compare with the ground truth: mean figures of luma.

    PSNR and SSIM: more is better. GMSD (damage to edges) and flat noise (grey levels in the flattest parts): less is.
    """
    from edge_srcnn.cli.console import print_table
    from edge_srcnn.system.packages import need_pyav
    from edge_srcnn.upscaler import load_model
    from export.data.degradation import check_degradation
    from export.evaluation.evaluate import DEGRADES, baselines, method_of, read_sets
    from export.evaluation.grid import grid as all_conditions

    if degrade not in DEGRADES:
        raise UsageError(f"--degrade {degrade!r}: use one of {', '.join(DEGRADES)}")
    if grid:
        need_pyav("--grid")
    else:
        check_degradation("--degrade", degrade, scale, DEGRADES[degrade])
    names: list[str | None] = [*model] if model else [None]
    if dask is not None:
        hows: list[str | Condition] = [*all_conditions()] if grid else [degrade]
        names_of_methods, found = _evaluate_on_cluster(dask, dask_wait, names, data, scale, hows, strength, engine)
        scores = [score for group in found for score in group]
    else:
        methods = baselines(scale)
        for name in names:
            upscaler = load_model(name, scale=scale, strength=strength, engine=engine)
            usual = upscaler.spec.name if upscaler.spec else upscaler.engine
            methods[_label(methods, name, upscaler.scale, scale, usual)] = method_of(upscaler)
        names_of_methods, sets = list(methods), read_sets(data, scale)
        if grid:
            found = _grid_here(sets, scale, methods)
        else:
            scores = _sets_here(sets, scale, methods, degrade)
    if grid:
        _print_grid(found, scale, names_of_methods, json=json)
        return
    if json:
        _print_scores(scores)
        return
    print_table(
        ["set", "scale", "degrade", "method", "PSNR dB", "SSIM", "GMSD", "flat noise"],
        [
            [
                *(s.set, f"x{s.scale}", s.degrade, s.method),
                *(f"{s.psnr:.2f}", f"{s.ssim:.4f}", f"{s.gmsd:.4f}", f"{s.flat_noise:.2f}"),
            ]
            for s in scores
        ],
        numbers_from=4,
    )


def _label(methods: "Collection[str]", name: str | None, own_scale: int, scale: int, usual: str) -> str:
    """Name a model's method apart from the others; ``UsageError`` where its scale is another one."""
    if own_scale != scale:
        raise UsageError(f"model {name} is for x{own_scale}, not --scale {scale}")
    label = Path(name).stem if name else usual
    return f"{label} ({len(methods)})" if label in methods else label


def _sets_here(
    sets: "dict[str, list[UInt8Array]]", scale: int, methods: "dict[str, Method]", degrade: str
) -> "list[Score]":
    from edge_srcnn.cli.console import progress_bar
    from export.evaluation.evaluate import evaluate as evaluate_set

    scores: list[Score] = []
    with progress_bar() as bar:
        task = bar.add_task("evaluating", total=len(methods) * sum(map(len, sets.values())))
        for name, hr_planes in sets.items():
            scores += evaluate_set(name, hr_planes, scale, methods, degrade=degrade, on_step=lambda: bar.advance(task))
    return scores


def _grid_here(sets: "dict[str, list[UInt8Array]]", scale: int, methods: "dict[str, Method]") -> "list[list[Score]]":
    from edge_srcnn.cli.console import progress_bar
    from export.evaluation.grid import evaluate_grid
    from export.evaluation.grid import grid as all_conditions

    found: list[list[Score]] = []
    with progress_bar() as bar:
        task = bar.add_task("evaluating", total=len(sets) * len(all_conditions()))
        for name, hr_planes in sets.items():
            found += evaluate_grid(name, hr_planes, scale, methods, on_step=lambda: bar.advance(task))
    return found


def _evaluate_on_cluster(
    dask: str,
    wait_s: float,
    names: "Sequence[str | None]",
    data: "Sequence[Path]",
    scale: int,
    hows: "Sequence[str | Condition]",
    strength: str | None,
    engine: str,
) -> "tuple[list[str], list[list[Score]]]":
    from edge_srcnn.batch.cluster.engines import Recipe, make_recipe
    from edge_srcnn.batch.cluster.start import open_cluster
    from edge_srcnn.cli.console import progress_bar
    from edge_srcnn.engine.options import EngineOptions
    from edge_srcnn.engine.strength import Strength
    from edge_srcnn.system.signals import ending_on_signals
    from export.evaluation.evaluate import baselines, read_sets
    from export.evaluation.on_cluster import evaluate_on

    methods, recipes = list(baselines(scale)), dict[str, Recipe]()
    for name in names:
        options_ = EngineOptions.parse(engine=engine)
        recipe = make_recipe(name, options_, scale=scale, strength=Strength(strength).asked)
        spec = recipe.spec
        label = _label(methods, name, recipe.scale, scale, spec.name if spec else engine)
        methods.append(label)
        recipes[label] = recipe
    sets = read_sets(data, scale)
    with ending_on_signals(), open_cluster(dask, wait_s=wait_s) as cluster, progress_bar() as bar:
        task = bar.add_task("evaluating", total=len(hows) * sum(map(len, sets.values())))
        return methods, evaluate_on(cluster, sets, scale, recipes, hows, on_step=lambda: bar.advance(task))


def _print_grid(found: "list[list[Score]]", scale: int, methods: "Sequence[str]", *, json: bool) -> None:
    from edge_srcnn.cli.console import print_table
    from edge_srcnn.imaging.bicubic import base_name
    from export.evaluation.evaluate import baselines
    from export.evaluation.grid import below_base
    from export.evaluation.grid import grid as all_conditions

    base, conditions = base_name(scale), all_conditions()
    if json:
        _print_scores([score for scores in found for score in scores])
    else:
        models = [method for method in methods if method not in baselines(scale)]
        cells = []
        for condition, scores in zip(conditions * (len(found) // len(conditions)), found, strict=True):
            psnr = {score.method: score.psnr for score in scores}
            gains = [f"{psnr[model] - psnr[base]:+.2f}" for model in models]
            cells.append([scores[0].set, *condition.cells(), f"{psnr[base]:.2f}", *gains])
        print_table(["set", "frames", "codec", "noise", f"{base} dB", *models], cells, numbers_from=4)
    below = [score for scores in found for score in below_base(scores)]
    for score in below:
        typer.echo(f"below {base}: {score.method}, {score.set}, {score.degrade}: {score.psnr:.2f} dB", err=True)
    if below:
        raise typer.Exit(1)


def _print_scores(scores: "list[Score]") -> None:
    from dataclasses import asdict
    from math import isfinite

    from edge_srcnn.cli.console import print_json

    # JSON knows no infinity: the PSNR of a perfect picture is null
    print_json([{**asdict(score), "psnr": score.psnr if isfinite(score.psnr) else None} for score in scores])
