"""Teachers: what they put out, in fractions of grey levels, is the goal of the training pairs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_srcnn.engine.interpreter import open_interpreter
from edge_srcnn.errors import NoInput, UsageError
from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.models.file import read_model
from edge_srcnn.models.spec import LUMA_PLANE
from edge_srcnn.upscaler import open_model
from export.architectures import find_architecture
from export.data.pair import GREY_LEVEL, Pair
from export.data.pairs import Split, make_pairs
from export.data.patch_spec import patch_spec
from export.data.patches import PatchSampler, d4_transform
from export.job import ExportJob
from export.training.losses import PSNR_FLOOR, TAUGHT_FLOOR, psnr, taught_psnr
from export.training.network import layers_of
from export.training.plan import TrainingPlan
from export.training.teacher import d4_inverse, read_teachers, run_float, teach
from export.training.train import train

pytestmark = pytest.mark.slow

MODELS = Path(__file__).parents[3] / "docs" / "models"
FAST = find_architecture("fast-c8d2")
SPEC = patch_spec(FAST, 16)


def pairs(draw: Any, *seeds: int) -> tuple[Pair, ...]:
    return tuple(next(make_pairs(draw(seed), SPEC)) for seed in seeds)


@pytest.mark.parametrize(
    "model",
    [
        *(pytest.param(bundled_models()[name], id=name) for name in ("fast-s-x2", "srcnn-915-x2")),
        pytest.param(MODELS / "fast-s-x2-float32.tflite", id="float32"),
    ],
)
def test_what_a_network_puts_out_is_what_the_engine_adds(draw: Any, model: Path) -> None:
    (pair,) = pairs(draw, 1)
    teacher = read_model(model)
    plane = pair.plane if teacher.spec.plane == LUMA_PLANE else pair.base
    residual = run_float(open_interpreter("litert", teacher.graph, 1), teacher, plane)
    with open_model(teacher) as upscaler:
        expected = upscaler.upscale(pair.plane)
    found = np.clip(pair.base + np.rint(residual), 0, 255)
    assert residual.std() > 0.5
    assert np.abs(found - expected).max() <= 1
    assert np.mean(found != expected) < 0.01, "but for ties, the same"


def test_lessons_are_kept_for_the_next_training_and_computed_anew_where_they_are_damaged(
    draw: Any, tmp_path: Path
) -> None:
    split = Split(pairs(draw, 5), (), 1)
    teachers = [read_model(bundled_models()["fast-s-x2"])]

    def taught() -> tuple[np.ndarray, list[float]]:
        told: list[float] = []
        (pair,) = teach(split, teachers, tmp_path / "out", told.append).train
        assert pair.residual is not None
        return np.array(pair.residual, copy=True), told

    first, told = taught()
    assert told == [1.0]
    (kept,) = (tmp_path / "out").iterdir()
    assert kept.name.startswith("lessons-")
    again, told = taught()
    assert told == [], "nobody was asked"
    assert np.array_equal(again, first)
    for damaged in (kept.read_bytes()[:-100], b"", b"not an array"):
        kept.write_bytes(damaged)
        again, told = taught()
        assert told == [1.0]
        assert np.array_equal(again, first)
    others = teach(Split(pairs(draw, 6), (), 1), teachers, tmp_path / "out").train[0].residual
    assert others is not None
    assert not np.array_equal(others, first)
    assert len(list((tmp_path / "out").iterdir())) == 2


@pytest.mark.parametrize("number", range(8))
def test_each_rotation_and_flip_is_inverse_transform(number: int) -> None:
    picture = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert np.array_equal(d4_inverse(d4_transform(picture, number), number), picture)


def test_a_lesson_is_the_mean_over_rotations_flips_and_teachers(draw: Any, tmp_path: Path) -> None:
    (pair,) = pairs(draw, 2)
    teachers = [read_model(bundled_models()[name]) for name in ("fast-s-x2", "fast-m-x2")]
    taught = teach(Split((pair,), (pair,), 1), teachers, tmp_path)
    expected = np.zeros(pair.hr.shape)
    for teacher in teachers:
        interpreter = open_interpreter("litert", teacher.graph, 1)
        for number in range(8):
            plane = np.ascontiguousarray(d4_transform(pair.plane, number))
            expected += d4_inverse(run_float(interpreter, teacher, plane), number) / 16
    assert taught.train[0].residual is not None
    assert np.abs(taught.train[0].residual / GREY_LEVEL - expected).max() <= 0.5 / GREY_LEVEL + 1e-4
    assert taught.held_out[0].residual is None, "evaluated by the ground truth"


def test_the_goal_of_a_taught_pair_is_the_teachers_picture(draw: Any) -> None:
    (pair,) = pairs(draw, 3)
    residual = np.full(pair.hr.shape, 3 * GREY_LEVEL + 1, np.int16)
    taught = replace(pair, residual=residual)
    everywhere = (slice(None), slice(None))
    assert np.array_equal(taught.goal(everywhere, adds=True), residual)
    assert np.array_equal(taught.goal(everywhere, adds=False), pair.base.astype(np.int16) * GREY_LEVEL + residual)
    _, goals = PatchSampler((taught,), SPEC, batch=4).batch(0)
    assert goals == pytest.approx((3 + 1 / GREY_LEVEL) / 255)


def test_the_goal_of_a_pair_is_the_ground_truth(draw: Any) -> None:
    (pair,) = pairs(draw, 3)
    everywhere = (slice(None), slice(None))
    assert np.array_equal(pair.goal(everywhere, adds=False) / GREY_LEVEL, pair.hr)
    assert np.array_equal(pair.goal(everywhere, adds=True) / GREY_LEVEL, pair.hr.astype(int) - pair.base)


def test_a_student_comes_nearer_to_its_teacher_than_the_ground_truth_lets_it(draw: Any, tmp_path: Path) -> None:
    split = Split(pairs(draw, 1, 2, 3), pairs(draw, 4), 4)
    teacher = read_model(bundled_models()["fast-m-x2"])
    plan = TrainingPlan(steps=300, batch=8, epoch_steps=100, learning_rate=1e-2)

    def distance(name: str, lessons: Split) -> float:
        trained = train(FAST, SPEC, lessons, plan, tmp_path / name)
        goals = teach(Split(split.held_out, split.held_out, 1), [teacher], tmp_path).train[0]
        place = (slice(SPEC.halo_px * 2, -SPEC.halo_px * 2),) * 2
        out = np.asarray(trained.model(goals.plane[None, ..., None].astype(np.float32) / 255))[0, ..., 0] * 255
        assert layers_of(trained.model)[0].kernel.shape == (5, 5, 1, 8)
        return float(np.mean((out - goals.goal(place, adds=True) / GREY_LEVEL) ** 2))

    assert distance("taught", teach(split, [teacher], tmp_path)) < distance("ground truth", split)


def test_a_checkpoint_of_other_lessons_is_not_continued(draw: Any, tmp_path: Path) -> None:
    split = Split(pairs(draw, 1), pairs(draw, 2), 2)
    plan = TrainingPlan(steps=2, batch=4, epoch_steps=2)
    train(FAST, SPEC, split, plan, tmp_path)
    taught = teach(split, [read_model(bundled_models()["fast-s-x2"])], tmp_path)
    with pytest.raises(UsageError, match="a checkpoint of other settings or pictures"):
        train(FAST, SPEC, taught, plan, tmp_path)


def test_the_loss_beside_teachers_goes_on_where_the_ground_truth_lets_go() -> None:
    hr, near = np.zeros((1, 2, 2, 1), np.float32), np.full((1, 2, 2, 1), 0.003, np.float32)
    by_ground_truth, by_teacher = (float(np.asarray(loss(hr, near))[0]) for loss in (psnr, taught_psnr))
    assert by_ground_truth - np.log(PSNR_FLOOR) == pytest.approx(np.log1p(9e-6 / PSNR_FLOOR), abs=1e-4)
    assert by_teacher - np.log(TAUGHT_FLOOR) == pytest.approx(np.log1p(9e-6 / TAUGHT_FLOOR), abs=1e-4)
    assert by_teacher - np.log(TAUGHT_FLOOR) > 0.5


def test_teachers_of_another_scale_or_none_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"fast-s-x3\.tflite: it is for x3; give one for x2"):
        read_teachers([bundled_models()["fast-s-x3"]], FAST)
    with pytest.raises(NoInput):
        read_teachers([tmp_path / "none.tflite"], FAST)


def test_published_weights_are_taught_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="drop --teacher"):
        ExportJob(
            architecture=FAST,
            plan=TrainingPlan(steps=1),
            output=tmp_path,
            weights=tmp_path / "w.h5",
            teachers=(tmp_path / "t.tflite",),
        )
