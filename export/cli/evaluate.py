"""Evaluate models beside bicubic by the field's protocol: the command ``edge-srcnn evaluate``."""

from pathlib import Path
from typing import Annotated

import typer

from edge_srcnn.errors import UsageError

EXAMPLES = (
    "Examples: [bold]edge-srcnn evaluate --data set5/ --scale 2[/bold] · "
    "[bold]edge-srcnn evaluate --data set5/ --data set14/ --scale 3 --model mine.tflite --json[/bold] · "
    "[bold]edge-srcnn evaluate --data set5/ --scale 1 --degrade camera[/bold]"
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
            help="How pictures are downscaled: matlab, cv2, or camera (lens, noise, mosaic, JPEG);"
            " --scale 1 needs camera.",
        ),
    ] = "matlab",
    engine: Annotated[str, typer.Option("--engine", "-e", help="auto, litert, tflite or tensorflow.")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Downscale pictures, upscale them, and compare with the ground truth: mean figures of luma.

    PSNR and SSIM: more is better. GMSD (damage to edges) and flat noise (grey levels in the flattest parts): less is.
    """
    from dataclasses import asdict
    from math import isfinite

    from edge_srcnn.cli.console import print_json, print_table, progress_bar
    from edge_srcnn.upscaler import load_model
    from export.data.degradation import check_degradation
    from export.evaluation.evaluate import DEGRADES, baselines, method_of, read_sets
    from export.evaluation.evaluate import evaluate as evaluate_set

    if degrade not in DEGRADES:
        raise UsageError(f"--degrade {degrade!r}: use one of {', '.join(DEGRADES)}")
    check_degradation("--degrade", degrade, scale, DEGRADES[degrade])
    methods = baselines(scale)
    names: list[str | None] = [*model] if model else [None]
    for name in names:
        upscaler = load_model(name, scale=scale, engine=engine)
        if upscaler.scale != scale:
            raise UsageError(f"model {name} is for x{upscaler.scale}, not --scale {scale}")
        label = Path(name).stem if name else (upscaler.spec.name if upscaler.spec else upscaler.engine)
        if label in methods:
            label = f"{label} ({len(methods)})"
        methods[label] = method_of(upscaler)
    sets = read_sets(data, scale)
    scores = []
    with progress_bar() as bar:
        task = bar.add_task("evaluating", total=len(methods) * sum(map(len, sets.values())))
        for set_name, hr_planes in sets.items():
            scores += evaluate_set(
                set_name, hr_planes, scale, methods, degrade=degrade, on_step=lambda: bar.advance(task)
            )
    if json:
        # JSON knows no infinity: the PSNR of a perfect picture is null
        print_json([{**asdict(score), "psnr": score.psnr if isfinite(score.psnr) else None} for score in scores])
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
