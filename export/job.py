"""One export from beginning to end: pictures, training, quantization, judgement, files."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras

from edge_srcnn.atomic import write_whole
from edge_srcnn.errors import OutputExists, UsageError
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.loading import open_model
from edge_srcnn.model import BICUBIC, Model, Quality, Training, seal_model
from export.architecture import Architecture, Layer, layers_of
from export.checkpoints import TrainingState
from export.dataset import PatchSpec, Split, load_split
from export.degradation import degrade
from export.edgetpu.compiler import find_compiler
from export.edgetpu.exporting import TpuExport, export_for_tpu
from export.edgetpu.files import TpuFiles
from export.evaluation import BASELINES, DEGRADES, Method, Score, evaluate, method_of, read_sets
from export.packaging import describe, model_card, model_name, quality_rows
from export.plan import TrainingPlan
from export.quantization import LayerNoise, convert, layer_noise, representative_dataset
from export.quantization_aware import fine_tune
from export.report import Crop, LayerError, QualityRow, Report, render_report
from export.rounding import round_layers
from export.training import Progress, train
from export.weights import read_weights

HELD_OUT = "held-out"
N_NOISE_SAMPLES = 16
CROP_PX = 96


@dataclass(frozen=True)
class ExportJob:
    """What to make, and of what.

    Attributes
    ----------
    data
        Folders of training pictures; none means the photographs inside scikit-image.
    evaluate_on
        Folders of benchmark pictures for the report; none means the held-out training pictures.
    weights
        Published weights to be packaged as they are, instead of a training.
    start_from
        Weights of the same architecture with which the training begins.
    int8, float32
        Which models to write.
    qat_steps
        Steps of quantization-aware fine-tuning after the rounding; 0 for none.
    edgetpu
        Whether to write the int8 model's form for an Edge TPU too, and to compile it where the compiler is.
    command
        What makes the same model again, for its card.
    """

    architecture: Architecture
    scale: int
    plan: TrainingPlan
    output: Path
    data: tuple[Path, ...] = ()
    licence: str = "not stated"
    evaluate_on: tuple[Path, ...] = ()
    weights: Path | None = None
    start_from: Path | None = None
    int8: bool = True
    float32: bool = False
    edgetpu: bool = False
    degradation: str = "bicubic"
    sampling: str = "uniform"
    qat_steps: int = 0
    restart: bool = False
    overwrite: bool = False
    command: str | None = None

    @property
    def name(self) -> str:
        """Name of the model."""
        return model_name(self.architecture, self.scale, self.degradation)

    @property
    def patches(self) -> PatchSpec:
        """How the pictures are cut."""
        return PatchSpec(self.scale, self.architecture.halo_px, degradation=self.degradation, sampling=self.sampling)

    @property
    def training_folder(self) -> Path:
        """Where the checkpoints lie."""
        return self.output / f"{self.name}.training"

    @property
    def tpu_files(self) -> TpuFiles:
        """What is made for an Edge TPU."""
        return TpuFiles(self.output, self.name)

    def targets(self) -> dict[str, Path]:
        """The files that will be written, by kind."""
        kinds = {"int8": self.int8, "float32": self.float32}
        suffixes = {"int8": ".tflite", "float32": "-float32.tflite"}
        files = {kind: self.output / f"{self.name}{suffixes[kind]}" for kind, wanted in kinds.items() if wanted}
        if self.edgetpu:
            files["edgetpu"] = self.tpu_files.ready
        return files | {"card": self.output / f"{self.name}.md", "report": self.output / f"{self.name}.html"}


@dataclass(frozen=True)
class Exported:
    """What an export made: files by kind, the scores, the pictures that could not be used, the Edge TPU's part."""

    files: dict[str, Path]
    scores: tuple[Score, ...]
    skipped: tuple[str, ...]
    tpu: TpuExport | None = None


def run_export(
    job: ExportJob,
    *,
    on_stage: Callable[[str], None] = lambda stage: None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Exported:
    """Do all of it; ``on_stage`` is told what begins, ``on_progress`` how far the training is.

    Raises
    ------
    EdgeSrcnnError
        See ``edge_srcnn.errors``. Files are written at the very end, each whole or not at all.
    """
    files = job.targets()
    if not (job.int8 or job.float32):
        raise UsageError("nothing to write: give --int8 or --float32")
    if job.edgetpu and not job.int8:
        raise UsageError("--edgetpu needs --int8: an Edge TPU computes nothing else")
    compiler = find_compiler() if job.edgetpu else None
    made_by_compiler = (job.tpu_files.compiled, job.tpu_files.log) if compiler else ()
    for path in (*files.values(), *made_by_compiler):
        if path.exists() and not job.overwrite:
            raise OutputExists(f"{path}: exists already; give --overwrite to replace it")
    if job.restart and job.training_folder.exists():
        shutil.rmtree(job.training_folder)

    on_stage("reading pictures")
    split = load_split(list(job.data), job.patches, seed=job.plan.seed)
    # all that can be wrong with the pictures shows before the training, not after it
    sets = _sets(job, split)
    halo_px, seed = job.architecture.halo_px, job.plan.seed
    representative = representative_dataset(split.train, halo_px, seed=seed) if job.int8 else []
    layers, state, bicubic_psnr = _obtain_layers(job, split, on_stage, on_progress)

    on_stage("quantizing")
    graphs = {"float32": convert(layers, job.architecture)}
    if job.int8:
        rounded = round_layers(layers, representative, seed=seed)
        if job.qat_steps:
            on_stage("training, rounded")
            folder = job.training_folder / "rounded"
            rounded = fine_tune(
                rounded,
                job.architecture,
                job.patches,
                split,
                job.qat_steps,
                representative,
                folder,
                on_progress,
                seed=seed,
            )
        graphs["int8"] = convert(rounded, job.architecture, representative)
    training = _training_facts(job, split, state)
    models = {
        kind: describe(
            job.architecture,
            graph,
            scale=job.scale,
            quantization=kind,
            degradation=job.degradation,
            training=training,
        )
        for kind, graph in graphs.items()
    }

    on_stage("judging")
    scores = _judge(job, models, sets)
    shipped = "int8" if job.int8 else "float32"
    models = {kind: _with_quality(model, scores, list(sets), kind) for kind, model in models.items()}
    noise: tuple[LayerNoise, ...] = ()
    if job.int8:
        samples = representative[:N_NOISE_SAMPLES]
        noise = layer_noise(graphs["float32"], graphs["int8"], job.architecture, samples)

    on_stage("writing")
    for kind in ("int8", "float32"):
        if kind in files:
            model = models[kind]
            write_whole(files[kind], seal_model(model.spec, model.graph, model.golden), overwrite=job.overwrite)
    tpu = None
    if job.edgetpu:
        on_stage("compiling")
        tpu = export_for_tpu(models["int8"], job.tpu_files, compiler, overwrite=job.overwrite)
        files |= {"compiled": tpu.compiled} if tpu.compiled else {}
    report = Report(
        title=job.name,
        facts=_facts(models[shipped], split, state),
        history=state.history,
        bicubic_psnr=bicubic_psnr,
        quality=tuple(QualityRow(s.set, s.method, s.psnr, s.ssim) for s in scores),
        layers=tuple(LayerError(layer.name, layer.snr_db) for layer in noise),
        crops=_crops(models[shipped], sets),
        tpu=tpu,
    )
    write_whole(files["card"], model_card(models[shipped].spec).encode(), overwrite=job.overwrite)
    write_whole(files["report"], render_report(report).encode(), overwrite=job.overwrite)
    return Exported(files, tuple(scores), split.skipped, tpu)


def _obtain_layers(
    job: ExportJob, split: Split, on_stage: Callable[[str], None], on_progress: Callable[[Progress], None]
) -> tuple[tuple[Layer, ...], TrainingState, float]:
    if job.weights is not None:
        return read_weights(job.weights, job.architecture), TrainingState(), float("nan")
    on_stage("training")
    trained = train(job.architecture, job.patches, split, job.plan, job.training_folder, on_progress, job.start_from)
    return layers_of(trained.model), trained.state, trained.bicubic_psnr


def _training_facts(job: ExportJob, split: Split, state: TrainingState) -> Training:
    if job.weights is not None:
        return Training((), job.licence, 0, 0, None, job.plan.seed, weights=job.weights.name, command=job.command)
    names = tuple(folder.resolve().name for folder in job.data) or ("scikit-image photographs",)
    return Training(
        data=names,
        licence=job.licence,
        pictures=split.n_pictures,
        steps=state.step,
        minutes=job.plan.minutes,  # not those it took: the same steps give the same file
        seed=job.plan.seed,
        held_out_psnr=round(state.best_psnr, 3),
        command=job.command,
    )


def _sets(job: ExportJob, split: Split) -> dict[str, list[UInt8Array]]:
    found = (
        read_sets(job.evaluate_on, job.scale)
        if job.evaluate_on
        else {HELD_OUT: [pair.truth for pair in split.held_out]}
    )
    how = "" if job.degradation == BICUBIC else f" {job.degradation}"
    return {f"{name}{how}": truths for name, truths in found.items()}


def _judge(job: ExportJob, models: dict[str, Model], sets: dict[str, list[UInt8Array]]) -> list[Score]:
    methods: dict[str, Method] = {**BASELINES}
    methods |= {kind: method_of(open_model(model)) for kind, model in models.items()}
    degrade = next(name for name, degradation in DEGRADES.items() if degradation == job.degradation)
    return [
        score for name, truths in sets.items() for score in evaluate(name, truths, job.scale, methods, degrade=degrade)
    ]


def _with_quality(model: Model, scores: Sequence[Score], sets: list[str], kind: str) -> Model:
    table = {(s.set, s.method): (round(s.psnr, 4), round(s.ssim, 5)) for s in scores}
    quality: tuple[Quality, ...] = quality_rows(table, sets, kind)
    return replace(model, spec=replace(model.spec, quality=quality))


def _crops(model: Model, sets: dict[str, list[UInt8Array]]) -> tuple[Crop, ...]:
    """The most textured square of some pictures of each set."""
    found = []
    with open_model(model) as upscaler:
        for name, truths in sets.items():
            for number, truth in enumerate(truths[:4], 1):
                small = degrade(model.spec.degradation, truth, model.spec.scale, number)
                bicubic, sharp = upscale_bicubic(small, model.spec.scale), upscaler.upscale(small)
                window = _busiest(truth)
                found.append(Crop(f"{name} {number}", bicubic[window], sharp[window], truth[window]))
    return tuple(found)


def _busiest(plane: UInt8Array) -> tuple[slice, slice]:
    h, w = (min(side, CROP_PX) for side in plane.shape)
    corners = [
        (top, left)
        for top in range(0, plane.shape[0] - h + 1, CROP_PX // 4)
        for left in range(0, plane.shape[1] - w + 1, CROP_PX // 4)
    ]
    top, left = max(corners, key=lambda corner: float(plane[corner[0] :, corner[1] :][:h, :w].std()))
    return slice(top, top + h), slice(left, left + w)


def _facts(model: Model, split: Split, state: TrainingState) -> tuple[tuple[str, str], ...]:
    spec, training = model.spec, model.spec.training
    filters = ", ".join(map(str, spec.filters))
    shape = " ".join(f"{k}x{k}" for k in spec.kernels)
    facts = {
        "Network": f"{spec.architecture}: {shape}, filters {filters}, {'residual' if spec.residual else 'direct'}",
        "Scale": f"x{spec.scale}",
        "Numbers": spec.quantization,
        "Low-resolution pictures": spec.degradation,
        "Weights": training.weights or f"trained here, {training.steps} steps in {state.seconds / 60:.1f} minutes",
        "Training pictures": f"{training.pictures} of {', '.join(training.data)}" if training.data else "",
        "Licence of the data": training.licence,
        "Seed": str(training.seed),
        "Command": training.command or "",
        "Files skipped": str(len(split.skipped)) if split.skipped else "",
        "Best weights": f"step {state.best_step}" if state.history else "",
        "Graph SHA-256": spec.graph_sha256,
        "Made by": f"{spec.created_by}, Keras back end {keras.backend.backend()}",
        "Versions": ", ".join(f"{name} {version}" for name, version in spec.versions.items()),
    }
    return tuple((label, value) for label, value in facts.items() if value)
