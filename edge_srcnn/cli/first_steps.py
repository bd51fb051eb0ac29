"""What one types first: ``edge-srcnn demo`` shows what it does, ``edge-srcnn doctor`` what works here."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_srcnn.cli.console import print_json, print_table
from edge_srcnn.cli.examples import command_examples
from edge_srcnn.cli.options import Json, Model
from edge_srcnn.errors import Unavailable
from edge_srcnn.system.installation import NO_32_BIT

if TYPE_CHECKING:
    from edge_srcnn.measure.doctor import LiveModel

DEMO_EXAMPLES = command_examples("edge-srcnn demo --scale 3 -o card.png")
DOCTOR_EXAMPLES = command_examples(
    "edge-srcnn doctor --json",
    more="Exit status: 0 all well, 1 a self-test failed, 69 no engine.",
)


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="The picture to write.")] = Path("edge-srcnn-demo.png"),
    scale: Annotated[
        int, typer.Option("--scale", "-s", metavar="1|2|3|4", help="Factor; 1 cleans a spoiled card.")
    ] = 2,
    model: Model = "auto",
    engine: Annotated[
        str, typer.Option("--engine", "-e", help="auto, litert, tflite, tensorflow or bicubic.")
    ] = "auto",
    json: Json = False,
) -> None:
    """Upscale a built-in test card, and write bicubic | edge-srcnn | ground truth side by side.

    With --scale 1 the card gets noise and the blocks of JPEG, and is cleaned: spoiled | edge-srcnn | ground truth.
    """
    from edge_srcnn.imaging.frame import Metadata
    from edge_srcnn.measure.demonstration import demonstrate
    from edge_srcnn.sinks.images import Encoding, write_picture
    from edge_srcnn.upscaler import load_model

    with load_model(model, scale=scale, engine=engine) as upscaler:
        shown = demonstrate(upscaler)
        name = f"{upscaler.spec.name} {upscaler.spec.quantization}" if upscaler.spec else "no network"
        engine = upscaler.engine
    write_picture(output, shown.picture.shape, [(0, shown.picture)], Metadata(), Encoding(), overwrite=True)
    if json:
        document = {
            "picture": str(output.resolve()),
            "model": name,
            "engine": engine,
            "input": shown.input_size,
            "output": shown.output_size,
            "milliseconds": shown.milliseconds,
            **shown.scores,
        }
        print_json(document)
        return
    (w, h), (new_w, new_h) = shown.input_size, shown.output_size
    typer.echo(f"test card {w}x{h} -> {new_w}x{new_h} in {shown.milliseconds:.1f} ms ({name}, {engine})\n")
    rows = [[way, f"{score['psnr']:.2f} dB", f"{score['ssim']:.4f}"] for way, score in shown.scores.items()]
    print_table(["", "PSNR", "SSIM"], rows, numbers_from=1)
    typer.echo(f"\n{' | '.join((*shown.scores, 'ground truth'))}: {output.resolve()}")


def doctor(json: Json = False) -> None:
    """Check interpreters, Edge TPUs and processor, and prove that each model computes right (golden digest)."""
    from edge_srcnn.measure.doctor import diagnose

    found = diagnose()
    if json:
        print_json({**asdict(found), "healthy": found.healthy})
    else:
        typer.echo(f"edge-srcnn {found.edge_srcnn}, Python {found.python}, {found.system}")
        if found.python_bits == 32:
            typer.echo(f"no network can be computed here: TensorFlow Lite: {NO_32_BIT}")
        features = ", ".join(found.features) or "nothing special"
        typer.echo(f"{found.processor}, {found.processors} processors; int8: {features}")
        typer.echo(", ".join(f"{name} {version}" for name, version in found.packages.items()))
        origin = "as tuned here" if found.tuned else "by the table; 'edge-srcnn tune' measures"
        typer.echo(f"the best model computes 640x480 with {found.setting} ({origin})")
        if found.live:
            typer.echo(f"live, the fastest first: {', '.join(map(_live, found.live))}")
        typer.echo("")
        engines = [[e.name, e.package, e.version or "-", "" if e.version else e.cure] for e in found.engines]
        print_table(["engine", "package", "version", ""], engines)
        tpu = found.edge_tpu
        typer.echo(f"\nEdge TPU: {', '.join(filter(None, (tpu.library, '; '.join(tpu.devices), tpu.problem)))}\n")
        tests = [[t.model, t.engine, "ok" if t.ok else "FAILED", t.result] for t in found.self_tests]
        print_table(["self-test", "engine", "", "result"], tests)
    if not any(e.version for e in found.engines):
        raise typer.Exit(Unavailable.exit_code)
    if not found.healthy:
        raise typer.Exit(1)


def _live(model: "LiveModel") -> str:
    took = "not timed yet" if model.frame_ms is None else f"{model.frame_ms:.3g} ms"
    return f"{model.model} ({took}{', tuned' if model.tuned else ''})"
