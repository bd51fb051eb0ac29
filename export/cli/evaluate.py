"""Evaluate models beside bicubic by the field's protocol: the command ``edge-srcnn evaluate``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_srcnn.cli import options
from edge_srcnn.cli.examples import command_examples
from edge_srcnn.errors import UsageError

if TYPE_CHECKING:
    from edge_srcnn.imaging.luma import UInt8Array
    from export.evaluation.evaluate import Method, Score

PANEL = "Measure"
EXAMPLES = command_examples(
    "edge-srcnn evaluate --data set5/ --scale 2",
    "edge-srcnn evaluate --data set5/ --data set14/ --scale 3 --model mine.tflite --json",
    "edge-srcnn evaluate --data set5/ --scale 1 --degrade camera",
    "edge-srcnn evaluate --data set5/ --model fast-m-x2-camera --grid  # noise and codecs",
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
            help="How pictures are downscaled: matlab, cv2, camera (lens, noise, mosaic, JPEG), or camera-video (more"
            " noise, H.264, the mean over time); --scale 1 needs one of the latter two.",
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
    json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Downscale pictures, upscale them, and compare with the ground truth: mean figures of luma.

    PSNR and SSIM: more is better. GMSD (damage to edges) and flat noise (grey levels in the flattest parts): less is.
    """
    from edge_srcnn.cli.console import print_table, progress_bar
    from edge_srcnn.packages import need_pyav
    from edge_srcnn.upscaler import load_model
    from export.data.degradation import check_degradation
    from export.evaluation.evaluate import DEGRADES, baselines, method_of, read_sets
    from export.evaluation.evaluate import evaluate as evaluate_set

    if degrade not in DEGRADES:
        raise UsageError(f"--degrade {degrade!r}: use one of {', '.join(DEGRADES)}")
    if grid:
        need_pyav("--grid")
    else:
        check_degradation("--degrade", degrade, scale, DEGRADES[degrade])
    methods = baselines(scale)
    names: list[str | None] = [*model] if model else [None]
    for name in names:
        upscaler = load_model(name, scale=scale, strength=strength, engine=engine)
        if upscaler.scale != scale:
            raise UsageError(f"model {name} is for x{upscaler.scale}, not --scale {scale}")
        label = Path(name).stem if name else (upscaler.spec.name if upscaler.spec else upscaler.engine)
        if label in methods:
            label = f"{label} ({len(methods)})"
        methods[label] = method_of(upscaler)
    sets = read_sets(data, scale)
    if grid:
        _evaluate_grid(sets, scale, methods, json=json)
        return
    scores = []
    with progress_bar() as bar:
        task = bar.add_task("evaluating", total=len(methods) * sum(map(len, sets.values())))
        for set_name, hr_planes in sets.items():
            scores += evaluate_set(
                set_name, hr_planes, scale, methods, degrade=degrade, on_step=lambda: bar.advance(task)
            )
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


def _evaluate_grid(
    sets: "dict[str, list[UInt8Array]]", scale: int, methods: "dict[str, Method]", *, json: bool
) -> None:
    from edge_srcnn.cli.console import print_table, progress_bar
    from edge_srcnn.imaging.bicubic import base_name
    from export.evaluation.evaluate import baselines
    from export.evaluation.grid import below_base, evaluate_grid
    from export.evaluation.grid import grid as all_conditions

    conditions, base = all_conditions(), base_name(scale)
    found: list[list[Score]] = []
    with progress_bar() as bar:
        task = bar.add_task("evaluating", total=len(sets) * len(conditions))
        for name, hr_planes in sets.items():
            found += evaluate_grid(name, hr_planes, scale, methods, on_step=lambda: bar.advance(task))
    if json:
        _print_scores([score for scores in found for score in scores])
    else:
        models = [method for method in methods if method not in baselines(scale)]
        cells = []
        for condition, scores in zip(conditions * len(sets), found, strict=True):
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
