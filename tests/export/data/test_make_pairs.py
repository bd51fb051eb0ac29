"""Pictures to pairs: sizes, degradations and their chance; and that input and ground truth belong together."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.models.spec import BICUBIC_PLANE, LUMA_PLANE
from export.data.degradation import cv2_bicubic, degrade, imresize, matlab_bicubic
from export.data.pair import Pair
from export.data.pairs import load_split, make_pairs
from export.data.patch_spec import PatchSpec

pytestmark = pytest.mark.slow

Draw = Callable[..., UInt8Array]

SPEC = PatchSpec(scale=2, halo_px=6)


def test_large_pictures_are_shrunk_twice(draw: Draw) -> None:
    luma = draw(0, 400, 500)
    half, two_thirds = make_pairs(luma, SPEC)
    assert np.array_equal(half.hr, imresize(luma, 200, 250))
    assert np.array_equal(two_thirds.hr, imresize(luma, 260, 325)[:, :324])


def test_small_pictures_stay_as_they_are(draw: Draw) -> None:
    luma = draw(0, 399, 600)
    (pair,) = make_pairs(luma, SPEC)
    assert np.array_equal(pair.hr, luma[:398])


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_pair_is_a_picture_and_its_bicubic_shadow(draw: Draw, scale: int) -> None:
    (pair,) = make_pairs(draw(0, 101, 103), PatchSpec(scale, halo_px=6))
    assert pair.hr.shape == pair.plane.shape
    assert all(side % scale == 0 for side in pair.hr.shape)
    assert np.array_equal(pair.plane, upscale_bicubic(matlab_bicubic(pair.hr, scale), scale))


@pytest.mark.parametrize("plane", [BICUBIC_PLANE, LUMA_PLANE])
def test_at_scale_1_a_network_reads_the_spoiled_picture_and_adds_to_it(draw: Draw, plane: str) -> None:
    spec = PatchSpec(1, halo_px=3, patch_px=16, plane=plane, degradation="camera", draws=2)
    pairs = list(make_pairs(draw(0, 101, 103), spec, seed=(7,)))
    assert len(pairs) == 2
    for version, pair in enumerate(pairs):
        assert np.array_equal(pair.hr, draw(0, 101, 103)), "nothing is cut off"
        assert np.array_equal(pair.plane, degrade("camera", pair.hr, 1, (7, 0, version)))
        assert np.array_equal(pair.base, pair.plane)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_network_on_luma_reads_the_small_picture(draw: Draw, scale: int) -> None:
    (pair,) = make_pairs(draw(0, 101, 103), PatchSpec(scale, halo_px=3, patch_px=16, plane=LUMA_PLANE))
    assert np.array_equal(pair.plane, matlab_bicubic(pair.hr, scale))
    assert np.array_equal(pair.base, upscale_bicubic(pair.plane, scale))


def test_the_degradation_is_the_one_that_was_asked_for(draw: Draw) -> None:
    (pair,) = make_pairs(draw(0), PatchSpec(2, halo_px=6, degradation="cv2"))
    assert np.array_equal(pair.plane, upscale_bicubic(cv2_bicubic(pair.hr, 2), 2))


CAMERA = PatchSpec(2, halo_px=6, degradation="camera")


def inputs(pairs: Iterable[Pair]) -> list[bytes]:
    return [pair.plane.tobytes() for pair in pairs]


def test_a_random_degradation_is_drawn_several_times_for_each_size(draw: Draw) -> None:
    pairs = list(make_pairs(draw(0, 400, 500), CAMERA))
    assert [pair.hr.shape for pair in pairs] == [(200, 250)] * 4 + [(260, 324)] * 4
    assert all(pair.hr is pairs[0].hr for pair in pairs[:4]), "one ground truth, not four copies of it"
    assert len(set(inputs(pairs))) == 8
    assert len(list(make_pairs(draw(0), replace(CAMERA, draws=7)))) == 7


@pytest.mark.parametrize("degradation", ["bicubic", "cv2"])
def test_a_degradation_without_chance_is_done_once(draw: Draw, degradation: str) -> None:
    assert len(list(make_pairs(draw(0), PatchSpec(2, halo_px=6, degradation=degradation)))) == 1


def test_what_is_drawn_hangs_on_the_seed_the_size_and_the_version(draw: Draw) -> None:
    luma = draw(0)
    assert inputs(make_pairs(luma, CAMERA, seed=(0, 3))) == inputs(make_pairs(luma, CAMERA, seed=(0, 3)))
    assert not {*inputs(make_pairs(luma, CAMERA, seed=(0, 3)))} & {*inputs(make_pairs(luma, CAMERA, seed=(0, 4)))}
    more = inputs(make_pairs(luma, replace(CAMERA, draws=6), seed=(0, 3)))
    assert more[:4] == inputs(make_pairs(luma, CAMERA, seed=(0, 3))), "a version is itself, however many follow"


def test_no_two_pairs_share_a_seed(draw: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        Image.fromarray(draw(number, 400, 400)).save(tmp_path / f"{number}.png")
    seeds: list[tuple[int, ...]] = []

    def degraded(name: str, plane: UInt8Array, scale: int, seed: tuple[int, ...]) -> UInt8Array:
        seeds.append(seed)
        return degrade(name, plane, scale, seed)

    monkeypatch.setattr("export.data.pairs.degrade", degraded)
    load_split([tmp_path], CAMERA)
    assert len(set(seeds)) == len(seeds) == 3 * 2 * 4


def test_a_whole_split_is_drawn_again_alike(pictures: Path) -> None:
    first, again, other = (load_split([pictures], CAMERA, seed=seed) for seed in (3, 3, 4))
    assert inputs(first.train) == inputs(again.train)
    assert inputs(first.held_out) == inputs(again.held_out)
    assert inputs(first.train) != inputs(other.train)


def test_pictures_of_one_scene_draw_faults_of_their_own(tmp_path: Path, draw: Draw) -> None:
    for number in range(3):
        Image.fromarray(draw(0)).save(tmp_path / f"{number}.png")
    split = load_split([tmp_path], CAMERA)
    assert len(set(inputs((*split.train, *split.held_out)))) == 2 * 4 + 1


def test_held_out_pictures_have_one_version_of_each_size(tmp_path: Path, draw: Draw) -> None:
    for number in range(4):
        Image.fromarray(draw(number, 400, 400)).save(tmp_path / f"{number}.png")
    split = load_split([tmp_path], CAMERA)
    assert [pair.hr.shape for pair in split.held_out] == [(200, 200), (260, 260)]
    assert len(split.train) == 3 * 2 * 4


@pytest.mark.parametrize(
    ("degradation", "scale"), [*product(("bicubic", "camera"), (2, 3, 4)), ("camera", 1)]
)  # fmt: skip
def test_input_and_ground_truth_lie_on_top_of_each_other(draw: Draw, scale: int, degradation: str) -> None:
    pair, *_ = make_pairs(draw(5, 120, 120), PatchSpec(scale, halo_px=6, degradation=degradation))
    hr, blurred = pair.hr.astype(float)[8:-8, 8:-8], pair.plane.astype(float)

    def error(dy: int, dx: int) -> float:
        return float(np.mean((blurred[8 + dy : 112 + dy, 8 + dx : 112 + dx] - hr) ** 2))

    errors = {(dy, dx): error(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)}
    assert min(errors, key=lambda shift: errors[shift]) == (0, 0)


def test_pictures_that_hold_no_whole_patch_give_no_pair(draw: Draw) -> None:
    assert list(make_pairs(draw(0, 48, 47), SPEC)) == []
    assert len(list(make_pairs(draw(0, 48, 48), SPEC))) == 1
    wide = PatchSpec(2, halo_px=6, patch_px=64)  # 64 + 2 * 6 = 76
    assert list(make_pairs(draw(0, 75, 90), wide)) == []
    assert len(list(make_pairs(draw(0, 76, 90), wide))) == 1
