"""A camera's stream: chance by the seed alone, each kind of fault, and that a mean over time leaves less noise."""

import sys
from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest

from edge_srcnn.errors import Unavailable
from edge_srcnn.imaging.luma import UInt8Array
from export.data.degradation.camera import camera
from export.data.degradation.resize import matlab_bicubic
from export.data.degradation.video import (
    AT_ITS_SIZE,
    ORDINARY,
    SETTLED,
    StreamFaults,
    camera_video,
    mean_over_time,
    settled,
)

pytest.importorskip("av")
pytestmark = pytest.mark.slow

Draw = Callable[..., UInt8Array]

FAULTLESS = replace(
    ORDINARY, ordinary_share=0, sharp_share=1, clean_share=1, jpeg_share=0, h264_share=0, single_share=1
)
NOISY = replace(FAULTLESS, clean_share=0, sigma=(10, 10))


def shot(plane: UInt8Array, seed: int = 0, scale: int = 2, faults: StreamFaults | None = None) -> UInt8Array:
    return camera_video(plane, scale, np.random.default_rng(seed), faults)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(192, 200), (101, 67)])
def test_the_picture_is_a_whole_part_of_the_scene(scale: int, shape: tuple[int, int]) -> None:
    plane = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    for seed in range(8):
        out = shot(plane, seed, scale)
        assert (out.shape, out.dtype) == ((shape[0] // scale, shape[1] // scale), np.dtype(np.uint8))


def test_a_seed_is_a_picture_and_another_one_another_and_the_scene_is_not_touched(draw: Draw) -> None:
    plane = draw(0)
    before = plane.copy()
    made = {seed: shot(plane, seed) for seed in range(20)}
    assert len({picture.tobytes() for picture in made.values()}) == 20
    assert all(np.array_equal(shot(plane, seed), picture) for seed, picture in made.items())
    assert np.array_equal(plane, before)


def test_without_faults_it_is_interpolation(draw: Draw) -> None:
    assert np.array_equal(shot(draw(0), faults=FAULTLESS), matlab_bicubic(draw(0), 2))


def test_at_scale_1_more_pictures_are_sharp_than_above_and_fewer_clean(draw: Draw) -> None:
    plane = draw(0)
    assert np.array_equal(shot(plane, 3, scale=1), shot(plane, 3, scale=1, faults=AT_ITS_SIZE))
    assert np.array_equal(shot(plane, 3, scale=2), shot(plane, 3, scale=2, faults=ORDINARY))
    assert AT_ITS_SIZE.ordinary_share < ORDINARY.ordinary_share and AT_ITS_SIZE.sharp_share > ORDINARY.sharp_share

    def as_they_are(faults: StreamFaults) -> int:
        uncoded = replace(faults, ordinary_share=0, sharp_share=1, jpeg_share=0, h264_share=0, single_share=1)
        return sum(np.array_equal(shot(plane, seed, scale=1, faults=uncoded), plane) for seed in range(60))

    assert as_they_are(AT_ITS_SIZE) < as_they_are(ORDINARY) / 2


def test_what_is_settled_is_sharp_and_nearly_without_noise(draw: Draw) -> None:
    plane = draw(2)
    sharp = matlab_bicubic(plane, 2).astype(float)
    assert np.array_equal(settled(plane, 2, np.random.default_rng(3)), shot(plane, 3, faults=SETTLED))

    def errors(faults: StreamFaults) -> list[float]:
        noise = replace(faults, clean_share=0, jpeg_share=0, h264_share=0)
        return [float(np.std(shot(plane, seed, faults=noise) - sharp)) for seed in range(40)]

    rest, single = errors(SETTLED), errors(replace(SETTLED, single_share=1))
    assert np.median(rest) < 0.4 * np.median(single)
    assert max(rest) > 4, "some are single frames: what moves passes as it is"


def test_some_pictures_are_those_of_a_single_camera(draw: Draw) -> None:
    rng = np.random.default_rng(5)
    rng.random()  # that decides for it
    expected = camera(draw(1), 2, rng)
    assert np.array_equal(shot(draw(1), 5, faults=replace(ORDINARY, ordinary_share=1)), expected)


def test_white_noise_has_the_deviation_that_was_drawn() -> None:
    flat = np.full((200, 200), 120, np.uint8)
    assert shot(flat, faults=NOISY).std() == pytest.approx(10, rel=0.05)


def test_a_sensor_at_its_worst_is_as_noisy_as_white_noise_at_its_worst() -> None:
    flat = np.full((200, 200), 120, np.uint8)
    faults = replace(NOISY, sharp_share=0, white_share=0, gain=(ORDINARY.gain[1],) * 2, read=(ORDINARY.read[1],) * 2)
    silent = replace(faults, optics=replace(faults.optics, denoise_share=0, sharpen_share=0))
    assert shot(flat, faults=silent).std() == pytest.approx(ORDINARY.sigma[1], rel=0.25)


@pytest.mark.parametrize(
    "codec", [{"jpeg_share": 1.0, "jpeg_quality": (40, 40)}, {"jpeg_share": 0.0, "h264_share": 1.0, "crf": (34, 34)}]
)
def test_a_codec_shows(draw: Draw, codec: dict[str, float]) -> None:
    plane, clean = draw(3), matlab_bicubic(draw(3), 2).astype(float)
    rms = float(np.sqrt(np.mean((shot(plane, faults=replace(FAULTLESS, **codec)) - clean) ** 2)))
    assert 1 < rms < 20


@pytest.mark.parametrize("codec", [{}, {"jpeg_share": 1.0, "jpeg_quality": (80, 80)}])
def test_a_mean_of_many_frames_leaves_less_noise_than_one_of_few_and_that_less_than_one(
    draw: Draw, codec: dict[str, float]
) -> None:
    plane, clean = draw(4, 400, 400), matlab_bicubic(draw(4, 400, 400), 2).astype(float)

    def error(n: int) -> float:
        single = {"single_share": float(n == 1)}
        return float(np.mean((shot(plane, faults=replace(NOISY, frames=(n, n), **codec, **single)) - clean) ** 2))

    one, four, many = error(1), error(4), error(24)
    assert many < four / 2 < one / 4


def test_the_mean_of_equal_frames_is_the_frame(draw: Draw) -> None:
    frame = draw(0)
    assert np.array_equal(mean_over_time([frame] * 5), frame)


def test_shares_are_shares_and_ranges_reach_a_little_beyond_what_is_promised() -> None:
    for field in fields(ORDINARY):
        value = getattr(ORDINARY, field.name)
        if field.name.endswith("_share"):
            assert 0 < value < 1
        elif field.name not in ("optics", "presets", "position"):
            assert 0 <= value[0] < value[1]
    assert ORDINARY.jpeg_share + ORDINARY.h264_share < 1, "some pictures are not coded"
    assert ORDINARY.sigma[0] == 0 and ORDINARY.sigma[1] > 15
    assert ORDINARY.jpeg_quality[0] < 30 and ORDINARY.jpeg_quality[1] > 95
    assert (ORDINARY.crf[0], ORDINARY.crf[1]) == (18, 38)


def test_without_pyav_its_cure_is_said(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(Unavailable, match=r"pip install .*\[video\]'"):
        shot(draw(0), faults=replace(FAULTLESS, h264_share=1))
