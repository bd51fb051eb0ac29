"""Trainings of seconds: better pictures, checkpoints that survive anything, and a network that gets up again."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from edge_srcnn.errors import BadData, CannotWrite, EdgeSrcnnError, NoInput, UsageError
from edge_srcnn.imaging.luma import UInt8Array
from export import training
from export.architecture import Architecture, Layer, layers_of
from export.checkpoints import STATE_NAME, TrainingState
from export.dataset import Pair, PatchSampler, PatchSpec, Split, centre_crops, load_split
from export.losses import LOSSES
from export.optimizer import make_optimizer
from export.plan import TrainingPlan
from export.training import COLLAPSE_DB, Progress, Trained, train

Draw = Callable[..., UInt8Array]

pytestmark = pytest.mark.usefixtures("prompt_clean_up")

TINY = Architecture("srcnn-915", (4, 2))
SPEC = PatchSpec(scale=2, halo_px=6, patch_px=16)
PLAN = TrainingPlan(steps=6, batch=4, epoch_steps=2)


class Killed(BaseException):
    """What ends a training at a place of our choice; like an interrupt, it is no Exception."""


@pytest.fixture(scope="module")
def split(pictures: Path) -> Split:
    return load_split([pictures], SPEC)


def kill_at(step: int) -> Callable[[Progress], None]:
    """Ends the training as soon as the checkpoint of ``step`` is written."""

    def on_progress(progress: Progress) -> None:
        if progress.step >= step:
            raise Killed

    return on_progress


def interrupted(split: Split, folder: Path, step: int, plan: TrainingPlan = PLAN) -> None:
    with pytest.raises(Killed):
        train(TINY, SPEC, split, plan, folder, kill_at(step))


def stored(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((folder / STATE_NAME).read_text())
    return state


def weight_files(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.weights.h5")}


def same(a: tuple[Layer, ...], b: tuple[Layer, ...], tolerance: float = 0.0) -> bool:
    return all(
        np.allclose(x.kernel, y.kernel, rtol=0, atol=tolerance) and np.allclose(x.bias, y.bias, rtol=0, atol=tolerance)
        for x, y in zip(a, b, strict=True)
    )


# --- the plan ---


def test_the_rate_climbs_then_follows_half_a_cosine() -> None:
    plan = TrainingPlan(steps=1000, learning_rate=2e-3, final_rate=1e-5, warmup=0.02)
    assert plan.rate(0.0) == pytest.approx(2e-5), "a hundredth, not nothing"
    assert plan.rate(0.01) == pytest.approx(1e-3), "half-way up"
    assert plan.rate(0.02) == pytest.approx(2e-3), "the peak"
    assert plan.rate(0.51) == pytest.approx((2e-3 + 1e-5) / 2), "cos(pi/2) = 0"
    assert plan.rate(0.02 + 0.98 / 3) == pytest.approx(1e-5 + 0.75 * (2e-3 - 1e-5)), "cos(pi/3) = 1/2"
    assert plan.rate(1.0) == pytest.approx(1e-5)


def test_without_a_warmup_the_rate_starts_at_its_peak() -> None:
    assert TrainingPlan(steps=10, learning_rate=1e-3, warmup=0.0).rate(0.0) == pytest.approx(1e-3)


def test_progress_counts_steps_or_minutes() -> None:
    by_steps, by_minutes = TrainingPlan(steps=200), TrainingPlan(minutes=2.0)
    assert [by_steps.progress(step, 1e9) for step in (0, 50, 200, 300)] == [0.0, 0.25, 1.0, 1.0]
    assert [by_minutes.progress(10**9, seconds) for seconds in (0.0, 30.0, 120.0, 500.0)] == [0.0, 0.25, 1.0, 1.0]


@pytest.mark.parametrize(
    "length",
    [{}, {"steps": 5, "minutes": 1.0}, {"steps": 0}, {"steps": -1}, {"minutes": 0.0}, {"minutes": -2.0},
     {"minutes": math.nan}],
)  # fmt: skip
def test_a_plan_needs_one_length_of_more_than_nothing(length: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="--steps"):
        TrainingPlan(**length)


# --- it learns ---


def test_a_short_training_is_better_than_step_0_on_pictures_it_never_saw(small: Any) -> None:
    trained: Trained = small.trained
    assert [step for step, _, _ in trained.state.history] == [30, 60, 90]
    assert trained.state.best_psnr > trained.bicubic_psnr + 0.3, "at step 0 the network is bicubic"
    losses = [loss for _, _, loss in trained.state.history]
    assert losses[-1] < losses[0]


def test_the_returned_network_has_the_weights_of_the_best_judgement(small: Any) -> None:
    trained: Trained = small.trained
    x, truth = centre_crops(small.split.held_out, small.spec.halo_px)
    out = np.clip(keras.ops.convert_to_numpy(trained.model(x, training=False)), 0, 1).astype(np.float64)
    psnr = float(np.mean(-10 * np.log10(np.mean((out - truth) ** 2, axis=(1, 2, 3)))))
    assert psnr == pytest.approx(trained.state.best_psnr, abs=1e-3)
    assert trained.state.best_psnr == max(row[1] for row in trained.state.history)


def test_bicubic_is_judged_on_the_same_crops(small: Any) -> None:
    x, truth = centre_crops(small.split.held_out, small.spec.halo_px)
    error = x[:, 6:-6, 6:-6].astype(np.float64) - truth
    psnr = float(np.mean(-10 * np.log10(np.mean(error**2, axis=(1, 2, 3)))))
    assert small.trained.bicubic_psnr == pytest.approx(psnr, abs=1e-6)


def test_progress_is_told_and_ends_at_1(split: Split, tmp_path: Path) -> None:
    told: list[Progress] = []
    train(TINY, SPEC, split, replace(PLAN, steps=12, epoch_steps=6), tmp_path, told.append)
    assert [progress.step for progress in told] == [6, 10, 12], "each judgement, and every tenth step"
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
    flat = Split(train=(Pair(plane, plane),), held_out=(Pair(plane, plane),), n_pictures=2)
    with pytest.raises(BadData, match="the pictures are flat"):
        train(TINY, SPEC, flat, PLAN, tmp_path)


def test_averaged_weights_are_what_is_kept(split: Split, tmp_path: Path) -> None:
    steady = replace(PLAN, steps=2, warmup=0.0, learning_rate=0.02, final_rate=0.02)

    def kernel(name: str, **changes: Any) -> np.ndarray[Any, Any]:
        return layers_of(train(TINY, SPEC, split, replace(steady, **changes), tmp_path / name).model)[0].kernel

    first, second = kernel("first", steps=1), kernel("second")
    assert np.abs(first - second).max() > 1e-3
    np.testing.assert_allclose(kernel("averaged", ema=0.25), 0.25 * first + 0.75 * second, atol=1e-6)


def test_charbonnier_comes_first_and_the_other_loss_after_it(split: Split, tmp_path: Path) -> None:
    plan = replace(PLAN, steps=8, charbonnier=0.5)
    interrupted(split, tmp_path / "cut", 6, plan)
    cut, whole = (train(TINY, SPEC, split, plan, tmp_path / name) for name in ("cut", "whole"))
    assert [row[0] for row in whole.state.history] == [2, 4, 6, 8]
    assert same(layers_of(cut.model), layers_of(whole.model), tolerance=1e-5)

    alone = train(TINY, SPEC, split, replace(plan, charbonnier=1.0), tmp_path / "alone").state.history
    assert whole.state.history[:2] == alone[:2]
    assert whole.state.history[3] != alone[3]


def test_each_loss_trains_in_its_own_way(split: Split, tmp_path: Path) -> None:
    by_loss = {
        loss: train(TINY, SPEC, split, replace(PLAN, steps=4, loss=loss), tmp_path / loss).state.history
        for loss in LOSSES
    }
    assert by_loss["psnr"] != by_loss["mse"]
    for history in by_loss.values():
        assert all(0 < error < 0.1 for _, _, error in history), "the mean square error, whatever the loss"


# --- it goes on ---


def test_an_interrupted_training_ends_with_the_weights_of_one_that_was_not(split: Split, tmp_path: Path) -> None:
    plan = replace(PLAN, steps=15, epoch_steps=5)
    whole = train(TINY, SPEC, split, plan, tmp_path / "whole")
    interrupted(split, tmp_path / "cut", 5, plan)
    assert (stored(tmp_path / "cut")["step"], weight_files(tmp_path / "cut")) == (5, {"step-5.weights.h5"})
    continued = train(TINY, SPEC, split, plan, tmp_path / "cut")
    assert [row[0] for row in continued.state.history] == [5, 10, 15]
    assert continued.state.step == whole.state.step == 15
    assert continued.state.best_psnr == pytest.approx(whole.state.best_psnr, abs=1e-3)
    assert same(layers_of(continued.model), layers_of(whole.model), tolerance=1e-5)
    assert not same(layers_of(whole.model), layers_of(training.build_model(TINY)), tolerance=1e-3), "it has learned"


def test_a_finished_training_is_only_read_again(split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = train(TINY, SPEC, split, PLAN, tmp_path)
    monkeypatch.setattr(PatchSampler, "batch", lambda *_: pytest.fail("a batch was drawn"))
    again = train(TINY, SPEC, split, PLAN, tmp_path)
    assert again.state == first.state
    assert same(layers_of(again.model), layers_of(first.model))


def test_a_finished_training_can_be_made_longer(split: Split, tmp_path: Path) -> None:
    train(TINY, SPEC, split, replace(PLAN, steps=3), tmp_path)
    longer = train(TINY, SPEC, split, replace(PLAN, steps=5), tmp_path)
    assert longer.state.step == 5
    assert [row[0] for row in longer.state.history][:2] == [2, 3], "the end of an epoch, and of the first training"


def test_minutes_count_over_all_restarts(split: Split, tmp_path: Path) -> None:
    train(TINY, SPEC, split, replace(PLAN, steps=4), tmp_path)
    state = stored(tmp_path)
    (tmp_path / STATE_NAME).write_text(json.dumps({**state, "seconds": 3600.0}))
    trained = train(TINY, SPEC, split, replace(PLAN, steps=None, minutes=60.0), tmp_path)
    assert trained.state.step == 4, "the hour was used up"


KILLED_TRAINING = """
import json, sys
from pathlib import Path
from export.dataset import PatchSpec, load_split
from export.architecture import Architecture
from export.losses import LOSSES
from export.plan import TrainingPlan
from export.training import train

pictures, folder = map(Path, sys.argv[1:])
spec = PatchSpec(scale=2, halo_px=6, patch_px=16)
plan = TrainingPlan(steps=10**6, batch=4, epoch_steps=2)
train(Architecture("srcnn-915", (4, 2)), spec, load_split([pictures], spec), plan, folder)
"""


def test_a_training_killed_by_the_system_goes_on_from_its_checkpoint(
    pictures: Path, split: Split, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED_TRAINING, str(pictures), str(tmp_path)],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / STATE_NAME).is_file() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.3)  # in the middle of one of its hundred writes
    finally:
        process.send_signal(signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL, "it ran until it was killed"

    killed_at = stored(tmp_path)["step"]
    assert killed_at >= 2
    trained = train(TINY, SPEC, split, replace(PLAN, steps=killed_at + 3), tmp_path)
    assert trained.state.step == killed_at + 3
    assert [row[0] for row in trained.state.history][-3:] == [killed_at, killed_at + 2, killed_at + 3]


def crash_in(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, when: int, then: Callable[..., None]) -> None:
    """Let the ``when``-th call of a function crash the process, after ``then``."""
    real = getattr(owner, name)
    calls = 0

    def crashing(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == when:
            then(*args)
            raise Killed
        return real(*args, **options)

    monkeypatch.setattr(owner, name, crashing)


@pytest.mark.parametrize(
    ("owner", "name", "then"),
    [
        (keras.Model, "save_weights", lambda model, path: Path(path).write_bytes(b"\x89HDF half")),
        (os, "replace", lambda source, target: None),
        (Path, "unlink", lambda path: None),
    ],
    ids=["while the weights are written", "between weights and state", "before old weights are dropped"],
)
def test_a_crash_at_a_checkpoint_loses_one_epoch_at_most(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, then: Callable[..., None]
) -> None:
    with monkeypatch.context() as patch:
        crash_in(patch, owner, name, when=1 if name == "unlink" else 2, then=then)
        with pytest.raises(Killed):
            train(TINY, SPEC, split, PLAN, tmp_path)
    state = stored(tmp_path)
    assert state["step"] in (2, 4, 6)
    assert f"step-{state['step']}.weights.h5" in weight_files(tmp_path)
    trained = train(TINY, SPEC, split, PLAN, tmp_path)
    assert [row[0] for row in trained.state.history] == [2, 4, 6]
    assert weight_files(tmp_path) == {f"step-{step}.weights.h5" for step in {6, trained.state.best_step}}


@pytest.mark.parametrize(
    "change",
    [
        {"plan": replace(PLAN, seed=1)},
        {"plan": replace(PLAN, batch=5)},
        {"plan": replace(PLAN, learning_rate=1e-3)},
        {"plan": replace(PLAN, optimizer="adam")},
        {"architecture": Architecture("srcnn-915", (4, 3))},
        {"architecture": replace(TINY, residual=False)},
        {"spec": replace(SPEC, min_std=10.0)},
    ],
    ids=lambda change: " ".join(change),
)
def test_a_checkpoint_of_other_settings_is_refused(
    split: Split, tmp_path_factory: pytest.TempPathFactory, change: dict[str, Any], first_checkpoint: Path
) -> None:
    settings = {"architecture": TINY, "spec": SPEC, "plan": PLAN} | change
    with pytest.raises(UsageError, match="other settings or pictures; give another -o, or --restart"):
        train(settings["architecture"], settings["spec"], split, settings["plan"], first_checkpoint)


@pytest.fixture(scope="module")
def first_checkpoint(split: Split, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    train(TINY, SPEC, split, replace(PLAN, steps=1), folder)
    return folder


def test_a_checkpoint_of_other_pictures_is_refused(split: Split, first_checkpoint: Path) -> None:
    fewer = replace(split, train=split.train[1:])
    with pytest.raises(UsageError, match="other settings or pictures"):
        train(TINY, SPEC, fewer, PLAN, first_checkpoint)


@pytest.mark.parametrize("state", ["", "{", "[]", "{}", '{"fingerprint": "x", "history": 5}', "\x00\x01"])
def test_a_damaged_state_is_bad_data(split: Split, tmp_path: Path, state: str) -> None:
    (tmp_path / STATE_NAME).write_text(state)
    with pytest.raises(BadData, match=r"a damaged checkpoint .*; --restart drops it"):
        train(TINY, SPEC, split, PLAN, tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"\x89HDF half"])
def test_damaged_or_missing_weights_of_a_checkpoint_are_bad_data(
    split: Split, tmp_path: Path, first_checkpoint: Path, content: bytes | None
) -> None:
    (tmp_path / STATE_NAME).write_bytes((first_checkpoint / STATE_NAME).read_bytes())
    if content is not None:
        (tmp_path / "step-1.weights.h5").write_bytes(content)
    with pytest.raises(BadData, match=r"step-1\.weights\.h5: a damaged checkpoint .*; --restart drops it"):
        train(TINY, SPEC, split, PLAN, tmp_path)


def test_a_file_where_the_folder_should_be_cannot_be_written(split: Split, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(CannotWrite, match="cannot be made"):
            train(TINY, SPEC, split, PLAN, folder)


def test_a_checkpoint_that_cannot_be_written_ends_the_training(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Model, "save_weights", full)
    with pytest.raises(CannotWrite, match=r"no checkpoint can be written .No space left on device"):
        train(TINY, SPEC, split, PLAN, tmp_path)


def test_a_full_disk_ends_the_training_before_hdf5_meets_it(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=100_000))
    with pytest.raises(CannotWrite, match=r"no room for a checkpoint of 20\d kB"):
        train(TINY, SPEC, split, PLAN, tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- it begins with given weights ---


def test_a_training_can_begin_with_trained_weights(small: Any, tmp_path: Path) -> None:
    small.trained.model.save_weights(tmp_path / "best.weights.h5")
    still = TrainingPlan(steps=1, batch=2, epoch_steps=1, learning_rate=1e-9, final_rate=1e-9)
    trained = train(
        small.architecture, small.spec, small.split, still, tmp_path / "next", start_from=tmp_path / "best.weights.h5"
    )
    assert trained.state.best_psnr == pytest.approx(small.trained.state.best_psnr, abs=1e-3)


def test_weights_to_begin_with_must_exist_and_fit(split: Split, tmp_path: Path) -> None:
    training.build_model(Architecture("srcnn-915", (8, 4))).save_weights(tmp_path / "other.weights.h5")
    (tmp_path / "text.weights.h5").write_text("hello")
    with pytest.raises(NoInput, match="no such file"):
        train(TINY, SPEC, split, PLAN, tmp_path / "t", start_from=tmp_path / "nowhere.weights.h5")
    for name in ("other.weights.h5", "text.weights.h5"):
        with pytest.raises(BadData, match="no weights of a srcnn-915 that was trained here") as caught:
            train(TINY, SPEC, split, PLAN, tmp_path / "t", start_from=tmp_path / name)
        assert "\n" not in str(caught.value)


# --- it gets up again ---


def spoil_at(monkeypatch: pytest.MonkeyPatch, judgement: int, value: float) -> list[float]:
    """Ruin the network just before a judgement; returns the learning rates that the judgements found."""
    real = training._Judge.psnr
    rates: list[float] = []

    def judged(self: Any, model: keras.Model) -> float:
        rates.append(float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)))
        if len(rates) == judgement:
            model.set_weights([np.full_like(weight, value) for weight in model.get_weights()])
        return real(self, model)

    monkeypatch.setattr(training._Judge, "psnr", judged)
    return rates


@pytest.mark.parametrize("value", [0.5, math.nan], ids=["wild weights", "no numbers"])
def test_a_collapsed_network_goes_back_to_its_best_and_on_at_half_the_rate(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, value: float
) -> None:
    rates = spoil_at(monkeypatch, 2, value)
    trained = train(TINY, SPEC, split, PLAN, tmp_path)

    (_, first, _), (_, fallen, _), (_, last, _) = trained.state.history
    assert not fallen >= first - COLLAPSE_DB
    assert last > first - COLLAPSE_DB, "up again after two more steps"
    assert trained.state.rate_factor == 0.5
    # the last batch of an epoch is trained at the progress before it: 1/6, 3/6, 5/6
    expected = [PLAN.rate(1 / 6), PLAN.rate(3 / 6), PLAN.rate(5 / 6) / 2]
    assert rates == pytest.approx(expected, rel=1e-5)
    assert "step 4: the network collapsed; back to step 2, slower" in caplog.text


def test_the_checkpoint_after_a_collapse_holds_the_best_weights(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil_at(monkeypatch, 2, 0.5)
    interrupted(split, tmp_path, step=4)
    state = stored(tmp_path)
    assert (state["step"], state["best_step"], state["rate_factor"]) == (4, 2, 0.5)
    models = [training.build_model(TINY) for _ in range(2)]
    for model, step in zip(models, (2, 4), strict=True):
        model.compile(make_optimizer(PLAN))
        model.optimizer.build(model.trainable_variables)
        model.load_weights(tmp_path / f"step-{step}.weights.h5")
    assert same(layers_of(models[0]), layers_of(models[1]))


def test_a_training_that_never_stood_says_what_to_do(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil_at(monkeypatch, 1, math.nan)
    with pytest.raises(EdgeSrcnnError, match="diverged within 2 steps; give a lower --learning-rate"):
        train(TINY, SPEC, split, PLAN, tmp_path)
    assert not (tmp_path / STATE_NAME).exists()


def test_a_fresh_state_knows_nothing() -> None:
    state = TrainingState()
    assert (state.step, state.best_psnr, state.history, state.rate_factor) == (0, -math.inf, (), 1.0)
