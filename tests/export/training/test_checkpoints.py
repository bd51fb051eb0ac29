"""A training that ends early, by whatever means, goes on from its checkpoint."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import pytest

from edge_srcnn.errors import UsageError
from export.data.pairs import Split
from export.data.patches import PatchSampler
from export.training import train as training
from export.training.checkpoints import STATE_NAME, TrainingState
from export.training.network import layers_of
from export.training.train import train
from tests.export.trainings import PLAN, SPEC, TINY, Killed, interrupted, same, stored, weight_files

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prompt_clean_up")]


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
    assert longer.state.lengths == ((3, None), (5, None))
    assert train(TINY, SPEC, split, replace(PLAN, steps=5), tmp_path).state == longer.state


def test_other_pictures_of_the_same_sizes_are_another_training(split: Split, tmp_path: Path) -> None:
    train(TINY, SPEC, split, PLAN, tmp_path)
    first = split.train[0]
    turned = replace(split, train=(replace(first, hr=first.hr[::-1].copy()), *split.train[1:]))
    with pytest.raises(UsageError, match="of other settings or pictures"):
        train(TINY, SPEC, turned, PLAN, tmp_path)


def test_minutes_count_over_all_restarts(split: Split, tmp_path: Path) -> None:
    train(TINY, SPEC, split, replace(PLAN, steps=4), tmp_path)
    state = stored(tmp_path)
    (tmp_path / STATE_NAME).write_text(json.dumps({**state, "seconds": 3600.0}))
    trained = train(TINY, SPEC, split, replace(PLAN, steps=None, minutes=60.0), tmp_path)
    assert trained.state.step == 4, "the hour was used up"


KILLED_TRAINING = """
import json, sys
from pathlib import Path
from export.data.pairs import PatchSpec, load_split
from export.architectures import find_architecture
from export.training.plan import TrainingPlan
from export.training.train import train

pictures, folder = map(Path, sys.argv[1:])
spec = PatchSpec(scale=2, halo_px=6, patch_px=16)
plan = TrainingPlan(steps=10**6, batch=4, epoch_steps=2)
train(find_architecture("srcnn-915", filters=(4, 2)), spec, load_split([pictures], spec), plan, folder)
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
    ("owner", "name", "then", "kept"),
    [
        (keras.Model, "save_weights", lambda model, path: Path(path).write_bytes(b"\x89HDF half"), 2),
        (os, "replace", lambda source, target: None, 2),
        (Path, "unlink", lambda path: None, 4),
    ],
    ids=["while the weights are written", "between weights and state", "before old weights are dropped"],
)
def test_a_crash_at_a_checkpoint_loses_one_epoch_at_most(
    split: Split,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    then: Callable[..., None],
    kept: int,
) -> None:
    with monkeypatch.context() as patch:
        crash_in(patch, owner, name, when=1 if name == "unlink" else 2, then=then)
        with pytest.raises(Killed):
            train(TINY, SPEC, split, PLAN, tmp_path)
    state = stored(tmp_path)
    assert state["step"] == kept
    assert f"step-{state['step']}.weights.h5" in weight_files(tmp_path)
    trained = train(TINY, SPEC, split, PLAN, tmp_path)
    assert [row[0] for row in trained.state.history] == [2, 4, 6]
    assert weight_files(tmp_path) == {f"step-{step}.weights.h5" for step in {6, trained.state.best_step}}


def test_a_fresh_state_knows_nothing() -> None:
    state = TrainingState()
    assert (state.step, state.best_psnr, state.history, state.rate_factor) == (0, -math.inf, (), 1.0)
