"""Packing changes no byte: packed is plain for any stack and block, and plain is TFLite's arithmetic."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from edge_srcnn.engine.graph import Graph
from edge_srcnn.engine.interpreter import open_interpreter
from edge_srcnn.engine.packing import halo, pack
from edge_srcnn.engine.plan import Blocks
from edge_srcnn.engine.tflite_writer import write_graph
from edge_srcnn.imaging.tiles import from_blocks, to_blocks
from tests.edge_srcnn.engine.stacks import (
    MORE,
    REPEATABLE,
    SHIPPED,
    as_blocks,
    as_pixels,
    blocks,
    compute,
    float_stacks,
    grids,
    int8_stack,
    int8_stacks,
    levels,
    random_input,
    real_result,
    seeds,
    some_channels,
    some_quantization,
    tile_of,
)

pytestmark = pytest.mark.slow


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
    network = open_interpreter(engine, write_graph(pack(graph, packing, tile)), 1)
    to_blocks(plane, network.input, packing.inner)
    network.run()
    packed = np.empty(tile, np.int8)
    from_blocks(network.output, packed, packing.outer)
    plain = open_interpreter(engine, write_graph(graph), 1).compute(needed_of(plane, graph, tile, around))
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
