"""The strength of pictures and frames: what may be asked for, what faults leave of it, and that it does not waver."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from edge_srcnn.engine.strength import MOST, STEP, Faults, Strength, checked_strength, find_faults, strength_for
from edge_srcnn.errors import UsageError
from edge_srcnn.models.bundled import BUNDLED
from edge_srcnn.models.file import read_model

CLEAN = read_model(BUNDLED / "srcnn-915-x2.tflite").spec
CAMERA = replace(CLEAN, degradation="camera")
CLEANING = read_model(BUNDLED / "fast-s-x1-camera.tflite").spec
SETTLED = read_model(BUNDLED / "fast-l-x2-settled.tflite").spec
VIDEO = replace(CAMERA, training=replace(CAMERA.training, degradation="camera-video"))
FLAT = np.full((32, 32), 90, np.uint8)
NOISY = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)


@pytest.mark.parametrize(
    ("asked", "read"),
    [(0, 0.0), (1, 1.0), (1.5, 1.5), ("0", 0.0), (" 0.75 ", 0.75), ("1.50", 1.5), ("1e-3", 0.001), ("auto", "auto")],
)
def test_a_number_up_to_one_and_a_half_or_auto_is_a_strength(asked, read):
    assert checked_strength(asked) == read
    assert Strength(asked).asked == read


@pytest.mark.parametrize(
    "asked", [-0.01, 1.6, "-1", "1.51", "inf", "nan", float("nan"), "", " ", "strong", "Auto", "1,0"]
)
def test_anything_else_is_refused_with_what_to_give(asked):
    with pytest.raises(UsageError, match=r"give a number from 0 \(bicubic\) to 1.5, 1 is as trained; or auto"):
        Strength(asked)
    strength = Strength(0.5)
    with pytest.raises(UsageError):
        strength.asked = asked
    assert strength.asked == 0.5


@pytest.mark.parametrize("spec", [CLEAN, CAMERA, SETTLED], ids=["clean", "camera", "settled"])
def test_the_strength_falls_with_the_noise_from_1_to_0(spec):
    found = [strength_for(Faults(noise / 10), spec) for noise in range(400)]
    assert found[0] == 1.0
    assert found[-1] == 0.0
    assert found == sorted(found, reverse=True)


def test_a_model_for_cameras_knows_more_noise_than_one_for_clean_pictures():
    some, much = Faults(5.0), Faults(12.0)
    assert strength_for(some, CAMERA) == strength_for(some, SETTLED) == 1.0
    assert strength_for(some, CLEAN) < 0.5
    assert strength_for(some, replace(CLEAN, degradation="cv2")) == strength_for(some, CLEAN)
    of_streams = replace(CAMERA, training=replace(CAMERA.training, degradation="camera-video"))
    assert strength_for(much, CAMERA) < strength_for(much, of_streams) == 1.0


def test_models_that_take_noise_away_stay_as_they_were_trained():
    assert strength_for(Faults(40.0), VIDEO) == 1.0
    strength = Strength("auto")
    assert strength.of_picture(NOISY, VIDEO) == strength.of_frame(NOISY, VIDEO) == 1.0


@pytest.mark.parametrize("told", [True, False], ids=["told", "estimated"])
def test_at_scale_1_the_strength_grows_with_the_noise_from_0_to_1(told):
    found = [strength_for(Faults(noise / 10, told=told), CLEANING) for noise in range(100)]
    assert found[0] == 0.0
    assert found[-1] == 1.0
    assert found == sorted(found)


def test_at_scale_1_less_noise_counts_where_no_grain_of_the_scene_can_be_in_it():
    assert strength_for(Faults(3.0, told=True), CLEANING) == 1.0
    assert strength_for(Faults(3.0, told=False), CLEANING) == 0.0


def test_at_scale_1_blocks_are_cleaned_whatever_the_noise():
    for noise in (0.0, 2.0, 9.0):
        assert strength_for(Faults(noise, told=False, blocking=8.0), CLEANING) == 1.0
        assert strength_for(Faults(noise, told=True, blocking=8.0), CLEANING) == 1.0
    assert strength_for(Faults(0.0, told=False, blocking=4.0), CLEANING) == 0.0
    assert strength_for(Faults(4.0, told=False, blocking=4.0), CLEANING) == 1.0
    assert strength_for(Faults(0.0, told=False, blocking=9.0), CLEAN) == 1.0


@pytest.mark.parametrize("asked", [None, "auto"])
def test_at_scale_1_what_is_clean_stays_as_it_is_and_noise_goes_unless_something_else_is_asked_for(asked):
    strength = Strength(asked)
    for luma, expected in ((FLAT, 0.0), (NOISY, 1.0), (FLAT, 0.0)):
        assert strength.of_picture(luma, CLEANING) == expected
    assert strength.of_frame(FLAT, CLEANING) == 0.0
    assert Strength(1).of_picture(FLAT, CLEANING) == Strength(1).of_frame(FLAT, CLEANING) == 1.0


@pytest.mark.parametrize("spec", [CLEAN, CAMERA, VIDEO], ids=["clean", "camera", "camera-video"])
def test_where_nothing_is_asked_for_larger_pictures_are_as_trained(spec):
    assert Strength().of_picture(NOISY, spec) == Strength().of_frame(NOISY, spec) == 1.0


def test_frames_at_scale_1_follow_what_becomes_of_a_camera():
    strength = Strength("auto")
    noise = (0.0,) * 20 + (4.0,) * 100 + (0.0,) * 100
    seen = []
    for strength.noise in noise:
        seen.append(strength.of_frame(FLAT, CLEANING))
    assert (seen[19], seen[119], seen[-1]) == (0.0, 1.0, 0.0)
    assert all(abs(after - before) <= 0.25 for before, after in pairwise(seen))


def test_only_at_scale_1_blocks_are_looked_for():
    blocks = np.kron(np.random.default_rng(0).integers(0, 256, (12, 12), np.uint8), np.ones((8, 8), np.uint8))
    assert find_faults(blocks, CLEAN).blocking == 0.0
    assert find_faults(blocks, CLEANING).blocking > 5.0
    assert find_faults(blocks, CLEANING, 2.0).noise == 2.0


def test_where_nothing_is_known_it_is_as_trained():
    assert strength_for(None, CLEAN) == strength_for(Faults(20.0), None) == 1.0


def test_a_picture_gets_its_own_strength_whatever_came_before():
    strength = Strength("auto")
    for luma, expected in ((FLAT, 1.0), (NOISY, 0.0), (FLAT, 1.0)):
        assert strength.of_picture(luma, CLEAN) == expected
    assert strength.of_picture(NOISY, None) == 1.0


@pytest.mark.parametrize("asked", [0, 0.3, 1.5])
def test_what_is_asked_for_holds_for_any_noise(asked):
    strength = Strength(asked)
    strength.noise = 30.0
    assert strength.of_picture(NOISY, CLEAN) == strength.of_frame(NOISY, CLEAN) == strength.now == asked


def test_frames_follow_the_noise_that_is_told_in_steps():
    strength, seen = Strength("auto"), []
    for number in range(400):
        strength.noise = number / 50
        seen.append(strength.of_frame(FLAT, CLEAN))
    assert set(seen) == {step * STEP for step in range(9)}
    assert seen == sorted(seen, reverse=True)
    assert all(abs(after - before) <= STEP for before, after in pairwise(seen))


def test_frames_do_not_waver_with_the_estimate():
    rng, strength, seen = np.random.default_rng(0), Strength("auto"), []
    for _ in range(500):
        strength.noise = 4.0 * rng.uniform(0.9, 1.1)
        seen.append(strength.of_frame(FLAT, CLEAN))
    assert len(set(seen[20:])) == 1
    assert seen[-1] == pytest.approx(strength_for(Faults(4.0), CLEAN), abs=STEP)


def test_a_single_noisy_frame_changes_nothing():
    strength, seen = Strength("auto"), []
    for number in range(60):
        strength.noise = 3.0 if number == 30 else 0.5
        seen.append(strength.of_frame(FLAT, CLEAN))
    assert set(seen) == {1.0}


def test_the_noise_of_frames_is_estimated_where_nobody_tells_it():
    strength = Strength("auto")
    assert strength.of_frame(NOISY, CLEAN) == 0.0
    found = [strength.of_frame(FLAT, CLEAN) for _ in range(400)]
    assert found[-1] == 1.0
    assert found == sorted(found)


def test_the_first_frame_after_a_change_has_what_was_asked_for():
    strength = Strength("auto")
    strength.noise = 9.0
    assert strength.of_frame(FLAT, CLEAN) == 0.0
    for asked, expected in ((MOST, MOST), (0, 0.0), ("auto", 0.0), (1, 1.0)):
        strength.asked = asked
        assert strength.of_frame(FLAT, CLEAN) == expected
