"""How a frame is computed: blocks and tiles as people write them, and what a processor gets that was not tuned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_srcnn.engine.graph import Network
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.engine.plan import (
    MAX_SIDE,
    REUSE_TILE,
    WHOLE_TILE,
    Blocks,
    Plan,
    check_tile,
    default_plan,
    parse_tile,
    tile_text,
)
from edge_srcnn.engine.processor import Processor
from edge_srcnn.errors import UsageError
from edge_srcnn.models.spec import LUMA_PLANE
from tests.edge_srcnn.engine.stacks import REPEATABLE, int8_stack
from tests.edge_srcnn.networks import on_bicubic

any_side = st.integers(1, MAX_SIDE)
SETTING = Plan(Blocks((2, 4), (4, 4)), (64, 128), 3)


def processor(*flags: str, caches: dict[int, int] | None = None) -> Processor:
    return Processor("some", "some", frozenset(flags), caches or {})


@pytest.mark.parametrize("text", ["128x256", "1x1", "7x640", "1048576x3", "whole"])
def test_a_tile_is_read_as_it_is_written(text):
    tile = parse_tile(text)
    assert tile is not None
    assert tile_text(tile) == text


@pytest.mark.parametrize(
    ("text", "tile"),
    [("128x256", (128, 256)), (" 7X640 ", (7, 640)), ("007x01", (7, 1)), ("whole", WHOLE_TILE), ("auto", None)],
)
def test_a_tile_is_height_x_width(text, tile):
    assert parse_tile(text) == tile


@pytest.mark.parametrize(
    "text", ["", "x", "256", "3x", "x3", "3x4x5", "3 x 4", "3*4", "-3x4", "3.5x4", "0x4", "4x0", "²x3", "all", "None"]
)
def test_what_is_no_tile_is_a_usage_error_that_names_it(text):
    with pytest.raises(UsageError) as caught:
        parse_tile(text)
    assert str(caught.value).startswith(("tile " + text, f"tile {text!r}"))


def test_a_number_that_is_too_long_to_read_is_a_usage_error():
    with pytest.raises(UsageError):
        parse_tile("9" * 5000 + "x1")  # Python reads up to 4300 digits


@pytest.mark.parametrize("tile", [(0, 5), (5, 0), (-1, 5), (5, -1)])
def test_sides_below_one_are_refused(tile):
    with pytest.raises(UsageError, match=f"tile {tile[0]}x{tile[1]}"):
        check_tile(tile)


def test_a_tile_that_is_allowed_comes_back():
    assert check_tile((1, 1)) == (1, 1)
    assert check_tile(WHOLE_TILE) == WHOLE_TILE


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        (SETTING, "block 2x4-4x4, tile 64x128, 3 threads"),
        (Plan(Blocks((2, 2), (2, 2)), WHOLE_TILE, 1), "block 2x2, tile whole, 1 thread"),
    ],
)
def test_a_setting_reads_as_a_person_would_say_it(setting, text):
    assert str(setting) == text


def test_a_request_for_nothing_changes_nothing():
    assert EngineOptions().applied_to(SETTING) == SETTING


def test_a_request_changes_what_it_names_and_nothing_else():
    blocks = Blocks((1, 1), (1, 1))
    assert EngineOptions(blocks=blocks).applied_to(SETTING) == Plan(blocks, (64, 128), 3)
    assert EngineOptions(tile=(5, 6)).applied_to(SETTING) == Plan(SETTING.blocks, (5, 6), 3)
    assert EngineOptions(threads=9).applied_to(SETTING) == Plan(SETTING.blocks, (64, 128), 9)
    assert EngineOptions(blocks=blocks, tile=(5, 6), threads=9).applied_to(SETTING) == Plan(blocks, (5, 6), 9)


@pytest.mark.parametrize(
    "flags", [(), ("mmx",), ("avx2",), ("avx2", "avx_vnni"), ("avx512_vnni",), ("asimd",), ("asimd", "asimddp")]
)
@pytest.mark.parametrize("real", [False, True])
def test_every_processor_gets_a_setting_with_the_threads_that_there_are(networks, flags, real):
    for threads in (1, 4):
        setting = default_plan(on_bicubic(networks.tap(2, 2, real=real)), processor(*flags), threads)
        assert setting.threads == threads
        assert Blocks.parse(str(setting.blocks)) == setting.blocks


@pytest.mark.parametrize(
    ("flags", "blocks"),
    [(("asimd", "cortex-a53"), "6w-2x2"), (("asimd",), "8w-1x2"), (("asimd", "asimddp"), "8w-2x2")],
)
def test_the_cores_of_a_raspberry_pi_get_the_ends_that_take_the_fewest_instructions(flags, blocks):
    # counted by tests/rigs/instructions.sh --packings fast-c16d4, on Cortex-A53, A72 and A76
    graph = int8_stack(0, [(5, 5), *[(3, 3)] * 4], (1, *[16] * 4, 4), [True] * 4 + [False])
    assert str(default_plan(Network(graph, LUMA_PLANE, 1, 2, True), processor(*flags), 1).blocks) == blocks


@pytest.mark.parametrize(
    ("better", "lesser"), [("avx512_vnni", "avx2"), ("avx_vnni", "avx2"), ("asimddp", "asimd"), ("asimd", "fp")]
)
def test_a_processor_is_evaluated_by_the_best_that_it_has(networks, better, lesser):
    network = on_bicubic(networks.random())
    alone, together = (default_plan(network, processor(*flags), 1) for flags in ((better,), (better, lesser)))
    assert together == alone


def test_int8_features_do_not_count_for_a_float_network(networks):
    network = on_bicubic(networks.tap(2, 2, real=True))
    plain = default_plan(network, processor(), 1)
    assert all(default_plan(network, processor(flag), 1) == plain for flag in ("avx512_vnni", "avx2", "asimddp"))


def test_a_processor_with_small_caches_gets_smaller_tiles(networks):
    network = on_bicubic(networks.random())
    small, large = (
        default_plan(network, processor("avx2", caches={1: 32 << 10, 2: size}), 1).tile
        for size in (512 << 10, 32 << 20)
    )
    assert small[0] * small[1] < large[0] * large[1]
    assert default_plan(network, processor("avx2"), 1).tile == small  # unknown: better too small


def test_tiles_that_are_used_again_are_smaller_than_those_that_are_not(networks):
    tile = default_plan(on_bicubic(networks.random()), processor("avx2", caches={3: 32 << 20}), 1).tile
    for height, width in REUSE_TILE.values():
        assert height * width < tile[0] * tile[1]


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
