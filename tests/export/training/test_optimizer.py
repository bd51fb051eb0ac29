"""Muon on kernels, seen from what it does to a network's weights."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from export.architectures import Architecture, find_architecture
from export.training.network import build_model
from export.training.optimizer import ADAM_SHARE, make_optimizer
from export.training.plan import TrainingPlan

RATE = 0.01
WIDE = find_architecture("srcnn-935", filters=(24, 16))


@pytest.fixture
def changes() -> dict[str, np.ndarray]:
    """What the first step does to each weight, of random gradients."""
    return changes_of(TrainingPlan(steps=1, learning_rate=RATE))


def changes_of(plan: TrainingPlan, architecture: Architecture = WIDE) -> dict[str, np.ndarray]:
    model = build_model(architecture)
    optimizer = make_optimizer(plan)
    optimizer.build(model.trainable_variables)
    before = [np.array(variable) for variable in model.trainable_variables]
    rng = np.random.default_rng(1)
    optimizer.apply(
        [
            keras.ops.convert_to_tensor(rng.choice([-1.0, 1.0], b.shape) * rng.uniform(0.1, 1, b.shape), "float32")
            for b in before
        ]
    )
    after = [np.array(variable) for variable in model.trainable_variables]
    return {v.path: b - a for v, b, a in zip(model.trainable_variables, before, after, strict=True)}


@pytest.mark.parametrize("layer", ["patches", "mapping"])
def test_a_kernel_moves_at_the_same_pace_in_all_directions(changes: dict[str, np.ndarray], layer: str) -> None:
    matrix = changes[f"{layer}/kernel"]
    matrix = matrix.reshape(-1, matrix.shape[-1])
    found = np.linalg.svd(matrix, compute_uv=False) / (RATE * 0.2 * np.sqrt(max(matrix.shape)))
    assert found.min() > 0.6 and found.max() < 1.3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["patches/bias", "mapping/bias", "reconstruction/kernel", "reconstruction/bias"])
def test_biases_and_the_last_kernel_are_adams(changes: dict[str, np.ndarray], name: str) -> None:
    assert np.abs(changes[name]) == pytest.approx(RATE * ADAM_SHARE, rel=0.01), "its first step has one length"


def test_a_last_layer_of_many_sub_pixels_is_muons() -> None:
    changes = changes_of(
        TrainingPlan(steps=1, learning_rate=RATE), replace(find_architecture("fast-c16d2"), even=False)
    )
    for name in ("conv1", "conv2", "conv3"):
        matrix = changes[f"{name}/kernel"].reshape(-1, changes[f"{name}/kernel"].shape[-1])
        found = np.linalg.svd(matrix, compute_uv=False) / (RATE * 0.2 * np.sqrt(max(matrix.shape)))
        assert found.min() > 0.6 and found.max() < 1.3
        assert np.abs(changes[f"{name}/bias"]) == pytest.approx(RATE * ADAM_SHARE, rel=0.01)


def test_adam_is_adam() -> None:
    for change in changes_of(TrainingPlan(steps=1, learning_rate=RATE, optimizer="adam")).values():
        assert np.abs(change) == pytest.approx(RATE, rel=0.01)
