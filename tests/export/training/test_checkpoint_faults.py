"""Checkpoints that are damaged, of another training, or cannot be written: an error, and what to do."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import pytest

from edge_srcnn.errors import BadData, CannotWrite, UsageError
from export.architectures import find_architecture
from export.data.pairs import Split
from export.training.checkpoints import STATE_NAME
from export.training.train import train
from tests.export.trainings import PLAN, SPEC, TINY, stored

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prompt_clean_up")]


@pytest.mark.parametrize(
    "change",
    [
        {"plan": replace(PLAN, seed=1)},
        {"plan": replace(PLAN, batch=5)},
        {"plan": replace(PLAN, learning_rate=1e-3)},
        {"plan": replace(PLAN, optimizer="adam")},
        {"architecture": find_architecture("srcnn-915", filters=(4, 3))},
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


@pytest.mark.parametrize("state", ["", "{", "[]", "{}", "\x00\x01"])
def test_a_damaged_state_is_bad_data(split: Split, tmp_path: Path, state: str) -> None:
    (tmp_path / STATE_NAME).write_text(state)
    with pytest.raises(BadData, match=r"a damaged checkpoint .*; --restart drops it"):
        train(TINY, SPEC, split, PLAN, tmp_path)


@pytest.mark.parametrize(
    "change", [{"history": 5}, {"lengths": None}, {"weather": "fair"}], ids=lambda change: next(iter(change))
)
def test_a_state_with_fields_of_another_shape_is_bad_data(
    split: Split, tmp_path: Path, first_checkpoint: Path, change: dict[str, Any]
) -> None:
    (tmp_path / STATE_NAME).write_text(json.dumps(stored(first_checkpoint) | change))
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
