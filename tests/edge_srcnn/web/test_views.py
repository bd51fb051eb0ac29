from dataclasses import replace

import numpy as np
import pytest

from edge_srcnn.imaging.frame import BT601, BT709, UNSPECIFIED, Colour, Frame
from edge_srcnn.sinks import Result
from edge_srcnn.upscaler import load_model
from edge_srcnn.web.views import bicubic_frame, enhanced_frame, split_frame


def random_frame(height: int, width: int, subsampling: tuple[int, int] | None, colour: Colour | None = None) -> Frame:
    rng = np.random.default_rng(height * width)
    chroma = None
    if subsampling is not None:
        shape = -(-height // subsampling[0]), -(-width // subsampling[1])
        chroma = rng.integers(0, 256, shape, np.uint8), rng.integers(0, 256, shape, np.uint8)
    return Frame(rng.integers(0, 256, (height, width), np.uint8), chroma, colour or Colour(), 5, 0.5, 1.5)


@pytest.mark.parametrize("subsampling", [None, (2, 2), (1, 2), (1, 1)])
@pytest.mark.parametrize("size", [(12, 16), (13, 15)])
def test_the_bicubic_view_is_what_the_upscaler_makes_without_a_network(
    size: tuple[int, int], subsampling: tuple[int, int] | None
) -> None:
    original = random_frame(*size, subsampling)
    with load_model(engine="bicubic") as upscaler:
        expected = upscaler.upscale_frame(original)

    found = bicubic_frame(Result(expected, original, 2))

    assert np.array_equal(found.luma, expected.luma)
    assert (found.chroma is None) == (expected.chroma is None)
    for ours, theirs in zip(found.chroma or (), expected.chroma or (), strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("subsampling", [None, (2, 2), (1, 2), (1, 1)])
@pytest.mark.parametrize("width", [1, 2, 3, 15, 640])
def test_split_is_one_left_and_the_other_right(width: int, subsampling: tuple[int, int] | None) -> None:
    left, right = (
        replace(random_frame(10, width, subsampling), luma=np.full((10, width), n, np.uint8)) for n in (9, 7)
    )

    luma = split_frame(left, right).luma

    line = np.flatnonzero(luma[0] == 255)
    assert luma.shape == right.luma.shape
    assert (luma[:, : line[0]] == 9).all()
    assert (luma[:, line[-1] + 1 :] == 7).all()
    assert abs((line[0] + line[-1] + 1) / 2 - width / 2) <= 1
    assert (right.luma == 7).all()  # nobody writes into a frame that was handed on


def test_the_line_is_white_and_colourless_in_limited_range() -> None:
    frame = random_frame(8, 640, (2, 2), Colour(False))

    split = split_frame(frame, frame)

    assert split.luma[0, 319] == 235
    assert split.chroma is not None
    assert split.chroma[0][0, 159] == split.chroma[1][0, 159] == 128


@pytest.mark.parametrize(
    ("rows", "told", "read_as"),
    [(480, UNSPECIFIED, BT601), (720, UNSPECIFIED, BT709), (480, BT709, BT709), (720, BT601, BT601)],
)
def test_a_matrix_that_is_not_told_is_that_of_the_cameras_size(rows: int, told: int, read_as: int) -> None:
    original = random_frame(rows, 4, (2, 2), Colour(False, told))
    result = Result(original, original, 1)

    assert enhanced_frame(result).colour == bicubic_frame(result).colour == Colour(False, read_as)
