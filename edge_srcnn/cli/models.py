"""``edge-srcnn models show``: what comes with the package, and what a model file says of itself."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_srcnn.cli.console import print_json, print_table, progress_bar
from edge_srcnn.cli.examples import command_examples
from edge_srcnn.cli.options import Json
from edge_srcnn.errors import Unavailable

if TYPE_CHECKING:
    from edge_srcnn.measure.model_table import Listed
    from edge_srcnn.models.spec import Quality

EXAMPLES = command_examples(
    "edge-srcnn models",
    "edge-srcnn models srcnn-915-x2  # its card",
    "edge-srcnn models my.tflite  # what it is, and how it was trained",
    "edge-srcnn models --json --no-time",
)

ABSENT = "–"  # noqa: RUF001 - a dash, as people set it in tables
_LABEL_WIDTH = 20


def models(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME|FILE", help="Show this model's card. (default: list all)")
    ] = None,
    time: Annotated[
        bool | None,
        typer.Option(
            "--time/--no-time",
            help="Time five frames of 640x480 with each. (default: one with each, and no more than a few seconds)",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """List the bundled models: what each is for, its quality, work, size and time on this machine; or tell of one."""
    from edge_srcnn.measure.model_table import list_bundled, listed
    from edge_srcnn.models.bundled import bundled_models, find_model

    if name is not None:
        path = find_model(name, 2)
        one, card = listed(path), path.with_suffix(".md")
        if json:
            print_json({"timing": None, "models": [_entry(one, None)]})
        elif path in bundled_models().values() and card.is_file():
            _show_markdown(card.read_text(encoding="utf-8"))
        else:
            _show_facts(one)
        return
    found = list_bundled()
    frame_ms, timing = ({}, None) if time is False else _timed(found, every=time is True)
    if json:
        print_json({"timing": timing, "models": [_entry(each, frame_ms.get(each.spec.name)) for each in found]})
    else:
        _show_table(found, frame_ms, timing)


def _timed(found: "Sequence[Listed]", *, every: bool) -> tuple[dict[str, float], dict[str, Any] | None]:
    """Time all of them: milliseconds by name, and what they were measured with, which is None without an engine."""
    from edge_srcnn.engine.options import EngineOptions, candidates
    from edge_srcnn.engine.processor import available_processors, this_processor
    from edge_srcnn.measure import FRAME_PX
    from edge_srcnn.measure.model_table import LIMIT_S, RUNS, time_frames

    backend = candidates(EngineOptions())[0].backend()
    if not backend.has_network:  # which is told
        return {}, None
    try:
        with progress_bar() as bar:
            task = bar.add_task("timing", total=len(found))

            def show(done: int, name: str) -> None:
                bar.update(task, completed=done, description=f"timing {name}")

            limit_s = None if every else LIMIT_S
            frame_ms, estimated = time_frames(found, backend.name, limit_s=limit_s, progress=show)
    except Unavailable as error:
        typer.echo(f"no times: {error}", err=True)
        return {}, None
    return frame_ms, {
        "frame_px": FRAME_PX,
        "runs": RUNS if every else 1,
        "engine": f"{backend.name} {backend.version()}",
        "processor": this_processor().name,
        "processors": available_processors(),
        "estimated": estimated,
    }


def _entry(model: "Listed", frame_ms: float | None) -> dict[str, Any]:
    """Describe a model for programs; units are in the names."""
    spec = model.spec
    training = asdict(spec.training)
    training["held_out_psnr_db"] = training.pop("held_out_psnr")
    return {
        "name": spec.name,
        "path": str(model.path),
        "scale": spec.scale,
        "degradation": spec.degradation,
        "family": spec.family,
        "architecture": spec.architecture,
        "kernels_px": [side for side, _ in spec.layers],
        "filters": [outputs for _, outputs in spec.layers[:-1]],
        "plane": spec.plane,
        "unshuffle": spec.unshuffle,
        "shuffle": spec.shuffle,
        "residual": spec.residual,
        "halo_px": spec.halo_px,
        "quantization": spec.quantization,
        "macs_per_pixel": spec.macs_per_pixel,
        "file_size_bytes": model.size_bytes,
        "frame_ms": frame_ms,
        "quality": [
            {
                "set": q.set,
                "bicubic_psnr_db": q.bicubic_psnr,
                "float32_psnr_db": q.float_psnr,
                "psnr_db": q.psnr,
                "gain_db": round(q.psnr - q.bicubic_psnr, 4),
                "bicubic_ssim": q.bicubic_ssim,
                "float32_ssim": q.float_ssim,
                "ssim": q.ssim,
            }
            for q in spec.quality
        ],
        "training": training,
        "graph_sha256": spec.graph_sha256,
        "versions": spec.versions,
        "created_by": spec.created_by,
    }


def _show_table(found: "Sequence[Listed]", frame_ms: dict[str, float], timing: dict[str, Any] | None) -> None:
    from rich.console import Console

    # a set's name without the degradation, for which there is a column
    qualities = [{q.set.removesuffix(f" {each.spec.degradation}"): q for q in each.spec.quality} for each in found]
    sets = list(dict.fromkeys(name for quality in qualities for name in quality))
    rows, licences = [], dict[str, list[str]]()
    for each, quality in zip(found, qualities, strict=True):
        spec = each.spec
        scores = [_score(quality[name]) if name in quality else ABSENT for name in sets]
        size_kb = f"{each.size_bytes / 1000:.1f}"
        ms = [_milliseconds(frame_ms[spec.name], estimated=spec.name in timing["estimated"])] if timing else []
        rows.append([spec.name, f"x{spec.scale}", spec.degradation, *scores, f"{spec.macs_per_pixel:,}", size_kb, *ms])
        licences.setdefault(spec.training.licence, []).append(spec.name)
    columns = ["model", "scale", "for", *sets, "MAC/px", "kB", *(["ms"] if timing else [])]
    print_table(columns, rows, numbers_from=3, folding=sets)
    console = Console(highlight=False, markup=False)  # breaks long lines between words
    console.print()
    for line in _notes(sets, timing):
        console.print(line)
    console.print("\nLicences of the training pictures:")
    for licence, names in licences.items():
        console.print(f"{', '.join(names)}: {licence}")


def _milliseconds(ms: float, *, estimated: bool) -> str:
    return ("~" if estimated else "") + (f"{ms:,.0f}" if ms >= 100 else f"{ms:.1f}")


def _notes(sets: list[str], timing: dict[str, Any] | None) -> Iterator[str]:
    """Explain the columns."""
    yield "for: what made the pictures small; --model auto takes camera for cameras, and at x1 for all pictures."
    yield "settled: a camera that stands still before a still scene, averaged over time; taken by its name alone."
    if sets:
        told = "PSNR of luma in dB, int8, of pictures downscaled so; and the gain over bicubic."
        yield f"{', '.join(sets)}: {told} x1: of pictures that a camera spoiled; over these."
    yield "MAC/px: multiply-accumulates for each pixel of the result. kB: of the file."
    if timing:
        width, height = timing["frame_px"]
        yield f"ms: a frame of {width}x{height}, here ({timing['processor']}, {timing['engine']})."
        if timing["estimated"]:
            yield "~: estimated from its multiplications, to save time; --time measures all of them, five times."


def _score(quality: "Quality") -> str:
    return f"{quality.psnr:.2f} {quality.psnr - quality.bicubic_psnr:+.2f}"


def _show_markdown(text: str) -> None:
    """Print Markdown: set for people on a terminal, as it is for everything else."""
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    if console.is_terminal:
        console.print(Markdown(text))
    else:
        typer.echo(text, nl=False)


def _show_facts(model: "Listed") -> None:
    from edge_srcnn.imaging.bicubic import base_name

    spec, training = model.spec, model.spec.training
    layers = ", ".join(f"{side}x{side}x{outputs}" for side, outputs in spec.layers)
    facts = {
        "model": spec.name,
        "file": f"{model.path}, {model.size_bytes / 1000:.1f} kB",
        "scale": f"x{spec.scale}" + (" (cleans, at the same size)" if spec.scale == 1 else ""),
        "for": f"{spec.degradation} pictures",
        "network": f"{spec.architecture}: {layers}; {'residual' if spec.residual else 'direct'}, {spec.quantization}",
        "work": f"{spec.macs_per_pixel:,} multiply-accumulates for a pixel of the result",
        **{q.set: f"{_score(q)} dB over {base_name(spec.scale)}, SSIM {q.ssim:.4f}" for q in spec.quality},
        "weights": training.weights or f"{training.steps} steps, seed {training.seed}",
        "trained on": f"{training.pictures} pictures of {', '.join(training.data)}" if training.data else "",
        "licence of those": training.licence,
        "train it again": training.command or "",
        "made by": spec.created_by,
        "graph SHA-256": spec.graph_sha256,
    }
    for label, value in facts.items():
        if value:
            typer.echo(f"{label:<{_LABEL_WIDTH}}{value}")
