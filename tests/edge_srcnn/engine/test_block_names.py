"""Blocks by name: height by width, once for all layers or twice; other words are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_srcnn.engine.plan import MAX_SIDE, Blocks
from edge_srcnn.errors import UsageError
from tests.edge_srcnn.engine.stacks import REPEATABLE

any_side = st.integers(1, MAX_SIDE)


@REPEATABLE
@given(any_side, any_side, any_side, any_side)
def test_blocks_are_written_as_they_are_read(height, width, times_down, times_across):
    outer = min(height * times_down, MAX_SIDE // height * height), min(width * times_across, MAX_SIDE // width * width)
    packing = Blocks((height, width), outer)
    assert Blocks.parse(str(packing)) == packing


@pytest.mark.parametrize(
    ("text", "inner", "outer"),
    [
        ("1x1", (1, 1), (1, 1)),
        ("2x4", (2, 4), (2, 4)),
        ("2x4-4x4", (2, 4), (4, 4)),
        ("3x5-6x15", (3, 5), (6, 15)),
        ("16x16", (16, 16), (16, 16)),
        (" 2X4-4X4\n", (2, 4), (4, 4)),
        ("02x04", (2, 4), (2, 4)),
        ("2x4-2x4", (2, 4), (2, 4)),
    ],
)
def test_blocks_are_height_by_width(text, inner, outer):
    packing = Blocks.parse(text)
    assert (packing.inner, packing.outer) == (inner, outer)


def test_one_block_for_all_layers_is_written_once():
    assert str(Blocks((2, 4), (2, 4))) == "2x4"
    assert str(Blocks((2, 4), (4, 4))) == "2x4-4x4"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2",
        "2x",
        "x4",
        "2x4-",
        "2x4-4",
        "2x4x4",
        "-2x4",
        "2.0x4",
        "2 x 4",
        "2x4-4x4-8x8",
        "w",
        "8w-",
        "8w-4",
        "0w",
        "8w4",
        "1x1-8w",
        "auto",
        "zwei",
    ],
)
def test_other_words_for_a_block_are_refused_with_an_example(text):
    with pytest.raises(UsageError, match="give height x width, such as 2x4, 2x4-4x4, or windows"):
        Blocks.parse(text)


@pytest.mark.parametrize("text", ["0x1", "1x0", "17x1", "1x17", "2x2-2x32", "2x2-0x2", "1x" + "9" * 30])
def test_sides_are_1_to_16_pixels(text):
    with pytest.raises(UsageError, match="1 to 16 pixels"):
        Blocks.parse(text)


@pytest.mark.parametrize("text", ["9" * 5000 + "x1", "2x4-2x" + "9" * 5000], ids=["first", "second"])
def test_a_side_of_more_digits_than_python_reads_is_refused(text):
    with pytest.raises(UsageError):
        Blocks.parse(text)


@pytest.mark.parametrize("text", ["2x4-3x4", "2x4-2x6", "4x4-2x2", "2x4-4x2"])
def test_the_second_block_is_made_of_whole_first_ones(text):
    with pytest.raises(UsageError, match=f"block {text}: the sides of the second must be multiples"):
        Blocks.parse(text)
