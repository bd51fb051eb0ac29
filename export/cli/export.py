"""Make a packaged int8 network of photographs: the command ``edge-srcnn export``."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from edge_srcnn.cli.examples import command_examples
from edge_srcnn.cli.options import HelpAll
from edge_srcnn.errors import UsageError
from export.cli.arguments import is_given, licence_of, one_of, pair
from export.cli.devices import (
    RARE,
    BackendOption,
    CacheOption,
    ClusterOption,
    DevicesOption,
    PrecisionOption,
    RankOption,
    read_devices,
    read_processes,
    take_backend,
    training_devices,
)
from export.cli.packages import import_keras, need_packages

EXAMPLES = command_examples(
    "edge-srcnn export --int8 --minutes 5  # trains on the photographs inside scikit-image",
    "edge-srcnn export --int8 --scale 3 --data photos/ --minutes 30 -o models/",
    "edge-srcnn export --int8 --arch fast-m --data photos/ --steps 20000  # a network for live pictures",
    "edge-srcnn export --int8 --arch fast-s --scale 1 --degradation camera  # cleans, at the same size",
    "edge-srcnn export --int8 --devices 4 --data photos/  # on four GPUs",
    "edge-srcnn export --int8 --edgetpu  # for Coral's Edge TPU too; exit status 69 without its compiler",
    "edge-srcnn export --int8 --weights trained_SRCNN_weights.h5 --arch srcnn-915",
    "edge-srcnn export --int8 --weights espcn.onnx --data photos/  # a network that others trained",
    more="More options: edge-srcnn export --help-all",
)
MAKE, DATA, TRAIN, OUT = "What to make", "Training pictures", "Training", "Result"
DEFAULT_MINUTES = 12.0


def export(
    context: typer.Context,
    int8: Annotated[
        bool, typer.Option("--int8", help="Write the full-integer model. (the default)", rich_help_panel=MAKE)
    ] = False,
    float32: Annotated[
        bool, typer.Option("--float32", help="Write the float32 model (alone, or too).", rich_help_panel=MAKE)
    ] = False,
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Write the float32 network as ONNX too.", rich_help_panel=MAKE)
    ] = False,
    edgetpu: Annotated[
        bool,
        typer.Option(
            "--edgetpu",
            help="Pack the int8 model for an Edge TPU too; compile it, where the compiler is.",
            rich_help_panel=MAKE,
        ),
    ] = False,
    arch: Annotated[
        str,
        typer.Option(
            "--arch",
            "-a",
            help="srcnn-915, srcnn-935, srcnn-955, or a fast network: fast-s, fast-m, fast-l, fast-xl, or fast-c16d4:"
            " 16 channels, 4 convolutions before the last (then k3, k5, k7: first kernel; b2: blocks of 2x2 pixels).",
            rich_help_panel=MAKE,
        ),
    ] = "srcnn-915",
    filters: Annotated[
        str | None,
        typer.Option("--filters", metavar="N,N", help="Filters of srcnn's first two layers. (default: 64,32)", **RARE),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--form", help="residual, or the paper's direct. (default: residual; direct with --weights)", **RARE
        ),
    ] = None,
    scale: Annotated[
        int,
        typer.Option(
            "--scale", "-s", min=1, max=4, help="Factor of upscaling; 1: clean at the same size.", rich_help_panel=MAKE
        ),
    ] = 2,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data",
            "-d",
            help="Training pictures (recursive); may be repeated. (default: scikit-image's)",
            rich_help_panel=DATA,
        ),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option("--licence", help="Terms of the training pictures, for the model's card.", rich_help_panel=DATA),
    ] = None,
    evaluate_on: Annotated[
        list[Path] | None,
        typer.Option(
            "--evaluate",
            help="Benchmark pictures for the report. (default: held-out training pictures)",
            rich_help_panel=DATA,
        ),
    ] = None,
    degradation: Annotated[
        str,
        typer.Option(
            "--degradation",
            help="How training pictures are downscaled: bicubic, cv2, camera (lens, noise, mosaic, JPEG by chance),"
            " camera-video (more noise, H.264, the mean over time), or settled (that mean alone, a sharp lens). --scale"
            " 1 needs one of the last three.",
            rich_help_panel=DATA,
        ),
    ] = "bicubic",
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            "-w",
            help="Published weights to package: .h5, .onnx or .tflite; no training.",
            rich_help_panel=TRAIN,
        ),
    ] = None,
    start_from: Annotated[
        Path | None,
        typer.Option(
            "--start-from",
            help="Weights to begin with: a bundled model's name, a model (.tflite) or a checkpoint (.weights.h5); fast"
            " networks: of any scale.",
            rich_help_panel=TRAIN,
        ),
    ] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(
            "--teacher",
            help="A larger network (float32 .tflite, same scale) whose pictures are learned, not the ground truth:"
            " a tenth of the steps; may be repeated.",
            rich_help_panel=TRAIN,
        ),
    ] = None,
    expand: Annotated[
        int | None,
        typer.Option(
            "--expand",
            min=0,
            max=1024,
            help="Train each kernel as a product through so many channels; 0: as it is. (default: fast networks 4 times"
            " their width, srcnn 0)",
            **RARE,
        ),
    ] = None,
    edges: Annotated[
        float | None,
        typer.Option(
            "--edges",
            help="Share of each batch that is drawn edges, so that no pattern shows beside them. (default: fast"
            " networks for x2 0.08, where the pictures have no noise)",
            **RARE,
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", help=f"How long to train. (default: {DEFAULT_MINUTES:g})", rich_help_panel=TRAIN),
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", help="How long to train, in batches instead.", rich_help_panel=TRAIN)
    ] = None,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Patches of a step.", **RARE)] = 64,
    patch: Annotated[
        int | None,
        typer.Option(
            "--patch",
            min=8,
            max=256,
            help="Side of a patch in pixels that the network reads, its surroundings apart. (default: 32; fast: 24)",
            **RARE,
        ),
    ] = None,
    optimizer: Annotated[str, typer.Option("--optimizer", help="muon, or adam.", **RARE)] = "muon",
    rate: Annotated[
        float | None,
        typer.Option(
            "--learning-rate",
            help="Peak of the learning rate. (default: what suits the network, 0.005 to 0.02; adam: 0.002)",
            **RARE,
        ),
    ] = None,
    symmetry: Annotated[
        str | None,
        typer.Option(
            "--symmetry",
            help="Filters that come rotated and flipped: none, flips, or square."
            " (default: none; srcnn-935 and srcnn-955: square, if the filters make up sets of 8)",
            **RARE,
        ),
    ] = None,
    qat_steps: Annotated[
        int,
        typer.Option("--qat-steps", min=0, help="Then train the quantized network on, for so many batches.", **RARE),
    ] = 0,
    precision: PrecisionOption = "float32",
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=2**32 - 1, help="The same seed, the same patches.", **RARE)
    ] = 0,
    backend: BackendOption = None,
    cache: CacheOption = None,
    devices: DevicesOption = "1",
    cluster: ClusterOption = None,
    rank: RankOption = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Drop checkpoints; begin anew.", rich_help_panel=OUT)
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace models that exist.", rich_help_panel=OUT)
    ] = False,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            help="What the model is called. (default: after the network, with -own or -short)",
            rich_help_panel=OUT,
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for model, card and report.", rich_help_panel=OUT)
    ] = Path("exported"),
    help_all: HelpAll = False,
) -> None:
    """Train a network, quantize it, evaluate it, and package it. A training that is killed goes on where it stopped."""
    take_backend(backend)
    wanted, together = read_devices(devices), read_processes(cluster, rank, trains=weights is None)
    need_packages("export", backend)
    from edge_srcnn.models.bundled import bundled_models, own_name
    from export.architectures import find_architecture
    from export.architectures.imported import SUFFIXES, of_file
    from export.cli.command import command_again
    from export.cli.progress import training_bar
    from export.data.degradation import DEGRADATIONS
    from export.job import ExportJob
    from export.training.plan import OPTIMIZERS, SYMMETRIES, TrainingPlan, usual_edges, usual_rate

    one_of("--degradation", degradation, DEGRADATIONS)
    one_of("--form", form or "residual", ("residual", "direct"))
    one_of("--precision", precision, ("float32", "mixed_bfloat16"))
    one_of("--optimizer", optimizer, OPTIMIZERS)
    one_of("--symmetry", symmetry or "none", SYMMETRIES)
    residual = form == "residual" if form else weights is None
    if minutes is None and steps is None:
        minutes = DEFAULT_MINUTES
    given = {name for name in ("arch", "scale", "filters", "form") if is_given(context, name)}
    if weights is not None and weights.suffix in SUFFIXES:
        if found := given - {"scale"}:
            raise UsageError(f"--{min(found)}: {weights} tells what the network is; leave it out")
        architecture = of_file(weights, scale if "scale" in given else None)
    else:
        architecture = find_architecture(arch, scale, filters=pair(filters) if filters else None, residual=residual)
    free = weights is not None or start_from is not None
    job = ExportJob(
        architecture=architecture,
        plan=TrainingPlan(
            steps=steps,
            minutes=minutes,
            batch=batch,
            optimizer=optimizer,
            learning_rate=usual_rate(optimizer, architecture) if rate is None else rate,
            precision=precision,
            seed=seed,
            symmetry=symmetry or ("none" if free else architecture.symmetry),
            expand=(0 if symmetry not in (None, "none") else architecture.expand) if expand is None else expand,
            edges=usual_edges(architecture, degradation) if edges is None else edges,
        ),
        output=output,
        data=tuple(data or ()),
        licence=licence or licence_of(architecture, given=bool(data or weights)),
        evaluate_on=tuple(evaluate_on or ()),
        weights=weights,
        start_from=bundled_models().get(str(start_from), start_from),
        teachers=tuple(teacher or ()),
        int8=int8 or not float32,
        float32=float32,
        onnx=onnx,
        edgetpu=edgetpu,
        degradation=degradation,
        patch_px=patch,
        cache=cache,
        qat_steps=qat_steps,
        restart=restart,
        overwrite=overwrite,
        called=None if name is None else own_name(name),
    )
    if together is None:
        job.check_files()

    keras = import_keras()  # takes seconds: it comes when all that is wrong with the options is told
    from export.cli.result import tell_result
    from export.run import run_export

    job = replace(job, command=command_again(context, keras.backend.backend()))
    chosen = training_devices(wanted, together)
    with chosen as opened, training_bar(shown=opened.rank == 0) as (on_stage, on_progress):
        made = run_export(job, on_stage=on_stage, on_progress=on_progress, devices=opened)
    if opened.rank == 0:
        tell_result(made, scale)
