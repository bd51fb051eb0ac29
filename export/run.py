"""Run an export from beginning to end: pictures, training, quantization, evaluation, files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge_srcnn.exchange.onnx_file import import_onnx
from edge_srcnn.exchange.onnx_writer import write_onnx
from edge_srcnn.imaging.bicubic import base_name
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.models.file import Model, digest, read_model, seal_model
from edge_srcnn.models.spec import BICUBIC, LUMA_PLANE
from edge_srcnn.system.files import write_whole
from edge_srcnn.upscaler import open_model
from export.architectures import Layer, family
from export.data.pairs import Float32Array, Split, load_split
from export.edgetpu.compiler import find_compiler
from export.edgetpu.exporting import TpuExport, export_for_tpu
from export.evaluation.crops import cut_crops
from export.evaluation.evaluate import DEGRADES, Score, baselines, evaluate, method_of, read_sets
from export.evaluation.report import HELD_OUT, Report, beside_bundled, render_report
from export.int8.balancing import balance_layers
from export.int8.calm import round_calmly
from export.int8.convert import convert, representative_dataset
from export.int8.fine_tuning import fine_tune, fine_tuning_plan
from export.int8.flat import centre_flat_fields
from export.int8.gptq import round_layers
from export.int8.trace import LayerNoise, layer_noise
from export.job import ExportJob
from export.packaging import describe, model_card, nearest_bundled, quality_rows
from export.provenance import report_facts, short_remark, training_facts
from export.training.checkpoints import TrainingState, drop_checkpoints
from export.training.devices import ONE_DEVICE, Devices, check_batch
from export.training.network import layers_of
from export.training.plan import is_short
from export.training.schedule import Progress
from export.training.teacher import read_teachers, teach
from export.training.train import train

N_NOISE_SAMPLES = 16


@dataclass(frozen=True)
class Exported:
    """Hold what an export made.

    Attributes
    ----------
    files, scores
        Files by kind, and how good the models are.
    skipped
        Pictures that could not be used.
    tpu
        The Edge TPU's part.
    remarks
        Sentences that keep the scores from flattering.
    """

    files: dict[str, Path]
    scores: tuple[Score, ...]
    skipped: tuple[str, ...]
    tpu: TpuExport | None = None
    remarks: tuple[str, ...] = ()


def run_export(
    job: ExportJob,
    *,
    on_stage: Callable[[str], None] = lambda stage: None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    devices: Devices = ONE_DEVICE,
) -> Exported:
    """Run an export; files are written at the very end, each whole or not at all.

    Parameters
    ----------
    job
        What to make, and of what.
    on_stage
        Told what begins.
    on_progress
        Told how far a training is.
    devices
        What the training runs on. Other processes than the first only train, and write nothing.

    Returns
    -------
    The files, and how good the models are; nothing of either in a process that only trains.

    Raises
    ------
    UsageError, NoInput, BadData, CannotWrite, Unavailable
        A setting, a file, a folder or a library is not what it must be; the message says what to do.
    EdgeSrcnnError
        The training diverged, or the converter failed.
    """
    check_batch(job.plan.batch, devices)
    if job.onnx:
        import_onnx()  # what is missing shows before the training
    compiler = find_compiler() if job.edgetpu else None
    if devices.rank == 0:
        job.check_files()

    on_stage("reading pictures")
    split = load_split(
        list(job.data),
        job.patches,
        seed=job.plan.seed,
        on_progress=lambda done: on_progress(_share(done)),
        cache=job.plane_cache,
    )
    # all that can be wrong with the pictures shows before the training, not after it
    sets = _sets(job, split)
    representative = representative_dataset(split.train, job.architecture, seed=job.plan.seed) if job.int8 else []
    if job.restart and devices.rank == 0:
        drop_checkpoints(job.training_folder)
    layers, state, base_psnr = _obtain_layers(job, split, on_stage, on_progress, devices)
    on_stage("quantizing")
    quantized = layers
    if job.int8 and (devices.rank == 0 or job.qat_steps):
        quantized = _quantize(job, split, layers, representative, on_stage, on_progress, devices)
    devices.close()
    if devices.rank:
        return Exported({}, (), split.skipped)

    graphs = {"float32": convert(layers, job.architecture)}
    if job.int8:
        graphs["int8"] = convert(quantized, job.architecture, representative)
    training = training_facts(job, split, state)
    job, short = named_by_result(job, state, graphs), short_remark(job, state)
    bundled = nearest_bundled(job.architecture, job.kind)
    bundled = None if job.name == bundled else bundled  # it is the very same
    files = job.targets()
    models = {
        kind: describe(
            job.architecture,
            graph,
            quantization=kind,
            degradation=job.kind,
            training=training,
            name=job.name,
        )
        for kind, graph in graphs.items()
    }

    on_stage("evaluating")
    scores = _evaluate(job, models, sets, bundled)
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
    if job.onnx:
        write_whole(files["onnx"], write_onnx(models["float32"]), overwrite=job.overwrite)
    tpu = None
    if job.edgetpu:
        on_stage("compiling")
        tpu = export_for_tpu(models["int8"], job.tpu_files, compiler, overwrite=job.overwrite)
        files |= {"compiled": tpu.compiled} if tpu.compiled else {}
    report = Report(
        title=job.name,
        scale=job.architecture.scale,
        facts=report_facts(models[shipped], split, state),
        history=state.history,
        base_psnr=base_psnr,
        quality=tuple(scores),
        layers=noise,
        crops=cut_crops(models[shipped], sets),
        tpu=tpu,
        bundled=bundled,
        short=short,
    )
    remarks = tuple(filter(None, (beside_bundled(report), short)))
    write_whole(files["card"], model_card(models[shipped].spec, remarks).encode(), overwrite=job.overwrite)
    write_whole(files["report"], render_report(report).encode(), overwrite=job.overwrite)
    job.plane_cache.drop()
    return Exported(files, tuple(scores), split.skipped, tpu, remarks)


def _obtain_layers(
    job: ExportJob,
    split: Split,
    on_stage: Callable[[str], None],
    on_progress: Callable[[Progress], None],
    devices: Devices,
) -> tuple[tuple[Layer, ...], TrainingState, float]:
    if job.weights is not None:
        layers = family(job.architecture.family).read_weights(job.weights, job.architecture)
        return layers, TrainingState(), float("nan")
    if job.teachers:
        on_stage("asking the teachers")
        split = teach(
            split,
            read_teachers(job.teachers, job.architecture),
            job.output,
            lambda done: on_progress(_share(done)),
        )
    on_stage("training")
    trained = train(
        *(job.architecture, job.patches, split, job.plan, job.training_folder, on_progress, job.start_from, devices)
    )
    layers = layers_of(trained.model)
    if job.architecture.plane == LUMA_PLANE:
        layers = centre_flat_fields(layers, job.architecture)
    return layers, trained.state, trained.base_psnr


def _share(done: float) -> Progress:
    """Tell how far what comes before a training is."""
    return Progress(done, 0, float("nan"), 0.0)


def _quantize(
    job: ExportJob,
    split: Split,
    layers: tuple[Layer, ...],
    representative: list[Float32Array],
    on_stage: Callable[[str], None],
    on_progress: Callable[[Progress], None],
    devices: Devices,
) -> tuple[Layer, ...]:
    """Bring the weights onto their int8 grids, and train them on there where the job wants it."""
    architecture, seed = job.architecture, job.plan.seed
    balanced = balance_layers(layers, representative, architecture.balance) if architecture.balance > 1 else layers
    quantized = (
        round_calmly(balanced, architecture, representative, seed)
        if architecture.even
        else round_layers(balanced, representative, range_share=architecture.range_share, seed=seed)
    )
    if not job.qat_steps:
        return quantized
    on_stage("training, quantized")
    folder, plan = job.training_folder / "quantized", fine_tuning_plan(job.plan, job.qat_steps)
    return fine_tune(quantized, architecture, job.patches, split, plan, representative, folder, on_progress, devices)


def _sets(job: ExportJob, split: Split) -> dict[str, list[UInt8Array]]:
    found = (
        read_sets(job.evaluate_on, job.architecture.scale)
        if job.evaluate_on
        else {HELD_OUT: [pair.hr for pair in split.held_out]}
    )
    how = "" if job.kind == BICUBIC else f" {job.kind}"
    return {f"{name}{how}": hr_planes for name, hr_planes in found.items()}


def named_by_result(job: ExportJob, state: TrainingState, graphs: dict[str, bytes]) -> ExportJob:
    """Name a job's model by what came of it: a bundled one's name is for the very same network alone.

    Parameters
    ----------
    job
        As it was asked for.
    state
        Of its training.
    graphs
        Flatbuffers by kind.

    Returns
    -------
    The job under its last name.
    """
    if job.called is not None or job.weights is not None:
        return job
    path = bundled_models().get(job.network_name)
    if path is not None and "int8" in graphs and read_model(path).spec.graph_sha256 == digest(graphs["int8"]):
        return replace(job, called=job.network_name)
    return replace(job, is_short=is_short(state.step, begun=job.begun))


def _evaluate(
    job: ExportJob, models: dict[str, Model], sets: dict[str, list[UInt8Array]], bundled: str | None
) -> list[Score]:
    methods = baselines(job.architecture.scale)
    if bundled is not None:
        methods[bundled] = method_of(open_model(read_model(bundled_models()[bundled])))
    methods |= {kind: method_of(open_model(model)) for kind, model in models.items()}
    degrade = next(name for name, degradation in DEGRADES.items() if degradation == job.kind)
    return [
        score
        for name, hr_planes in sets.items()
        for score in evaluate(name, hr_planes, job.architecture.scale, methods, degrade=degrade)
    ]


def _with_quality(model: Model, scores: Sequence[Score], sets: list[str], kind: str) -> Model:
    table = {(s.set, s.method): (round(s.psnr, 4), round(s.ssim, 5)) for s in scores}
    return replace(
        model, spec=replace(model.spec, quality=quality_rows(table, sets, kind, base_name(model.spec.scale)))
    )
