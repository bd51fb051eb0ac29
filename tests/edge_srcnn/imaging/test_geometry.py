"""Cropped, mirrored and rotated frames: luma as numpy and FFmpeg have it, and chroma where it lies."""

import shutil
import subprocess
from itertools import product

import numpy as np
import pytest

from edge_srcnn.imaging.colour import upscale_chroma
from edge_srcnn.imaging.frame import CENTRE, LEFT, TOP_LEFT, Colour, Frame, nearest_named
from edge_srcnn.imaging.geometry import Orientation, cropped, oriented

FFMPEG = shutil.which("ffmpeg") or ""

SUBSAMPLINGS = {"4:2:0": (2, 2), "4:2:2": (1, 2), "4:4:4": (1, 1), "grey": None}
TURNS = list(product((0, 90, 180, 270), (False, True), (False, True)))
BASE, ACROSS, DOWN = 20_000, 400, 240
"""A ramp: its value at a place, and what it grows by from pixel to pixel; whole numbers, at quarters too."""


def by_numpy(plane, degrees, hflip, vflip):
    """What is meant: first mirrored, then rotated clockwise."""
    mirrored = plane[:: -1 if vflip else 1, :: -1 if hflip else 1]
    return np.rot90(mirrored, -degrees // 90)


def ramp_frame(height, width, subsampling, siting, dtype=np.uint16):
    """A frame whose luma and chroma are one ramp, each sample by the place where it lies."""
    rows, columns = np.mgrid[:height, :width]
    luma = BASE + ACROSS * columns + DOWN * rows
    chroma = None
    if subsampling is not None:
        down, across = subsampling
        y = np.arange(-(-height // down)) if down == 1 else 2 * np.arange(-(-height // 2)) + 0.5 + siting[1]
        x = np.arange(-(-width // across)) if across == 1 else 2 * np.arange(-(-width // 2)) + 0.5 + siting[0]
        plane = (BASE + ACROSS * x[None] + DOWN * y[:, None]).astype(dtype)
        chroma = (plane, plane.copy())
    return Frame(luma.astype(dtype), chroma, Colour(), 0, 0.0, 0.0, siting)


def ramp_at(frame, rows, columns):
    """The value of the ramp that luma shows, at any place, in pixels."""
    luma = frame.luma.astype(float)
    across = luma[0, 1] - luma[0, 0] if luma.shape[1] > 1 else 0
    down = luma[1, 0] - luma[0, 0] if luma.shape[0] > 1 else 0
    return luma[0, 0] + across * columns + down * rows


def assert_colours_fit(frame, edge=1):
    """Chroma shows what luma shows, where it lies; at the edges it may be a sample that was there already."""
    down, across = frame.subsampling
    height, width = frame.luma.shape
    for plane in frame.chroma:
        assert plane.shape == (-(-height // down), -(-width // across))
        rows, columns = np.mgrid[: plane.shape[0], : plane.shape[1]].astype(float)
        rows = rows if down == 1 else 2 * rows + 0.5 + frame.siting[1]
        columns = columns if across == 1 else 2 * columns + 0.5 + frame.siting[0]
        off = np.abs(plane - ramp_at(frame, rows, columns))
        inside = off[edge : len(off) - edge, edge : off.shape[1] - edge]
        assert inside.size
        # the cubic of 4:4:4 from 4:4:0 misses a straight line by a fraction of a step; all else is exact
        assert inside.max() <= (0 if edge == 1 else 0.1 * max(ACROSS, DOWN))


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [(6, 8), (5, 7), (1, 4), (3, 1), (1, 1)])
def test_luma_is_turned_exactly(texture, degrees, dtype, size):
    luma = texture(*size).astype(dtype)
    frame = Frame(luma, None, Colour(), 3, 0.25, 7.0)
    for hflip, vflip in product((False, True), repeat=2):
        turned = oriented(frame, Orientation.of(degrees, hflip=hflip, vflip=vflip))
        assert turned.luma.dtype == dtype
        assert np.array_equal(turned.luma, by_numpy(luma, degrees, hflip, vflip))
        assert (turned.index, turned.time_s, turned.captured_s, turned.chroma) == (3, 0.25, 7.0, None)
    assert np.array_equal(frame.luma, texture(*size))


@pytest.mark.parametrize(("degrees", "hflip", "vflip"), TURNS)
def test_colours_of_444_are_turned_with_luma(texture, degrees, hflip, vflip):
    planes = [texture(5, 8, seed=seed) for seed in range(3)]
    frame = Frame(planes[0], (planes[1], planes[2]), Colour(), 0, 0.0, 0.0)
    turned = oriented(frame, Orientation.of(degrees, hflip=hflip, vflip=vflip))
    for ours, plane in zip((turned.luma, *turned.chroma), planes, strict=True):
        assert np.array_equal(ours, by_numpy(plane, degrees, hflip, vflip))
    assert turned.siting == CENTRE


@pytest.mark.parametrize("kind", ["4:2:0", "4:2:2", "4:4:4"])
@pytest.mark.parametrize("siting", [CENTRE, LEFT, TOP_LEFT, (0.0, 0.5), (0.5, 0.0)])
def test_coarse_colours_stay_at_their_places_when_they_are_turned(kind, siting):
    for (degrees, hflip, vflip), size in product(TURNS, [(12, 16), (13, 17), (12, 17), (13, 16)]):
        frame = ramp_frame(*size, SUBSAMPLINGS[kind], siting)
        turned = oriented(frame, Orientation.of(degrees, hflip=hflip, vflip=vflip))
        is_refined = kind == "4:2:2" and degrees in (90, 270)
        assert turned.subsampling == ((1, 1) if is_refined else SUBSAMPLINGS[kind])
        assert_colours_fit(turned, edge=3 if is_refined else 1)
        assert max(map(abs, turned.siting)) <= 1


def test_what_is_turned_four_times_or_mirrored_twice_is_as_it_was():
    for kind, size, siting in product(("4:2:0", "4:4:4"), [(6, 8), (5, 7), (5, 8)], (CENTRE, LEFT, TOP_LEFT)):
        frame = ramp_frame(*size, SUBSAMPLINGS[kind], siting)
        for turn, times in ((Orientation.of(90), 4), (Orientation.of(hflip=True), 2), (Orientation.of(vflip=True), 2)):
            again = frame
            for _ in range(times):
                again = oriented(again, turn)
            assert again.siting == frame.siting
            assert np.array_equal(again.luma, frame.luma)
            assert_colours_fit(again)


@pytest.mark.slow
@pytest.mark.parametrize("kind", SUBSAMPLINGS)
@pytest.mark.parametrize("siting", [CENTRE, LEFT, TOP_LEFT, (0.5, -0.5)])
def test_a_crop_is_exact_and_its_colours_stay_at_their_places(kind, siting):
    for height, width in ((14, 18), (15, 19)):
        frame = ramp_frame(height, width, SUBSAMPLINGS[kind], siting)
        for left, top in product(range(5), repeat=2):
            for right, bottom in product((0, 1, 2), repeat=2):
                region = (left, top, width - left - right, height - top - bottom)
                part = cropped(frame, region)
                assert np.array_equal(part.luma, frame.luma[top : height - bottom, left : width - right])
                assert (part.chroma is None) == (kind == "grey")
                if part.chroma is not None:
                    assert_colours_fit(part)
                    assert max(map(abs, part.siting)) <= 1


@pytest.mark.parametrize("kind", SUBSAMPLINGS)
def test_a_crop_of_even_places_is_a_view(kind):
    frame = ramp_frame(16, 24, SUBSAMPLINGS[kind], LEFT)
    part = cropped(frame, (4, 2, 12, 8))
    for ours, plane in zip((part.luma, *(part.chroma or ())), (frame.luma, *(frame.chroma or ())), strict=True):
        assert np.shares_memory(ours, plane)
    assert part.siting == frame.siting


@pytest.mark.parametrize("kind", SUBSAMPLINGS)
@pytest.mark.parametrize("size", [(1, 1), (1, 6), (6, 1), (2, 2), (3, 2)])
def test_the_smallest_crops_have_colours_that_sinks_take(kind, size):
    frame = ramp_frame(9, 11, SUBSAMPLINGS[kind], LEFT)
    for left, top in product(range(4), repeat=2):
        part = oriented(cropped(frame, (left, top, size[1], size[0])), Orientation.of(90))
        assert part.size == size
        assert part.subsampling in ((2, 2), (1, 2), (1, 1))


@pytest.mark.parametrize("siting", [(0.5, 0.0), (-1.0, -1.0), (0.5, 0.5), (-0.5, 0.0), (-1.0, 0.5)])
@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_upscaled_colours_of_a_flipped_frame_lie_where_their_tag_says(siting, scale):
    """A ramp again: luma p becomes s (p + 1/2) - 1/2, and players know six sitings only."""
    frame = ramp_frame(24, 32, (2, 2), siting)
    named = nearest_named(siting)
    assert named in (LEFT, CENTRE, TOP_LEFT, (0.0, -0.5), (-0.5, 0.5), (0.0, 0.5))
    for plane in upscale_chroma(frame, scale, 12 * scale, 16 * scale):
        rows, columns = np.mgrid[: plane.shape[0], : plane.shape[1]]
        y, x = 2 * rows + 0.5 + named[1], 2 * columns + 0.5 + named[0]
        expected = ramp_at(frame, (y + 0.5) / scale - 0.5, (x + 0.5) / scale - 0.5)
        inside = np.abs(plane - expected)[3 * scale : -3 * scale, 3 * scale : -3 * scale]
        assert (
            inside.max() <= 0.25 * ACROSS
        )  # the cubic's own ripple; a quarter of a pixel off would be 0.25 at its mean
        assert abs((plane - expected)[3 * scale : -3 * scale, 3 * scale : -3 * scale].mean()) <= 0.02 * ACROSS


FILTERS = {
    "transpose=clock": (None, 90, False, False),
    "hflip,vflip": (None, 180, False, False),
    "vflip,transpose=cclock": (None, 270, False, True),
    "crop=21:14:5:3:exact=1,hflip,transpose=clock": ((5, 3, 21, 14), 90, True, False),
    "crop=20:16:4:2,vflip": ((4, 2, 20, 16), 0, False, True),
}


@pytest.mark.slow
@pytest.mark.skipif(not FFMPEG, reason="ffmpeg is not installed")
@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("format", ["yuv444p", "yuv420p"])
def test_frames_are_as_ffmpegs_filters_make_them(texture, filters, format):
    """Crop, then mirror, then rotate. Of 4:2:0 at odd places FFmpeg moves the colours; there luma alone is compared."""
    crop, degrees, hflip, vflip = FILTERS[filters]
    fold = 1 if format == "yuv444p" else 2
    shapes = [(24, 32), (24 // fold, 32 // fold), (24 // fold, 32 // fold)]
    planes = [texture(*shape, seed=seed) for seed, shape in enumerate(shapes)]
    raw = ["-f", "rawvideo", "-pix_fmt", format]
    made = subprocess.run(
        [FFMPEG, "-v", "error", *raw, "-s", "32x24", "-i", "-", "-vf", filters, *raw, "-"],
        input=b"".join(plane.tobytes() for plane in planes),
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    ).stdout
    frame = Frame(planes[0], (planes[1], planes[2]), Colour(), 0, 0.0, 0.0)
    frame = frame if crop is None else cropped(frame, crop)
    turned = oriented(frame, Orientation.of(degrees, hflip=hflip, vflip=vflip))
    ours = [turned.luma, *turned.chroma] if fold == 1 or crop is None or not crop[0] % 2 else [turned.luma]
    assert made.startswith(b"".join(np.ascontiguousarray(plane).tobytes() for plane in ours))
