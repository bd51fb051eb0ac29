"""Packed kernels are their definition, pixel by pixel; and which steps a packed stack has."""

from math import ceil

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge_srcnn.engine.graph import Convolution, Reshape
from edge_srcnn.engine.packing import pack, pack_kernel, pack_layer
from edge_srcnn.engine.plan import PLAIN, Blocks
from tests.edge_srcnn.engine.stacks import REPEATABLE, SHIPPED, blocks, int8_stack, random_input, seeds


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


@pytest.mark.slow
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
