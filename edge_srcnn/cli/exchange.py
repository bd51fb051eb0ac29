"""``edge-srcnn models``: the bundled ones, those of others taken in, and ours given out."""

import os
from pathlib import Path
from typing import Annotated

import typer

from edge_srcnn.cli import models
from edge_srcnn.cli.console import say_warning
from edge_srcnn.cli.default_command import DEFAULT, DefaultCommandGroup
from edge_srcnn.cli.examples import command_examples
from edge_srcnn.errors import OutputExists, UsageError

EXAMPLES = command_examples(
    "edge-srcnn models  # list",
    "edge-srcnn models srcnn-915-x2  # its card",
    "edge-srcnn models import espcn.onnx",
    "edge-srcnn models export fast-m-x2 -o fast-m.onnx",
)
IMPORT_EXAMPLES = command_examples(
    "edge-srcnn models import espcn.onnx",
    "edge-srcnn models import vdsr.onnx --scale 3 -o vdsr-x3.tflite",
    "edge-srcnn models import net_int8.tflite --name mine",
)
EXPORT_EXAMPLES = command_examples(
    "edge-srcnn models export fast-m-x2 -o fast-m-x2.onnx",
    "edge-srcnn models export fast-m-x2 --int8 -o fast-m-x2-int8.onnx",
    "edge-srcnn models export fast-s-x2-camera --whole -o fast.onnx  # the picture, not the residual",
    "edge-srcnn models export fast-m-x2 --size 640x480 --padding zeros -o hailo.onnx",
)

models_app = typer.Typer(
    cls=DefaultCommandGroup,
    help="List the bundled models, or tell of one; take networks of others in, and give ours out.",
)
models_app.command(DEFAULT, epilog=models.EXAMPLES)(models.models)


@models_app.command("import", epilog=IMPORT_EXAMPLES)
def import_model(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A network: .onnx or .tflite, float or int8.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="OUT.tflite", help="(default: NAME.tflite, here)")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="What the model is called. (default: after the files)")
    ] = None,
    scale: Annotated[
        int | None,
        typer.Option("--scale", "-s", min=1, max=4, help="Factor, for a network that keeps the size; 1: it cleans."),
    ] = None,
    white: Annotated[
        int, typer.Option("--white", metavar="1|255", help="What stands for white in the network's input.")
    ] = 1,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
) -> None:
    """Make a model for --model of a network that others trained, with a card.

    It must read one plane of luma. Convolutions with odd kernels, ReLU, PReLU, skips, batch normalization and
    sub-pixels (depth to space) are known; all else is refused, and named. A float network stays float32: 'edge-srcnn
    export --int8 --weights FILE' makes int8 of it.
    """
    from edge_srcnn.exchange.importing import GREY, TOLERATED_LEVELS, WHITES, grey_level, imported_card
    from edge_srcnn.exchange.importing import import_model as make
    from edge_srcnn.models.bundled import own_name
    from edge_srcnn.models.file import seal_model
    from edge_srcnn.system.files import write_whole

    if white not in WHITES:
        raise UsageError(f"--white {white}: use 1 or 255")
    called = name or (output or file).stem
    if output is None and Path(f"{called}.tflite").resolve() == file.resolve():
        called += "-imported"
    called, path = own_name(called, output), output or Path(f"{called}.tflite")
    if path.resolve() == file.resolve():
        raise UsageError(f"-o {path}: is the file that is read; give another name")
    card = path.with_suffix(".md")
    for each in (path, card):
        if os.path.lexists(each) and not overwrite:
            raise OutputExists(f"{each}: exists already; give --overwrite to replace it")
    model = make(file, called, scale, white)
    write_whole(path, seal_model(model.spec, model.graph, model.golden), overwrite=overwrite)
    write_whole(card, imported_card(model.spec).encode(), overwrite=overwrite)
    spec = model.spec
    layers = ", ".join(f"{side}x{side}x{outputs}" for side, outputs in spec.layers)
    typer.echo(f"{'model':8} {path}  ({path.stat().st_size / 1000:.0f} kB)\n{'card':8} {card}")
    typer.echo(
        f"{'network':8} x{spec.scale}, {layers}; {'residual' if spec.residual else 'direct'}, {spec.quantization}"
    )
    if abs((grey := grey_level(model)) - GREY) > TOLERATED_LEVELS:
        other = next(each for each in WHITES if each != white)
        say_warning(
            f"a grey picture of level {GREY} becomes {grey}: is it --white {other}, or another kind of network?"
        )
    typer.echo(f"\nUse it: edge-srcnn upscale photo.png -o large.png --model {path}")
    if spec.quantization == "float32":
        typer.echo(f"In int8, several times as fast: edge-srcnn export --int8 --weights {path}")


@models_app.command("export", epilog=EXPORT_EXAMPLES)
def export_model(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A bundled model, or a .tflite of ours.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="OUT.onnx", help="(default: NAME.onnx, here)")
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="As QDQ, with the model's own scales. (default: float32)")
    ] = False,
    whole: Annotated[
        bool, typer.Option("--whole", help="With the bicubic picture in it: puts out the picture, not the residual.")
    ] = False,
    padding: Annotated[
        str, typer.Option("--padding", metavar="mirror|zeros|none", help="Around the picture; mirror is what we do.")
    ] = "mirror",
    size: Annotated[
        str | None, typer.Option("--size", metavar="WxH", help="Fix the input's size. (default: any size)")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
) -> None:
    """Write a model as ONNX, for other runtimes and accelerators.

    Its metadata says what to do before and after it. In float32 it computes with the weights of the int8 model, and
    does not round between its layers. docs/howto/other-runtimes.md shows OpenVINO, ncnn, onnxruntime and Hailo.
    """
    from edge_srcnn.cli.options import read_option
    from edge_srcnn.exchange.onnx_writer import PADDINGS, Form, write_onnx
    from edge_srcnn.models.bundled import find_model
    from edge_srcnn.models.file import read_model
    from edge_srcnn.system.files import write_whole
    from edge_srcnn.uri import frame_size

    if padding not in PADDINGS:
        raise UsageError(f"--padding {padding}: use {', '.join(PADDINGS)}")
    wanted = None if size is None else read_option("--size", size, frame_size)[::-1]
    model = read_model(find_model(name, 2))
    path = output or Path(f"{model.spec.name}.onnx")
    if path.suffix.lower() != ".onnx":
        raise UsageError(f"-o {path}: only ONNX is written; give a name that ends with .onnx")
    data = write_onnx(model, Form(int8, whole, padding, wanted))
    write_whole(path, data, overwrite=overwrite)
    typer.echo(f"{path}  ({len(data) / 1000:.0f} kB)")
