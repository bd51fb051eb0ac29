"""Quantization-aware fine-tuning: a network that is quantized already learns what that still costs."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from export.architectures import Architecture, Layer
from export.data.pairs import Float32Array, PatchSpec, Split
from export.int8.fake_quant import build_fake_quantized, measure_ranges, quantized_layers
from export.training.checkpoints import Checkpoints
from export.training.plan import TrainingPlan
from export.training.train import Progress, fingerprint, fit

N_RANGE_SAMPLES = 64
RATE = 2e-5
"""Peak of Adam's learning rate: more, and the weights leave the grid that they are on."""


def fine_tuning_plan(plan: TrainingPlan, steps: int) -> TrainingPlan:
    """So many more steps of a training's own batches and loss, at a rate that suits quantized weights."""
    length = replace(plan, steps=steps, minutes=None, precision="float32", symmetry="none")
    return replace(length, optimizer="adam", learning_rate=RATE, final_rate=RATE / 100)


def fine_tune(
    layers: tuple[Layer, ...],
    architecture: Architecture,
    spec: PatchSpec,
    split: Split,
    plan: TrainingPlan,
    representative: list[Float32Array],
    folder: Path,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> tuple[Layer, ...]:
    """Train quantized layers on.

    Parameters
    ----------
    layers
        The network, its weights on the int8 grid, as ``round_layers`` gives them.
    plan
        As ``fine_tuning_plan`` makes it.
    representative
        Float32 ``[1, h, w, u * u]`` in 0..1: what the converter will take the ranges from, too.
    folder
        Holds the checkpoints. One of the same layers and settings is continued, another is replaced.

    Returns
    -------
    Layers on the grid: the converter rounds nothing any more. Those that came in, where no step bettered them.

    Raises
    ------
    BadData, CannotWrite
        As those of ``export.training.train.train``.
    """
    model = build_fake_quantized(architecture, layers)
    samples = representative[:N_RANGE_SAMPLES]
    began_with = b"".join(layer.kernel.tobytes() + layer.bias.tobytes() for layer in layers)
    checkpoints = Checkpoints(folder, fingerprint(architecture, spec, split, plan, began_with), expendable=True)
    measure_ranges(model, samples, architecture.range_share)
    trained = fit(
        *(model, spec, split, plan, checkpoints, on_progress),
        before_epoch=lambda: measure_ranges(model, samples, architecture.range_share),
        never_worse=True,
    )
    return quantized_layers(trained.model)
