"""What an export refuses before it costs time, and what a failure leaves to go on from."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from edge_srcnn.errors import BadData, CannotWrite, NoInput, UsageError
from edge_srcnn.imaging.luma import UInt8Array
from export import run as exporting
from export.data.patches import PatchSampler
from export.job import ExportJob
from export.run import run_export
from export.training.checkpoints import STATE_NAME
from tests.export.exports import PLAN, files_of
from tests.export.trainings import TINY

Draw = Callable[..., UInt8Array]

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prompt_clean_up")]


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({}, "give --int8 or --float32"),
        ({"float32": True, "edgetpu": True}, "--edgetpu needs --int8"),
        ({"float32": True, "qat_steps": 9}, "--qat-steps needs --int8"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_what_makes_no_sense_is_a_mistake(tmp_path: Path, wanted: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        ExportJob(TINY, PLAN, tmp_path, int8=False, **wanted)


@pytest.mark.parametrize("option", ["weights", "start_from"])
def test_a_restart_does_not_drop_what_it_is_to_begin_with(tmp_path: Path, option: str) -> None:
    begin = tmp_path / "srcnn-915-x2.training" / "step-2.weights.h5"
    with pytest.raises(UsageError, match=rf"--{option.replace('_', '-')} .*: --restart would drop it"):
        ExportJob(TINY, PLAN, tmp_path, restart=True, **{option: begin})


def test_a_restart_drops_nothing_while_something_is_missing(data: Path, tmp_path: Path) -> None:
    job = ExportJob(TINY, PLAN, tmp_path, data=(data,), int8=False, float32=True, restart=True, overwrite=True)
    run_export(job)
    with pytest.raises(NoInput):
        run_export(replace(job, data=(Path("nowhere"),)))
    assert (job.training_folder / STATE_NAME).is_file()


def test_checkpoints_that_cannot_be_dropped_are_one_line(data: Path, tmp_path: Path) -> None:
    job = ExportJob(TINY, PLAN, tmp_path, data=(data,), restart=True)
    job.training_folder.touch()
    with pytest.raises(CannotWrite, match=r"srcnn-915-x2\.training: cannot be removed"):
        run_export(job)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"data": (Path("nowhere"),)}, NoInput),
        ({"evaluate_on": (Path("nowhere"),)}, NoInput),
        ({"weights": Path("nowhere.h5")}, NoInput),
        ({"start_from": Path("nowhere.weights.h5")}, NoInput),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_missing_is_told_before_the_training(
    data: Path, tmp_path: Path, change: dict[str, Any], error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PatchSampler, "batch", lambda *_: pytest.fail("it trained"))
    with pytest.raises(error, match="nowhere"):
        run_export(replace(ExportJob(TINY, PLAN, tmp_path, data=(data,)), **change))
    assert files_of(tmp_path) == set()


def test_pictures_too_small_to_quantize_by_are_told_before_the_training(
    tmp_path: Path, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "small").mkdir()
    for seed in range(3):
        Image.fromarray(draw(seed, 56, 56)).save(tmp_path / "small" / f"{seed}.png")
    monkeypatch.setattr(PatchSampler, "batch", lambda *_: pytest.fail("it trained"))
    with pytest.raises(BadData, match="76x60"):
        run_export(ExportJob(TINY, PLAN, tmp_path / "out", data=(tmp_path / "small",)))


def test_an_output_that_is_a_file_cannot_be_written(data: Path, weights: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    job = ExportJob(TINY, PLAN, tmp_path / "file", data=(data,))
    with pytest.raises(CannotWrite):
        run_export(job)
    with pytest.raises(CannotWrite):
        run_export(replace(job, architecture=replace(TINY, residual=False), weights=weights))


def test_a_failure_at_the_end_leaves_the_training_to_go_on_from(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise BadData("no luck")

    monkeypatch.setattr(exporting, "layer_noise", fail)
    with pytest.raises(BadData):
        run_export(ExportJob(TINY, PLAN, tmp_path, data=(data,)))
    assert files_of(tmp_path) == {"srcnn-915-x2.training"}
    assert (tmp_path / "srcnn-915-x2.training" / STATE_NAME).is_file()
