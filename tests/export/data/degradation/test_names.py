"""Degradations by name: which there are, which are random, and that a seed settles what they draw."""

import sys

import numpy as np
import pytest

from edge_srcnn.errors import Unavailable, UsageError
from edge_srcnn.imaging.luma import UInt8Array
from export.data.degradation import (
    DEGRADATIONS,
    RANDOM,
    RESIZING,
    check_degradation,
    cv2_bicubic,
    degrade,
    imresize,
    matlab_bicubic,
)
from export.data.degradation.camera import camera
from export.data.degradation.video import camera_video, settled

pytest.importorskip("av")


def noise(height: int, width: int) -> UInt8Array:
    return np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)


def test_degradations_are_known_by_name() -> None:
    assert list(DEGRADATIONS.items()) == [
        ("bicubic", matlab_bicubic),
        ("cv2", cv2_bicubic),
        ("camera", camera),
        ("camera-video", camera_video),
        ("settled", settled),
    ]


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_those_that_draw_are_known_as_random(name: str) -> None:
    rng = np.random.default_rng(0)
    untouched = str(rng.bit_generator.state)
    DEGRADATIONS[name](noise(24, 36), 2, rng)
    assert (str(rng.bit_generator.state) != untouched) == (name in RANDOM)


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_the_same_seed_gives_the_same_picture(name: str) -> None:
    plane = noise(48, 60)
    assert np.array_equal(degrade(name, plane, 2, (3, 1)), degrade(name, plane, 2, (3, 1)))
    another = degrade(name, plane, 2, (3, 2))
    assert np.array_equal(degrade(name, plane, 2, (3, 1)), another) == (name not in RANDOM)


def test_the_benchmarks_degradations_are_what_they_were_without_a_seed() -> None:
    plane = noise(25, 37)
    assert np.array_equal(degrade("bicubic", plane, 3, 9), imresize(plane, 8, 12))
    assert np.array_equal(degrade("cv2", plane, 3, 9), cv2_bicubic(plane, 3))


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_at_scale_1_those_that_only_shrink_change_nothing_and_are_refused(name: str) -> None:
    plane = noise(25, 37)
    same = np.array_equal(degrade(name, plane, 1, 9), plane)
    assert same == (name in RESIZING)
    if not same:
        return check_degradation("--degrade", name, 1, name)
    with pytest.raises(UsageError, match=f"--degrade {name}: changes nothing at --scale 1; give --degrade camera"):
        check_degradation("--degrade", name, 1, name)
    check_degradation("--degrade", name, 2, name)


def test_without_pyav_what_needs_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    check_degradation("--degrade", "camera", 2, "camera")
    with pytest.raises(Unavailable, match=r"--degrade camera-video: PyAV.*pip install .*\[video\]'"):
        check_degradation("--degrade", "camera-video", 2, "camera-video")
