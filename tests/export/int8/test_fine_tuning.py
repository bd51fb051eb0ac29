"""The quantized network is the one that the converter writes, and goes on learning as it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from export.int8.convert import convert
from export.int8.even import even_step
from export.int8.fine_tuning import (
    RATE,
    WEIGHT_STEPS,
    build_fake_quantized,
    fine_tune,
    fine_tuning_plan,
    measure_ranges,
    quantized_layers,
)
from export.int8.gptq import round_layers
from export.int8.trace import trace
from export.training.network import stack_of
from export.training.plan import TrainingPlan

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prompt_clean_up")]


@pytest.fixture(scope="module")
def rounded(small: Any) -> Any:
    return round_layers(small.layers, small.representative)


@pytest.mark.parametrize("moved", [0.0, 0.3])
def test_in_training_it_computes_what_the_int8_model_will(either: Any, moved: float) -> None:
    even = either.architecture.even
    model = build_fake_quantized(either.architecture, round_layers(either.layers, either.representative, even=even))
    random = np.random.default_rng(0)
    for variable in model.trainable_variables:  # off the grid, as training moves them
        step = np.abs(np.array(variable)).max() / WEIGHT_STEPS
        variable.assign_add(moved * step * random.random(variable.shape))
    measure_ranges(model, either.representative, either.architecture.range_share)
    graph = convert(quantized_layers(model), either.architecture, either.representative)
    stack, differences = stack_of(model), []
    for sample in either.representative[:8]:
        trained = np.rint(keras.ops.convert_to_numpy(stack(sample)) * 255)
        plane = (np.rint(sample[0] * 255) - 128).astype(np.int8)
        outputs = [tensor.values for tensor in trace(graph, plane) if tensor.values.shape == trained.shape]
        converted = np.rint(outputs[-1] * 255)
        differences.append(np.abs(converted - trained))
    assert np.max(differences) <= 1, "where a half is rounded up here and down there"
    assert np.mean(np.array(differences) == 0) > 0.97


def test_gradients_pass_as_if_nothing_were_rounded(small: Any, rounded: Any) -> None:
    model = build_fake_quantized(small.architecture, rounded)
    measure_ranges(model, small.representative, small.architecture.range_share)
    before = [np.array(weight) for weight in model.trainable_variables]
    model.compile(keras.optimizers.SGD(1e-3), loss="mse")
    x = small.representative[0]
    model.train_on_batch(x, np.zeros((1, *(side - 12 for side in x.shape[1:3]), 1), np.float32))
    assert len(before) == 6, "the steps of the outputs are measured, not trained"
    for old, new in zip(before, model.trainable_variables, strict=True):
        assert not np.array_equal(old, np.array(new))


def test_fine_tuning_goes_on_with_the_batches_and_the_loss_of_the_training() -> None:
    plan = fine_tuning_plan(TrainingPlan(minutes=3, batch=48, seed=5), 7)
    assert (plan.batch, plan.seed, plan.steps, plan.minutes) == (48, 5, 7, None)
    assert (plan.optimizer, plan.learning_rate) == ("adam", RATE)


def test_a_fast_network_is_fine_tuned_too(fast: Any, tmp_path: Path) -> None:
    rounded = round_layers(fast.layers, fast.representative, even=True)
    plan = fine_tuning_plan(TrainingPlan(steps=9, batch=8), 4)
    tuned = fine_tune(rounded, fast.architecture, fast.spec, fast.split, plan, fast.representative, tmp_path)
    for layer in tuned:
        even = layer is tuned[-1]
        step = even_step(layer.kernel) if even else np.abs(layer.kernel).max(axis=(0, 1, 2)) / WEIGHT_STEPS
        steps = layer.kernel / step
        assert np.abs(steps - np.rint(steps)).max() < 1e-3


def test_fine_tuned_weights_lie_on_the_grid_and_a_second_call_reads_them_again(
    small: Any, rounded: Any, tmp_path: Path
) -> None:
    # two levels too bright: whichever way the rest is rounded, every step takes some of that away and is kept
    *rest, last = rounded
    bright = (*rest, replace(last, bias=last.bias + np.float32(2 / 255)))

    def tuned() -> Any:
        spec, split, plan = small.spec, small.split, fine_tuning_plan(TrainingPlan(steps=9, batch=8), 4)
        return fine_tune(bright, small.architecture, spec, split, plan, small.representative, tmp_path)

    first, again = tuned(), tuned()
    for layer, same, old in zip(first, again, bright, strict=True):
        steps = layer.kernel / (np.abs(layer.kernel).max(axis=(0, 1, 2)) / WEIGHT_STEPS)
        assert np.abs(steps - np.rint(steps)).max() < 1e-3
        assert np.array_equal(layer.kernel, same.kernel)
        assert np.array_equal(layer.bias, same.bias)
        assert np.abs(layer.bias - old.bias).max() > 0, "it has moved"
    assert first[-1].bias < bright[-1].bias, "and towards the ground truth"


def test_the_fine_tuning_of_an_earlier_network_makes_room(small: Any, rounded: Any, tmp_path: Path) -> None:
    def tuned(layers: Any, folder: Path) -> Any:
        spec, split, plan = small.spec, small.split, fine_tuning_plan(TrainingPlan(steps=9, batch=8), 4)
        return fine_tune(layers, small.architecture, spec, split, plan, small.representative, folder)

    later = tuple(replace(layer, bias=layer.bias + np.float32(1e-3)) for layer in rounded)
    tuned(rounded, tmp_path / "used")
    for a, b in zip(tuned(later, tmp_path / "used"), tuned(later, tmp_path / "fresh"), strict=True):
        assert np.array_equal(a.kernel, b.kernel)
        assert np.array_equal(a.bias, b.bias)
    assert {path.name for path in (tmp_path / "used").iterdir()} == {
        path.name for path in (tmp_path / "fresh").iterdir()
    }


def test_what_does_not_better_the_network_is_not_kept(
    small: Any, rounded: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = replace(fine_tuning_plan(TrainingPlan(steps=9, batch=8), 4), learning_rate=0.03)  # spoils it
    kept = fine_tune(rounded, small.architecture, small.spec, small.split, plan, small.representative, tmp_path)
    for layer, old in zip(kept, rounded, strict=True):
        assert np.allclose(layer.kernel, old.kernel, atol=1e-7)
        assert np.allclose(layer.bias, old.bias, atol=1e-6)
