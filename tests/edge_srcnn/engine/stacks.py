"""Random convolution stacks, the blocks and sizes to try them with, and TFLite's arithmetic in numpy."""

from math import prod

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from edge_srcnn.engine.graph import FLOAT, Convolution, Graph, Quantization
from edge_srcnn.engine.interpreter import open_interpreter
from edge_srcnn.engine.plan import Blocks

REPEATABLE = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
"""The same examples in every run; the fixture ``engine`` is but a name."""
MORE = settings(REPEATABLE, max_examples=300)

SHIPPED = ((9, 9), (1, 1), (5, 5))
SAMPLE = 10  # pixels on each side of the output by which an int8 stack is calibrated


def quantization(scale: float, zero_point: int) -> Quantization:
    """With a scale that float32 holds exactly."""
    return Quantization(float(np.float32(scale)), zero_point)


PIXELS = quantization(1 / 255, -128)
"""int8 is the grey level less 128."""


def convolve(pixels, weights):
    """VALID, ``[h, w, inputs]`` by ``[outputs, kh, kw, inputs]`` in float64: exact for integers below 2 ** 53."""
    windows = sliding_window_view(pixels.astype(np.float64), weights.shape[1:3], (0, 1))
    return np.tensordot(windows, weights.astype(np.float64), axes=((3, 4, 2), (1, 2, 3)))


def real_result(layer, source, pixels):
    """What an int8 layer computes, before it is rounded: TFLite's 8-bit specification.

    ``real = scale * (integer - zero_point)`` for each tensor, the bias in units of input scale * weight scale.
    """
    counts = convolve(pixels.astype(np.int64) - source.zero_point, layer.weights) + layer.bias
    return counts * source.scale * layer.weight_scales.astype(np.float64)


def levels(real, output, relu):
    """In steps of ``output``, not yet whole ones; RELU ends at the integer that means 0."""
    return np.clip(real / output.scale + output.zero_point, output.zero_point if relu else -128, 127)


def int8_stack(seed, kernels, channels, relus, source=PIXELS):
    """A stack whose results are spread over int8: scales and zero points fit a random sample, 1 % is clipped."""
    rng = np.random.default_rng(seed)
    sides = [SAMPLE + sum(kernel[axis] - 1 for kernel in kernels) for axis in (0, 1)]
    pixels = random_input(rng, np.int8, (*sides, channels[0]))
    quantized, layers = source, []
    for kernel, inputs, outputs, relu in zip(kernels, channels[:-1], channels[1:], relus, strict=True):
        weights = rng.integers(-127, 128, (outputs, *kernel, inputs)).astype(np.int8)
        counts = convolve(pixels.astype(np.int64) - quantized.zero_point, weights)
        bias = rng.normal(0, 0.5, outputs) * counts.std((0, 1)) - np.median(counts, (0, 1))
        scales = np.float32(0.01) * np.exp(rng.uniform(-1, 1, outputs)).astype(np.float32)
        bias = np.rint(bias).astype(np.int32)
        scales = np.exp(rng.uniform(-1, 1, outputs)).astype(np.float32)
        real = real_result(Convolution(weights, bias, scales, FLOAT, relu), quantized, pixels)
        low, high = np.percentile(real, [0.5, 99.5])
        if relu:  # as converters have it, zero point -128, or with integers below zero that must not come out
            low = low * rng.choice([0, 0.3])
        unit = rng.uniform(0.5, 1.5) / max(high - low, 1)  # real results shall range over about 1
        scales, low, real = scales * np.float32(unit), low * unit, real * unit
        scale = max(high * unit - low, 0.1) / 255
        output = quantization(scale, int(np.clip(np.rint(-128 - low / scale), -128, 127)))
        layers.append(Convolution(weights, bias, scales, output, relu))
        pixels, quantized = np.rint(levels(real, output, relu)).astype(np.int8), output
    return Graph((sides[0], sides[1], channels[0]), source, tuple(layers))


def float_stack(seed, kernels, channels, relus):
    """A float32 stack whose results are about 1."""
    rng = np.random.default_rng(seed)
    layers = []
    for kernel, inputs, outputs, relu in zip(kernels, channels[:-1], channels[1:], relus, strict=True):
        weights = rng.normal(0, 1.5 / np.sqrt(prod(kernel) * inputs), (outputs, *kernel, inputs)).astype(np.float32)
        bias = rng.normal(0, 0.2, outputs).astype(np.float32)
        layers.append(Convolution(weights, bias, np.zeros(0, np.float32), FLOAT, relu))
    sides = [SAMPLE + sum(kernel[axis] - 1 for kernel in kernels) for axis in (0, 1)]
    return Graph((sides[0], sides[1], channels[0]), FLOAT, tuple(layers))


def random_input(rng, dtype, shape):
    """All of int8, or float32 from 0 to 1."""
    if dtype == np.float32:
        return rng.random(shape, np.float32)
    return rng.integers(-128, 128, shape).astype(np.int8)


def compute(engine, data, pixels):
    """One run of a file in its own shapes, ``[h, w, channels]`` to ``[h, w, channels]``."""
    network = open_interpreter(engine, data, 1)
    network.input[...] = pixels
    network.run()
    return network.output.copy()


def as_blocks(pixels, side):
    """``[h, w, channels]`` to ``[h / bh, w / bw, bh * bw * channels]``: a pixel after the other, each with its own."""
    height, width, channels = pixels.shape
    cells = pixels.reshape(height // side[0], side[0], width // side[1], side[1], channels).transpose(0, 2, 1, 3, 4)
    return cells.reshape(height // side[0], width // side[1], -1)


def as_pixels(blocks, side):
    """``as_blocks`` backwards."""
    down, across, channels = blocks.shape
    cells = blocks.reshape(down, across, side[0], side[1], channels // (side[0] * side[1])).transpose(0, 2, 1, 3, 4)
    return cells.reshape(down * side[0], across * side[1], -1)


_KERNELS = st.tuples(*2 * [st.sampled_from([1, 3, 5, 7, 9])])
_SRCNN = [SHIPPED, ((9, 9), (3, 3), (5, 5)), ((9, 9), (5, 5), (5, 5)), ((5, 5), (1, 1), (1, 1)), ((1, 1), (3, 3))]
_SIDES = st.integers(1, 4)
_ONE = st.just(1)
_LUMA = st.just(PIXELS)

kernel_lists = st.one_of(st.sampled_from(_SRCNN), st.lists(_KERNELS, min_size=1, max_size=4).map(tuple))
tiles = st.tuples(st.integers(1, 40), st.integers(1, 40))
sizes = st.tuples(st.integers(1, 33), st.integers(1, 33))
grids = st.tuples(st.integers(1, 3), st.integers(1, 3))
"""Blocks of the output, down and across."""
seeds = st.integers(0, 2**32 - 1)
some_channels = st.integers(1, 3)
some_quantization = st.builds(quantization, st.floats(0.001, 0.1), st.integers(-128, 127))


@st.composite
def blocks(draw):
    """Inner sides of 1 to 4 pixels, outer ones 1 to 3 times as long."""
    inner = draw(_SIDES), draw(_SIDES)
    return Blocks(inner, (inner[0] * draw(st.integers(1, 3)), inner[1] * draw(st.integers(1, 3))))


def tile_of(packing, grid):
    """A tile of so many blocks, in pixels."""
    return grid[0] * packing.outer[0], grid[1] * packing.outer[1]


@st.composite
def _plans(draw, ends):
    kernels = draw(kernel_lists)
    hidden = draw(st.lists(st.integers(1, 9), min_size=len(kernels) - 1, max_size=len(kernels) - 1))
    relus = draw(st.lists(st.booleans(), min_size=len(kernels), max_size=len(kernels)))
    return draw(seeds), kernels, (draw(ends), *hidden, draw(ends)), relus


def int8_stacks(ends=_ONE, sources=_LUMA):
    """int8 stacks; ``ends`` draws the channels of input and output, ``sources`` how the input is quantized."""
    return st.builds(lambda plan, source: int8_stack(*plan, source), _plans(ends), sources)


def float_stacks(ends=_ONE):
    """The same in float32."""
    return _plans(ends).map(lambda plan: float_stack(*plan))
