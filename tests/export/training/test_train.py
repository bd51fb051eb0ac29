"""Trainings of seconds: better pictures, whatever the plan, from nothing or from given weights."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from edge_srcnn.errors import BadData, NoInput
from export.architectures import find_architecture
from export.data.edges import draw_edges
from export.data.pair import GREY_LEVEL, UNCOUNTED, Pair
from export.data.pairs import Split, load_split
from export.data.patch_spec import patch_spec
from export.data.patches import centre_crops
from export.training.losses import PATTERN_FLOOR, beside_edges, psnr
from export.training.network import build_model, layers_of, set_layers
from export.training.plan import TrainingPlan
from export.training.schedule import Progress
from export.training.start_from import begin_with
from export.training.train import Trained, train
from tests.export.layers import random_layers
from tests.export.trainings import PLAN, SPEC, TINY, same, weight_files

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prompt_clean_up")]


# --- it learns ---


def test_a_fast_network_is_evaluated_by_what_it_adds_to_the_bicubic_picture(fast: Any) -> None:
    trained: Trained = fast.trained
    assert trained.state.best_psnr > trained.base_psnr + 0.1, "at step 0 the network is bicubic"
    x, hr, base = centre_crops(fast.split.held_out, fast.spec)
    out = np.clip(base + keras.ops.convert_to_numpy(trained.model(x, training=False)), 0, 1).astype(np.float64)
    psnr = float(np.mean(-10 * np.log10(np.mean((out - hr) ** 2, axis=(1, 2, 3)))))
    assert psnr == pytest.approx(trained.state.best_psnr, abs=1e-3)


def test_a_short_training_is_better_than_step_0_on_pictures_it_never_saw(small: Any) -> None:
    trained: Trained = small.trained
    assert [step for step, _, _ in trained.state.history] == [30, 60, 90]
    assert trained.state.best_psnr > trained.base_psnr + 0.3, "at step 0 the network is bicubic"
    losses = [loss for _, _, loss in trained.state.history]
    assert losses[-1] < losses[0]


def test_the_returned_network_has_the_weights_of_the_best_evaluation(small: Any) -> None:
    trained: Trained = small.trained
    x, hr, _ = centre_crops(small.split.held_out, small.spec)
    out = np.clip(keras.ops.convert_to_numpy(trained.model(x, training=False)), 0, 1).astype(np.float64)
    psnr = float(np.mean(-10 * np.log10(np.mean((out - hr) ** 2, axis=(1, 2, 3)))))
    assert psnr == pytest.approx(trained.state.best_psnr, abs=1e-3)
    assert trained.state.best_psnr == max(row[1] for row in trained.state.history)


def test_bicubic_is_evaluated_on_the_same_crops(small: Any) -> None:
    _, hr, base = centre_crops(small.split.held_out, small.spec)
    error = base.astype(np.float64) - hr
    psnr = float(np.mean(-10 * np.log10(np.mean(error**2, axis=(1, 2, 3)))))
    assert small.trained.base_psnr == pytest.approx(psnr, abs=1e-6)


def test_progress_is_told_and_ends_at_1(split: Split, tmp_path: Path) -> None:
    told: list[Progress] = []
    train(TINY, SPEC, split, replace(PLAN, steps=12, epoch_steps=6), tmp_path, told.append)
    assert [progress.step for progress in told] == [6, 10, 12], "each evaluation, and every tenth step"
    assert [progress.done for progress in told] == pytest.approx([6 / 12, 10 / 12, 1.0])
    assert all(progress.psnr > 10 for progress in told)
    assert told[0].seconds <= told[1].seconds <= told[2].seconds


def test_minutes_end_a_training_in_the_middle_of_an_epoch(split: Split, tmp_path: Path) -> None:
    plan = TrainingPlan(minutes=1.5 / 60, batch=4, epoch_steps=10**6)
    begun = time.monotonic()
    state = train(TINY, SPEC, split, plan, tmp_path).state
    assert state.seconds >= 1.5
    assert time.monotonic() - begun < 30
    assert 0 < state.step == state.best_step < 10**6
    assert weight_files(tmp_path) == {f"step-{state.step}.weights.h5"}


def test_half_precision_leaves_whole_weights_and_no_policy_behind(split: Split, tmp_path: Path) -> None:
    plan = TrainingPlan(steps=2, batch=2, epoch_steps=2, precision="mixed_bfloat16")
    trained = train(TINY, SPEC, split, plan, tmp_path)
    assert all(layer.kernel.dtype == np.float32 for layer in layers_of(trained.model))
    assert keras.mixed_precision.global_policy().name == "float32"
    assert trained.model.get_layer("srcnn").get_layer("patches").compute_dtype == "bfloat16"


def test_flat_pictures_are_refused(tmp_path: Path) -> None:
    plane = np.full((80, 80), 90, np.uint8)
    flat = Split(train=(Pair(plane, plane, plane),), held_out=(Pair(plane, plane, plane),), n_pictures=2)
    with pytest.raises(BadData, match="the pictures are flat"):
        train(TINY, SPEC, flat, PLAN, tmp_path)


def test_history_tells_the_mean_square_error(split: Split, tmp_path: Path) -> None:
    history = train(TINY, SPEC, split, replace(PLAN, steps=4), tmp_path).state.history
    assert all(0 < error < 0.1 for _, _, error in history)


# --- it leaves no pattern ---


def test_drawn_edges_teach_a_network_to_leave_no_pattern_beside_them(pictures: Path, tmp_path: Path) -> None:
    """Of such edges as it never saw, 200 steps with them leave a tenth of what 200 steps without them do."""
    network = find_architecture("fast-c4d2")
    spec = patch_spec(network, 16)
    split, new = load_split([pictures], spec), draw_edges(spec, seed=9)[:40]
    planes = np.stack([pair.plane for pair in new])[..., None].astype(np.float32) / np.float32(255)
    place = slice(spec.halo_px * 2, -spec.halo_px * 2)
    goals = np.stack([pair.goal((place, place), adds=True) for pair in new])[..., None]
    strips = np.where(goals == UNCOUNTED, np.nan, goals / np.float32(255 * GREY_LEVEL)).astype(np.float32)

    def pattern(edges: float) -> float:
        plan = TrainingPlan(steps=200, batch=16, epoch_steps=100, learning_rate=1e-2, edges=edges)
        trained = train(network, spec, split, plan, tmp_path / f"{edges:g}")
        assert all(0 < error < 0.1 for _, _, error in trained.state.history), "drawings add nothing to it"
        figures = keras.ops.exp(beside_edges(psnr, 2)(strips, trained.model(planes, training=False)))
        return float(keras.ops.mean(figures) - PATTERN_FLOOR)

    assert pattern(0.2) < pattern(0.0) / 10


# --- it begins with given weights ---


def test_a_training_can_begin_with_trained_weights(small: Any, tmp_path: Path) -> None:
    small.trained.model.save_weights(tmp_path / "best.weights.h5")
    still = TrainingPlan(steps=1, batch=2, epoch_steps=1, learning_rate=1e-9, final_rate=1e-9)
    trained = train(
        small.architecture, small.spec, small.split, still, tmp_path / "next", start_from=tmp_path / "best.weights.h5"
    )
    assert trained.state.best_psnr == pytest.approx(small.trained.state.best_psnr, abs=1e-3)


@pytest.mark.parametrize("block", ["", "b2"])
def test_a_network_can_begin_with_the_body_of_one_for_another_scale(
    split: Split, tmp_path: Path, block: str, caplog: pytest.LogCaptureFixture
) -> None:
    first, other = (find_architecture(f"fast-c4d2{block}", scale) for scale in (2, 3))
    model = build_model(first)
    set_layers(model, random_layers(first))
    model.save_weights(tmp_path / "x2.weights.h5")
    begun = build_model(other)
    fresh = layers_of(begun)[-1]
    with caplog.at_level("INFO"):
        begin_with(begun, other, tmp_path / "x2.weights.h5")
    assert same(layers_of(begun)[:-1], layers_of(model)[:-1])
    assert same(layers_of(begun)[-1:], (fresh,)), "the last layer begins anew"
    assert "is a network for x2: all layers but the last are taken from it" in caplog.text


def test_weights_of_another_width_are_no_body(tmp_path: Path) -> None:
    build_model(find_architecture("fast-c8d2", 2)).save_weights(tmp_path / "other.weights.h5")
    network = find_architecture("fast-c4d2", 3)
    with pytest.raises(BadData, match="no weights of a fast-c4d2 that was trained here"):
        begin_with(build_model(network), network, tmp_path / "other.weights.h5")


def test_weights_to_begin_with_must_exist_and_fit(split: Split, tmp_path: Path) -> None:
    build_model(find_architecture("srcnn-915", filters=(8, 4))).save_weights(tmp_path / "other.weights.h5")
    (tmp_path / "text.weights.h5").write_text("hello")
    with pytest.raises(NoInput, match="no such file"):
        train(TINY, SPEC, split, PLAN, tmp_path / "t", start_from=tmp_path / "nowhere.weights.h5")
    for name in ("other.weights.h5", "text.weights.h5"):
        with pytest.raises(BadData, match="no weights of a srcnn-915 that was trained here") as caught:
            train(TINY, SPEC, split, PLAN, tmp_path / "t", start_from=tmp_path / name)
        assert "\n" not in str(caught.value)
