"""A frame tells its size as width and height, and how coarse its chroma is."""

from dataclasses import FrozenInstanceError

import cv2
import numpy as np
import pytest

from edge_srcnn.imaging.colour import jfif_planes, resample_chroma
from edge_srcnn.imaging.frame import BT601, BT709, UNSPECIFIED, Colour, Frame


def frame_with(luma: tuple[int, int], chroma: tuple[int, int] | None) -> Frame:
    planes = None if chroma is None else (np.zeros(chroma, np.uint8), np.zeros(chroma, np.uint8))
    return Frame(np.zeros(luma, np.uint8), planes, Colour(), 0, 0.0, 0.0)


def test_the_size_is_width_and_height():
    assert frame_with((48, 64), None).size == (64, 48)
    assert all(type(side) is int for side in frame_with((3, 5), None).size)


@pytest.mark.parametrize(
    ("luma", "chroma", "subsampling"),
    [
        ((48, 64), (48, 64), (1, 1)),
        ((48, 64), (48, 32), (1, 2)),
        ((48, 64), (24, 32), (2, 2)),
        ((47, 63), (24, 32), (2, 2)),  # rounded up
        ((47, 63), (47, 32), (1, 2)),
        ((2, 2), (1, 1), (2, 2)),
        ((48, 64), None, (1, 1)),
    ],
)
def test_subsampling_is_down_and_across(luma, chroma, subsampling):
    assert frame_with(luma, chroma).subsampling == subsampling


def test_frames_are_not_changed_and_are_told_apart_by_identity():
    one, other = frame_with((2, 2), None), frame_with((2, 2), None)
    assert one != other
    assert len({one, other}) == 2
    with pytest.raises(FrozenInstanceError):
        one.index = 1


def test_by_itself_colour_is_that_of_jpeg():
    # JFIF: full range and the matrix of BT.601; nothing is said about the rest
    assert Colour() == Colour(True, BT601, UNSPECIFIED, UNSPECIFIED)
    assert (BT601, UNSPECIFIED) == (6, 2)  # ITU-T H.273, table 4


@pytest.mark.parametrize("colour", [Colour(), Colour(False), Colour(None), Colour(False, BT709), Colour(True, BT709)])
@pytest.mark.parametrize("size", [(1, 1), (64, 64), (65, 3), (97, 130)])
def test_pictures_are_the_planes_of_jpeg_converted_as_a_whole(colour, size):
    height, width = size
    rng = np.random.default_rng(height)
    luma, cb, cr = (rng.integers(0, 256, side, np.uint8) for side in (size, *[(-(-height // 2), -(-width // 2))] * 2))
    frame = Frame(luma, (cb, cr), colour, 0, 0.0, 0.0)
    full, chroma = jfif_planes(frame)
    cb, cr = resample_chroma(chroma, height, width)
    bgr = cv2.cvtColor(cv2.merge((full, cr, cb)), cv2.COLOR_YCrCb2BGR)
    assert np.array_equal(frame.bgr(), bgr)
    assert np.array_equal(frame.rgb(), bgr[..., ::-1])


def test_a_picture_of_grey_has_three_channels():
    frame = Frame(np.arange(64, dtype=np.uint8).reshape(8, 8) + 16, None, Colour(False), 0, 0.0, 0.0)
    assert frame.rgb().shape == frame.bgr().shape == (8, 8, 3)
    assert frame.rgb()[0, 0].tolist() == [0, 0, 0]  # level 16 is black
