"""Say where a model comes from: for its metadata and card, and for the report."""

import os

import keras

from edge_srcnn.models.file import Model
from edge_srcnn.models.spec import Training
from export.data.pairs import Split
from export.job import ExportJob
from export.training.checkpoints import TrainingState
from export.training.plan import SHORT_STEPS, SHORT_STEPS_BEGUN, is_short

_THREADS = "TF_NUM_INTRAOP_THREADS"  # TensorFlow's own; without it there are as many as processors


def training_facts(job: ExportJob, split: Split, state: TrainingState) -> Training:
    """Collect what the metadata says of a training: pictures, licence, length, seed, and the command."""
    learned = job.weights is None or job.qat_steps > 0
    names = tuple(folder.resolve().name for folder in job.data) or ("scikit-image photographs",)
    return Training(
        data=names if learned else (),
        licence=job.licence,
        pictures=split.n_pictures if learned else 0,
        steps=state.step,
        minutes=job.plan.minutes if job.weights is None else None,  # not those it took: the same steps, the same file
        seed=job.plan.seed,
        held_out_psnr=round(state.best_psnr, 3) if state.history else None,
        weights=job.weights.name if job.weights is not None else None,
        command=job.command,
        qat_steps=job.qat_steps,
        differs=differs(state) if learned else None,
        degradation=job.degradation if job.degradation != job.kind else None,
    )


def short_remark(job: ExportJob, state: TrainingState) -> str:
    """Say that a training was short, and what would be better; empty where it was not, or there was none."""
    if job.weights is not None or not is_short(state.step, begun=job.begun):
        return ""
    usual = SHORT_STEPS_BEGUN if job.begun else SHORT_STEPS
    return f"Short training: {state.step:,} steps, where {usual:,} and more are usual."


def differs(state: TrainingState) -> str | None:
    """Say why the same command would not give the same bytes; None where it would."""
    if len(state.lengths) > 1:
        return "this one was continued after a training of another length"
    if (most := max(state.devices, default=1)) > 1:
        return f"this one was trained on {most} devices, which add up in another order than one"
    if not all(name.startswith("cpu") for name in keras.distribution.list_devices()):
        return "this one was trained on a GPU, which adds up in any order"
    if threads := os.environ.get(_THREADS):
        return f"this one was trained with {_THREADS}={threads}, and what threads add up depends on their number"
    return None


def report_facts(model: Model, split: Split, state: TrainingState) -> tuple[tuple[str, str], ...]:
    """List what the report says of a model, as (label, value); what is not known is left out."""
    spec, training = model.spec, model.spec.training
    filters = ", ".join(str(outputs) for _, outputs in spec.layers[:-1])
    shape = " ".join(f"{k}x{k}" for k, _ in spec.layers)
    facts = {
        "Network": f"{spec.architecture}: {shape}, filters {filters}, {'residual' if spec.residual else 'direct'}",
        "Scale": f"x{spec.scale}",
        "Numbers": spec.quantization,
        "Degraded pictures" if spec.scale == 1 else "Low-resolution pictures": spec.trained_on,
        "Weights": training.weights or f"trained here, {training.steps} steps in {state.seconds / 60:.1f} minutes",
        "Trained after GPTQ": f"{training.qat_steps} steps" if training.qat_steps else "",
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
