"""An engine of one file: convolutions in plain numpy, on the values of a ``Graph``."""

import numpy as np

from edge_srcnn.engine.backends import Backend
from edge_srcnn.engine.graph import Convolution


class Toy(Backend):
    package, cure = "numpy", "pip install numpy"

    def __init__(self, name, delegate=None):
        self.name = name

    def version(self):
        return np.__version__

    def compile(self, graph, threads):
        return ToyProgram(graph)


class ToyProgram:
    def __init__(self, graph):
        self._graph = graph
        self.input = np.empty(graph.input_shape, graph.dtype)
        self.output = np.empty(graph.output_shape, graph.dtype)

    def run(self):
        values, quantization = self.input, self._graph.input
        for step in self._graph.steps:
            if isinstance(step, Convolution):
                values, quantization = convolve(values, quantization, step), step.output
            else:
                values = values.reshape(step.shape)
        self.output[...] = values


def convolve(pixels, source, layer):
    """TFLite's int8 arithmetic: sums in int32, scaled by a float32 factor, rounded to the nearest."""
    windows = np.lib.stride_tricks.sliding_window_view(pixels.astype(np.int64), layer.kernel, axis=(0, 1))
    windows = windows[:: layer.stride[0], :: layer.stride[1]]
    sums = np.einsum("yxcij,oijc->yxo", windows - source.zero_point, layer.weights.astype(np.int64)) + layer.bias
    factors = (np.float32(source.scale) * layer.weight_scales / np.float32(layer.output.scale)).astype(np.float32)
    scaled = np.rint(sums.astype(np.float32) * factors).astype(np.int64) + layer.output.zero_point
    return np.clip(scaled, layer.output.zero_point if layer.relu else -128, 127).astype(np.int8)
