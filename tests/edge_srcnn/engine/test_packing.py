"""Packing changes no byte: packed is plain for any stack, block and tile, and plain is TFLite's arithmetic."""

from dataclasses import replace
from itertools import product
from math import ceil

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_srcnn.bundled import bundled_models
from edge_srcnn.engine.flatbuffer_reader import read_graph
from edge_srcnn.engine.flatbuffer_writer import write_graph
from edge_srcnn.engine.graph import Convolution, Graph, Reshape
from edge_srcnn.engine.interpreter import Interpreter
from edge_srcnn.engine.packing import MAX_SIDE, PLAIN, Blocks, Halo, halo, pack, pack_kernel, pack_layer
from edge_srcnn.engine.setting import WHOLE_TILE, Setting
from edge_srcnn.engine.sharpener import Sharpener
from edge_srcnn.errors import UsageError
from edge_srcnn.imaging.blocks import from_blocks, to_blocks
from edge_srcnn.model import golden_plane, parse_model
from tests.edge_srcnn.engine.stacks import (
    REPEATABLE,
    SHIPPED,
    as_blocks,
    as_pixels,
    blocks,
    compute,
    float_stacks,
    int8_stack,
    int8_stacks,
    levels,
    random_input,
    real_result,
    seeds,
    sizes,
    some_channels,
    some_quantization,
    tiles,
)

MORE = settings(REPEATABLE, max_examples=300)
grids = st.tuples(st.integers(1, 3), st.integers(1, 3))
"""Blocks of the output, down and across."""


def tile_of(packing, grid):
    """A tile of so many blocks, in pixels."""
    return grid[0] * packing.outer[0], grid[1] * packing.outer[1]


def with_halo(tile, around):
    """The size of a tile with what it has on each side."""
    return tile[0] + around.above + around.below, tile[1] + around.left + around.right


def needed_of(pixels, graph, tile, around):
    """The part of a tile with its halo that the network itself asks for."""
    down, across = graph.radius
    rows = slice(around.above - down, around.above + tile[0] + down)
    return np.ascontiguousarray(pixels[rows, around.left - across : around.left + tile[1] + across])


def packed_and_plain(engine, graph, packing, grid, seed, *, views=True):
    """Both results for the same random tile, ``[h, w, channels]``."""
    tile, around = tile_of(packing, grid), halo(graph, packing, views=views)
    shape = *with_halo(tile, around), graph.input_shape[2]
    pixels = random_input(np.random.default_rng(seed), graph.dtype, shape)
    needed = needed_of(pixels, graph, tile, around)
    packed = compute(engine, write_graph(pack(graph, packing, tile, views=views)), as_blocks(pixels, packing.inner))
    plain = compute(engine, write_graph(replace(graph, input_shape=needed.shape)), needed)
    return as_pixels(packed, packing.outer), plain


@MORE
@given(int8_stacks(some_channels, some_quantization), blocks(), grids, seeds)
def test_packed_is_plain_byte_for_byte(engine, graph, packing, grid, seed):
    packed, plain = packed_and_plain(engine, graph, packing, grid, seed)
    assert packed.dtype == plain.dtype == np.int8
    assert packed.tobytes() == plain.tobytes()


@MORE
@given(int8_stacks(some_channels, some_quantization), blocks(), grids, seeds)
def test_packed_without_views_is_plain_byte_for_byte_too(engine, graph, packing, grid, seed):
    packed, plain = packed_and_plain(engine, graph, packing, grid, seed, views=False)
    assert packed.tobytes() == plain.tobytes()


@REPEATABLE
@given(int8_stacks(some_channels), blocks(), grids)
def test_without_views_every_step_is_a_convolution_on_blocks(graph, packing, grid):
    tile, around = tile_of(packing, grid), halo(graph, packing, views=False)
    packed = pack(graph, packing, tile, views=False)
    assert packed.steps == packed.layers
    assert len(packed.layers) == len(graph.layers)
    rows, columns = with_halo(tile, around)
    assert packed.input_shape[:2] == (rows // packing.inner[0], columns // packing.inner[1])
    assert packed.output_shape[:2] == grid


def test_without_views_a_1x1_kernel_is_block_diagonal():
    graph = int8_stack(4, SHIPPED, (1, 4, 3, 1), (True, True, False))
    dense = pack(graph, Blocks.parse("2x2"), (8, 8), views=False).layers[1].weights
    assert dense.shape == (4 * 3, 1, 1, 4 * 4)
    for pixel, other in np.ndindex(4, 4):
        part = dense[3 * pixel : 3 * pixel + 3, 0, 0, 4 * other : 4 * other + 4]
        assert (part == (graph.layers[1].weights[:, 0, 0] if pixel == other else 0)).all()


@REPEATABLE
@given(float_stacks(some_channels), blocks(), grids, seeds)
def test_packed_float_is_plain_but_for_the_order_of_sums(engine, graph, packing, grid, seed):
    packed, plain = packed_and_plain(engine, graph, packing, grid, seed)
    assert packed.dtype == plain.dtype == np.float32
    np.testing.assert_allclose(packed, plain, rtol=0, atol=1e-5)


@REPEATABLE
@given(int8_stacks(), blocks(), grids, seeds)
def test_the_runtime_s_own_blocks_bring_a_plane_there_and_back(engine, graph, packing, grid, seed):
    tile, around = tile_of(packing, grid), halo(graph, packing)
    plane = random_input(np.random.default_rng(seed), np.int8, with_halo(tile, around))
    network = Interpreter(engine, write_graph(pack(graph, packing, tile)), 1)
    to_blocks(plane, network.input, packing.inner)
    network.invoke()
    packed = np.empty(tile, np.int8)
    from_blocks(network.output, packed, packing.outer)
    plain = Interpreter(engine, write_graph(graph), 1).run(needed_of(plane, graph, tile, around))
    assert packed.tobytes() == plain.tobytes()


@REPEATABLE
@given(int8_stacks(some_channels, some_quantization), seeds)
def test_plain_is_the_specification_s_arithmetic_to_one_level(engine, graph, seed):
    pixels = random_input(np.random.default_rng(seed), np.int8, graph.input_shape)
    whole, source = compute(engine, write_graph(graph), pixels), graph.input
    for layer in graph.layers:  # each from the integers that the interpreter made of the layers before
        result = compute(engine, write_graph(Graph(pixels.shape, source, (layer,))), pixels)
        exact = levels(real_result(layer, source, pixels), layer.output, layer.relu)
        assert np.abs(result - exact).max() < 1  # one of the two levels that it lies between
        pixels, source = result, layer.output
    assert whole.tobytes() == pixels.tobytes()


@pytest.mark.parametrize("kernels", [SHIPPED, ((9, 9), (3, 3), (5, 5)), ((9, 9), (5, 5), (5, 5))])
@pytest.mark.parametrize("seed", range(3))
def test_the_random_stacks_speak_with_the_whole_range(engine, kernels, seed):
    graph = int8_stack(seed, kernels, (1, 8, 6, 1), (True, True, False))
    pixels = random_input(np.random.default_rng(seed), np.int8, (60, 60, 1))
    out = compute(engine, write_graph(replace(graph, input_shape=pixels.shape)), pixels)
    assert len(np.unique(out)) > 100
    assert np.isin(out, (-128, 127)).mean() < 0.1


def sharpened(graph, engine, plane, setting, *, residual):
    """Raw output and picture of a plane that goes through a ``Sharpener``."""
    sharpener, out = Sharpener(graph, engine, residual=residual, setting_for=lambda *_: setting), np.empty_like(plane)
    sharpener.sharpen(plane, out)
    return sharpener.raw.copy(), out


def grey_levels(seed, size):
    return np.random.default_rng(seed).integers(0, 256, size).astype(np.uint8)


@MORE
@given(int8_stacks(), blocks(), tiles, st.integers(1, 2), sizes, seeds, st.booleans())
def test_tiles_are_the_whole_byte_for_byte(engine, graph, packing, tile, threads, size, seed, residual):
    plane = grey_levels(seed, size)
    raw, out = sharpened(graph, engine, plane, Setting(packing, tile, threads), residual=residual)
    whole, expected = sharpened(graph, engine, plane, Setting(PLAIN, WHOLE_TILE, 1), residual=residual)
    down, across = graph.radius
    mirrored = np.pad(plane, ((down, down), (across, across)), mode="reflect")
    plain = Interpreter(engine, write_graph(graph), 1).run((mirrored.astype(int) - 128).astype(np.int8))
    assert raw.tobytes() == whole.tobytes() == plain.tobytes()
    assert out.tobytes() == expected.tobytes()


@REPEATABLE
@given(float_stacks(), blocks(), tiles, sizes, seeds)
def test_float_tiles_are_the_whole_but_for_the_order_of_sums(engine, graph, packing, tile, size, seed):
    plane = grey_levels(seed, size)
    raw, _ = sharpened(graph, engine, plane, Setting(packing, tile, 1), residual=True)
    whole, _ = sharpened(graph, engine, plane, Setting(PLAIN, WHOLE_TILE, 1), residual=True)
    assert raw.shape == whole.shape == plane.shape
    np.testing.assert_allclose(raw, whole, rtol=0, atol=1e-5)


def banded(graph, engine, plane, band, lent, setting):
    """The picture of rows ``band[0]`` to ``band[1]`` of a plane, with so many rows lent above and below."""
    (top, end), (above, below) = band, lent
    sharpener, out = (
        Sharpener(graph, engine, residual=True, setting_for=lambda *_: setting),
        np.empty_like(plane[top:end]),
    )
    for frame in (255 - plane, plane):  # nothing of the frame before may stay
        sharpener.sharpen(frame[top - above : end + below], out, lent_above=above, lent_below=below)
    return out


@REPEATABLE
@given(int8_stacks(), blocks(), tiles, st.integers(1, 12), st.integers(1, 20), seeds, st.data())
def test_a_band_with_its_neighbours_rows_is_that_part_of_the_whole(
    engine, graph, packing, tile, rows, width, seed, data
):
    context = graph.radius[0]
    above, below = (data.draw(st.integers(0, context + 5), label) for label in ("rows above", "rows below"))
    plane = grey_levels(seed, (above + rows + below, width))
    _, whole = sharpened(graph, engine, plane, Setting(PLAIN, WHOLE_TILE, 1), residual=True)
    band, lent = (above, above + rows), (min(context, above), min(context, below))
    out = banded(graph, engine, plane, band, lent, Setting(packing, tile, 1))
    assert out.tobytes() == whole[slice(*band)].tobytes()


@REPEATABLE
@given(int8_stacks(), blocks(), tiles, sizes, seeds)
def test_reuse_changes_no_byte_of_the_frames_of_a_moving_thing(engine, graph, packing, tile, size, seed):
    rng, setting = np.random.default_rng(seed), Setting(packing, tile, 1)
    reusing = Sharpener(graph, engine, residual=True, setting_for=lambda *_: setting, reuse=True)
    plane, out = grey_levels(seed, size), np.empty(size, np.uint8)
    for _ in range(4):
        reusing.sharpen(plane, out)
        _, expected = sharpened(graph, engine, plane, setting, residual=True)
        assert out.tobytes() == expected.tobytes()
        y, x = rng.integers(0, size[0]), rng.integers(0, size[1])
        plane[y : y + 2, x : x + 2] ^= rng.integers(0, 2, dtype=np.uint8) * 0x80  # or nothing moves


PACKINGS = ("1x1", "2x2", "2x4", "2x4-4x4", "3x3", "1x2-3x4", "1x4-4x4", "4x1")
HUGE = "16x16"
PACKED_MODELS = [*product(bundled_models(), PACKINGS), ("srcnn-915-x2", HUGE)]  # half a minute for the others


@pytest.mark.parametrize(("name", "packing"), PACKED_MODELS)
def test_the_shipped_networks_give_the_same_bytes_in_every_packing(engine, name, packing):
    model = parse_model(bundled_models()[name].read_bytes(), name)
    graph, plane, residual = read_graph(model.graph), golden_plane(), model.spec.residual
    raw, out = sharpened(graph, engine, plane, Setting(Blocks.parse(packing), (24, 40), 1), residual=residual)
    whole, expected = sharpened(graph, engine, plane, Setting(PLAIN, WHOLE_TILE, 1), residual=residual)
    assert raw.tobytes() == whole.tobytes()
    assert out.tobytes() == expected.tobytes()
    assert np.abs(out.astype(int) - model.golden).max() <= 1  # interpreters may differ by a level


@REPEATABLE
@given(int8_stacks(some_channels), blocks(), grids)
def test_the_packed_shapes_are_tile_and_halo_in_blocks(graph, packing, grid):
    tile, around = tile_of(packing, grid), halo(graph, packing)
    packed = pack(graph, packing, tile)
    for axis, (before, after) in enumerate(((around.above, around.below), (around.left, around.right))):
        assert min(before, after) >= graph.radius[axis]
        assert (before + after) % packing.inner[axis] == 0
        assert packed.input_shape[axis] * packing.inner[axis] == tile[axis] + before + after
        assert packed.output_shape[axis] * packing.outer[axis] == tile[axis]
    assert packed.input_shape[2] == packing.inner[0] * packing.inner[1] * graph.input_shape[2]
    assert packed.output_shape[2] == packing.outer[0] * packing.outer[1] * len(graph.layers[-1].bias)
    assert (packed.input, packed.output, packed.dtype) == (graph.input, graph.output, graph.dtype)


@REPEATABLE
@given(int8_stacks(some_channels), blocks())
def test_the_halo_in_closed_form(graph, packing):
    around = halo(graph, packing)
    down, across = ([layer.kernel[axis] // 2 for layer in graph.layers] for axis in (0, 1))
    height, width = packing.inner
    assert around.above == around.below == sum(-(-radius // height) * height for radius in down)
    if height > 1 or len(graph.layers) == 1:  # every layer on blocks
        assert around.left == around.right == sum(-(-radius // width) * width for radius in across)
    else:  # the first alone; the right side has what is missing to a whole block
        assert around.left == -(-across[0] // width) * width + sum(across[1:])
        assert around.left <= around.right < around.left + width


@pytest.mark.parametrize(
    ("packing", "expected"),  # above, below, left, right
    [
        ("1x1", (6, 6, 6, 6)),  # the radius of 9-1-5 itself: 4 + 0 + 2
        ("2x2", (6, 6, 6, 6)),
        ("2x4", (6, 6, 8, 8)),  # across: 4 + 4
        ("2x4-4x4", (6, 6, 8, 8)),  # the output's blocks cost nothing here
        ("3x3", (9, 9, 9, 9)),  # 6 + 3
        ("5x8", (10, 10, 16, 16)),
        ("16x16", (32, 32, 32, 32)),
        ("1x4-4x4", (6, 6, 6, 6)),  # across: 4 in blocks, and 2 pixels
        ("1x3", (6, 6, 8, 10)),  # 6 in blocks and 2 pixels; 2 more make 18
        ("1x8-2x8", (6, 6, 10, 14)),  # 8 in blocks and 2 pixels; 4 more make 24
    ],
)
def test_the_halo_of_9_1_5_by_hand(packing, expected):
    graph = int8_stack(0, SHIPPED, (1, 2, 2, 1), (True, True, False))
    assert halo(graph, Blocks.parse(packing)) == Halo(*expected)


def test_the_smallest_convolution_by_hand():
    """One row, kernel (1 2 3), pairs of pixels: (a b)(c d)(e f) become (a + 2b + 3c ...) of the middle pair."""
    packed = pack_kernel(np.array([1, 2, 3], np.int8).reshape(1, 1, 3, 1), (1, 2), (1, 2))
    assert packed.dtype == np.int8
    assert packed.reshape(2, 6).tolist() == [
        [0, 1, 2, 3, 0, 0],  # pixel c: 1 b + 2 c + 3 d
        [0, 0, 1, 2, 3, 0],  # pixel d: 1 c + 2 d + 3 e
    ]


def defined_kernel(weights, inner, outer):
    """P[oy, ox, co, Y, X, iy, ix, ci] = K[co, dy + ry, dx + rx, ci], pixel by pixel; zero beyond the kernel."""
    (outputs, kh, kw, inputs), (ih, iw), (oh, ow) = weights.shape, inner, outer
    ry, rx = kh // 2, kw // 2
    ny, nx = ceil(ry / ih), ceil(rx / iw)
    made = np.zeros((oh, ow, outputs, 2 * ny + oh // ih, 2 * nx + ow // iw, ih, iw, inputs), weights.dtype)
    for oy, ox, co, y, x, iy, ix, ci in np.ndindex(made.shape):
        dy, dx = (y - ny) * ih + iy - oy, (x - nx) * iw + ix - ox  # from the output's pixel to the input's
        if abs(dy) <= ry and abs(dx) <= rx:
            made[oy, ox, co, y, x, iy, ix, ci] = weights[co, dy + ry, dx + rx, ci]
    return made.reshape(oh * ow * outputs, made.shape[3], made.shape[4], ih * iw * inputs)


@REPEATABLE
@given(
    st.tuples(*2 * [st.sampled_from([1, 3, 5, 7, 9])]),
    st.tuples(st.integers(1, 2), st.integers(1, 2)),
    blocks().filter(lambda packing: packing.outer[0] * packing.outer[1] <= 24),
    seeds,
)
@example((9, 9), (1, 1), Blocks((2, 4), (4, 4)), 1)
@example((1, 9), (2, 1), Blocks((3, 2), (3, 6)), 2)
def test_the_packed_kernel_is_its_definition(kernel, channels, packing, seed):
    weights = random_input(np.random.default_rng(seed), np.int8, (channels[0], *kernel, channels[1]))
    expected = defined_kernel(weights, packing.inner, packing.outer)
    made = pack_kernel(weights, packing.inner, packing.outer)
    assert made.dtype == np.int8
    assert made.shape == expected.shape
    assert (made == expected).all()


def test_each_pixel_of_a_block_has_the_bias_and_scale_of_its_channel():
    layer = int8_stack(3, ((3, 3),), (1, 2), (True,)).layers[0]
    packed = pack_layer(layer, (1, 2), (2, 2))
    assert packed.bias.tolist() == 4 * layer.bias.tolist()
    assert packed.weight_scales.tolist() == 4 * layer.weight_scales.tolist()
    assert (packed.bias.dtype, packed.weight_scales.dtype) == (np.int32, np.float32)
    assert (packed.output, packed.relu, packed.stride) == (layer.output, layer.relu, (2, 1))


def test_a_1x1_convolution_keeps_its_weights_and_sees_the_same_memory_in_another_shape():
    graph = int8_stack(4, SHIPPED, (1, 4, 3, 1), (True, True, False))
    first, view, middle, back, last = pack(graph, Blocks((2, 4), (4, 4)), (8, 16)).steps
    assert isinstance(first, Convolution)
    assert isinstance(last, Convolution)
    assert middle is graph.layers[1]
    # 8x16 and 2 more rows and 4 more columns on each side for the last layer: 12x24 pixels, 6x6 blocks of 8
    assert (view, back) == (Reshape((6, 6 * 8, 4)), Reshape((6, 6, 8 * 3)))
    assert (first.stride, last.stride) == ((1, 1), (2, 1))


def test_with_blocks_of_one_row_the_hidden_layers_see_pixels():
    graph = int8_stack(4, ((9, 9), (3, 3), (5, 5)), (1, 6, 3, 1), (True, True, False))
    packed = pack(graph, Blocks.parse("1x4-4x4"), (8, 16))
    first, view, middle, last = packed.steps
    assert middle is graph.layers[1]
    # rows: 8 + 2 * (4 + 1 + 2); columns: 16 + 4 + 3 on the left, 4 + 3 and 2 more on the right, which is 8 blocks
    assert packed.input_shape == (22, 8, 4)
    assert view == Reshape((22 - 8, (8 - 2) * 4, 6))
    assert (first.kernel, first.stride, last.kernel, last.stride) == ((9, 3), (1, 1), (8, 8), (4, 4))
    assert packed.output_shape == (2, 4, 16)


def test_no_packing_leaves_the_weights_as_they_were():
    graph = int8_stack(5, SHIPPED, (1, 4, 3, 1), (True, True, False))
    packed = pack(graph, PLAIN, (5, 7))
    assert (packed.input_shape, packed.output_shape) == ((5 + 12, 7 + 12, 1), (5, 7, 1))
    for ours, theirs in zip(packed.steps, graph.steps, strict=True):
        assert (ours.weights == theirs.weights).all()
        assert (ours.bias == theirs.bias).all()


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
    "text", ["", "2", "2x", "x4", "2x4-", "2x4-4", "2x4x4", "-2x4", "2.0x4", "2 x 4", "2x4-4x4-8x8", "auto", "zwei"]
)
def test_other_words_for_a_block_are_refused_with_an_example(text):
    with pytest.raises(UsageError, match="give height x width, such as 2x4, or 2x4-4x4"):
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
