import tracemalloc
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from edge_srcnn.imaging.frame import BT709, Colour, Frame
from edge_srcnn.imaging.temporal import TemporalMean, TemporalStrength
from tests.rigs.digests import temporal_digest

SHAPE = (96, 128)
SIZES = ((1, 1), (2, 3), (7, 7), (17, 33), (3, 200), (200, 3), (15, 16), (64, 65), (481, 641))
CHROMA = {"grey": None, "4:4:4": (1, 1), "4:2:2": (1, 2), "4:2:0": (2, 2)}
SIGMA = 5.0


def texture(shape=SHAPE, seed=1):
    """Squares of 8 pixels, from 60 to 180: none is clipped by the noise."""
    rng = np.random.default_rng(seed)
    tiles = rng.integers(60, 180, (-(-shape[0] // 8), -(-shape[1] // 8)), dtype=np.uint8)
    return tiles.repeat(8, axis=0).repeat(8, axis=1)[: shape[0], : shape[1]].copy()


class Camera:
    """Gives frames of a scene with noise; ``luma`` may be changed between them."""

    def __init__(self, luma, subsampling=None, sigma=SIGMA, seed=2):
        self.luma, self.sigma, self.index = luma, sigma, 0
        self.rng = np.random.default_rng(seed)
        self.chroma = None
        if subsampling is not None:
            shape = tuple(-(-side // coarser) for side, coarser in zip(luma.shape, subsampling, strict=True))
            self.chroma = texture(shape, 3), texture(shape, 4)

    def noisy(self, plane):
        noise = np.rint(self.rng.normal(0, self.sigma, plane.shape))
        return np.clip(plane + noise, 0, 255).astype(np.uint8)

    def frame(self):
        self.index += 1
        chroma = self.chroma and tuple(self.noisy(plane) for plane in self.chroma)
        return Frame(self.noisy(self.luma), chroma, Colour(), self.index, self.index / 15, self.index / 15)


def error(plane, clean):
    return float(np.sqrt(np.mean((plane.astype(np.float64) - clean) ** 2)))


def averaged(camera, frames, mean=None):
    mean = mean or TemporalMean()
    return [mean.filter(camera.frame()) for _ in range(frames)], mean


# what stands still


@pytest.mark.slow
@pytest.mark.parametrize(("strength", "share"), [("weak", 1 / 8), ("normal", 1 / 32), ("strong", 1 / 64)])
def test_noise_falls_as_that_of_a_recursive_mean(strength, share):
    mean, camera = TemporalMean(TemporalStrength(strength)), Camera(texture())
    out = averaged(camera, 300, mean)[0][-1]
    settled = SIGMA * np.sqrt(share / (2 - share))  # variance a / (2 - a)
    first = SIGMA / np.sqrt(12)  # what is handed out may be as old as the sixteenth frame, of 12 samples or more
    assert np.sqrt(0.6 * settled**2) < error(out.luma, camera.luma) < np.hypot(first, 0.3)


@pytest.mark.slow
def test_more_strength_leaves_less_noise():
    left = [
        error(averaged(Camera(texture()), 250, TemporalMean(each))[0][-1].luma, texture()) for each in TemporalStrength
    ]
    assert left == sorted(left, reverse=True)
    assert left[0] > left[1] > left[2]


@pytest.mark.parametrize("subsampling", CHROMA.values(), ids=CHROMA)
def test_chroma_of_every_kind_loses_its_noise_too(subsampling):
    camera = Camera(texture(), subsampling)
    last = averaged(camera, 60)[0][-1]
    assert error(last.luma, camera.luma) < SIGMA / 3
    assert (last.chroma is None) == (subsampling is None)
    for plane, clean in zip(last.chroma or (), camera.chroma or (), strict=True):
        assert plane.shape == clean.shape
        assert error(plane, clean) < SIGMA / 3


def test_still_places_settle_to_the_byte():
    out, mean = averaged(Camera(texture(), (2, 2)), 64)
    same = [
        all(np.array_equal(a, b) for a, b in zip((x.luma, *x.chroma), (y.luma, *y.chroma), strict=True))
        for x, y in pairwise(out[40:])
    ]
    assert np.mean(same) > 0.9  # every sixteenth frame what has settled may be refreshed
    assert mean.still > 0.99


@pytest.mark.parametrize("level", [0, 1, 16, 128, 254, 255])
def test_a_constant_picture_stays_as_it_is(level):
    mean = TemporalMean()
    plane = np.full((40, 56), level, np.uint8)
    frame = Frame(plane, (plane[:20, :28].copy(),) * 2, Colour(), 0, 0.0, 0.0)
    for _ in range(50):
        out = mean.filter(frame)
        assert (out.luma == level).all()
        assert all((chroma == level).all() for chroma in out.chroma)


@pytest.mark.parametrize("sigma", [2.0, 5.0, 10.0])
def test_the_noise_is_told_in_grey_levels(sigma):
    mean = averaged(Camera(texture((240, 320)), sigma=sigma), 30)[1]
    assert mean.noise == pytest.approx(sigma, rel=0.12)


def test_noise_is_not_known_before_two_frames():
    mean = TemporalMean()
    assert (mean.noise, mean.still, mean.moving) == (None, 0.0, False)
    mean.filter(Camera(texture()).frame())
    assert mean.noise is None


def test_a_source_without_noise_passes_and_settles_as_it_is():
    camera = Camera(texture(), sigma=0)
    out, mean = averaged(camera, 80)
    assert all(np.array_equal(each.luma, camera.luma) for each in out)
    assert mean.noise == 0
    assert mean.still == 1
    assert not mean.moving


# what moves


def test_a_thing_that_moves_passes_unchanged_and_leaves_no_trail():
    ground, mean, camera = texture(), TemporalMean(), None
    for index in range(60):
        scene = ground.copy()
        left = 2 * index - 20
        here = slice(max(left, 0), max(left + 32, 0))
        scene[32:64, here] = 255 - scene[32:64, here]  # 75 to 195: the thing is another texture
        camera = camera or Camera(scene)
        camera.luma = scene
        frame = camera.frame()
        out = mean.filter(frame)
        if index > 30 and left + 32 < SHAPE[1]:
            edges = np.s_[34:62, left + 24 : left + 32]
            assert error(out.luma[edges], scene[edges]) < 1.3 * error(frame.luma[edges], scene[edges])
            behind = np.s_[34:62, max(left - 24, 0) : left - 2]
            assert error(out.luma[behind], scene[behind]) < 1.1 * SIGMA


def test_where_light_is_switched_the_mean_follows_in_the_same_frame():
    camera = Camera(texture((240, 320)))
    _, mean = averaged(camera, 40)
    camera.luma = camera.luma + np.uint8(30)
    for frame in [camera.frame() for _ in range(3)]:
        out = mean.filter(frame)
        assert abs(float(out.luma.mean()) - float(camera.luma.mean())) < 1
        assert error(out.luma, camera.luma) < 1.02 * error(frame.luma, camera.luma)


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, -1])
def test_light_that_drifts_by_a_level_in_five_frames_is_followed(step):
    base = texture((240, 320))
    camera = Camera(base)
    _, mean = averaged(camera, 40)
    for index in range(60):
        camera.luma = (base.astype(np.int16) + step * (index // 5)).astype(np.uint8)
        out = mean.filter(camera.frame()).luma.astype(np.float64) - camera.luma
        assert abs(out.mean()) <= 1.5
        assert np.abs(out.reshape(15, 16, 20, 16).mean(axis=(1, 3))).max() <= 3


def test_where_everything_moves_frames_pass_until_the_camera_rests():
    wide, mean = texture((96, 1000)), TemporalMean()
    camera = Camera(wide[:, :128])
    for index in range(120):
        camera.luma = wide[:, 5 * index : 5 * index + 128]
        frame = camera.frame()
        out = mean.filter(frame)
    assert mean.moving
    assert out is frame
    out = averaged(camera, 90, mean)[0][-1]
    assert not mean.moving
    assert error(out.luma, camera.luma) < SIGMA / 2


# coders of video


def coded(index, camera, errors, gop=30):
    """Repeat a frame as a coder does: each intra frame has an error of its own, others repeat it."""
    rng = np.random.default_rng(100 + index // gop)
    noise = np.rint(rng.normal(0, errors, camera.luma.shape))
    plane = np.clip(camera.luma + noise, 0, 255).astype(np.uint8)
    return Frame(plane, None, Colour(), index, index / 15, index / 15)


@pytest.mark.slow
def test_intra_frames_do_not_reset_what_is_still():
    camera, mean = Camera(texture((240, 320))), TemporalMean()
    out = [mean.filter(coded(index, camera, 4)) for index in range(240)]
    assert error(out[-1].luma, camera.luma) < 4 / np.sqrt(3)  # of eight samples
    same = [np.array_equal(a.luma, b.luma) for a, b in pairwise(out[90:])]
    assert np.mean(same) > 0.8


# frames as they come


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("subsampling", CHROMA.values(), ids=CHROMA)
def test_every_size_is_kept(size, subsampling):
    camera = Camera(texture(size), subsampling)
    for out in averaged(camera, 4)[0]:
        assert out.luma.shape == size
        assert [plane.shape for plane in out.chroma or ()] == [plane.shape for plane in camera.chroma or ()]
        assert all(plane.dtype == np.uint8 for plane in (out.luma, *(out.chroma or ())))


def test_frames_that_were_handed_out_are_never_written_to():
    camera = Camera(texture(), (2, 2))
    mean, kept = TemporalMean(), []
    for _ in range(40):
        frame = camera.frame()
        out = mean.filter(frame)
        kept.append([(plane, plane.copy()) for each in (frame, out) for plane in (each.luma, *each.chroma)])
    assert all(np.array_equal(plane, copy) for planes in kept for plane, copy in planes)


def test_times_index_and_colour_stay():
    camera = Camera(texture(), (2, 2))
    frames = [replace(camera.frame(), colour=Colour(False, BT709), siting=(-0.5, 0.0)) for _ in range(5)]
    mean = TemporalMean()
    for frame in frames:
        out = mean.filter(frame)
        assert (out.index, out.time_s, out.captured_s) == (frame.index, frame.time_s, frame.captured_s)
        assert (out.colour, out.siting) == (frame.colour, frame.siting)


def other_size(frame):
    return replace(frame, luma=frame.luma[:-16].copy(), chroma=tuple(plane[:-8].copy() for plane in frame.chroma))


CHANGES = {
    "size": other_size,
    "no chroma": lambda frame: replace(frame, chroma=None),
    "4:2:2": lambda frame: replace(frame, chroma=tuple(plane.repeat(2, axis=0) for plane in frame.chroma)),
    "range": lambda frame: replace(frame, colour=Colour(False)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_frame_of_another_kind_begins_anew(change):
    camera = Camera(texture(), (2, 2))
    _, mean = averaged(camera, 30)
    frame = change(camera.frame())
    out = mean.filter(frame)
    assert np.array_equal(out.luma, frame.luma)
    assert (mean.noise, mean.still) == (None, 0.0)


def test_deep_frames_pass_as_they_are():
    _, mean = averaged(Camera(texture()), 5)
    deep = Frame(texture().astype(np.uint16) * 256, None, Colour(), 0, 0.0, 0.0)
    assert mean.filter(deep) is deep
    assert mean.noise is None


@pytest.mark.slow
def test_memory_stays_flat():
    camera = Camera(texture((64, 64)), (2, 2))
    frames, mean = [camera.frame() for _ in range(7)], TemporalMean()
    for frame in frames * 12:
        mean.filter(frame)
    tracemalloc.start()
    try:
        for frame in frames * 4:
            mean.filter(frame)
        before = tracemalloc.get_traced_memory()[0]
        for frame in frames * 40:
            mean.filter(frame)
        assert tracemalloc.get_traced_memory()[0] - before < 10_000
    finally:
        tracemalloc.stop()


# the same bytes everywhere

DIGEST = "7293a9f9762d72f6b6f959dea7ec51324d06f43d3fc5592639238a8ac8de57ac"
"""Of x86-64 and of emulated Cortex-A53, A72 and A76, which ``tests/rigs/arm64.sh`` compares."""


def test_bytes_are_those_of_other_processors():
    assert temporal_digest() == DIGEST
