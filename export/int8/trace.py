"""Trace every tensor of a graph, and measure in which layer an int8 network loses quality."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.engine.interpreter import interpreter_backend
from edge_srcnn.system.native_stderr import quiet_native_code
from export.architectures import Architecture
from export.data.pairs import Float32Array

TRACE_ENGINE = "litert"


@dataclass(frozen=True)
class TensorTrace:
    """Hold a tensor's name, type, and real values (float64, the tensor's own shape)."""

    name: str
    dtype: np.dtype[Any]
    values: NDArray[np.float64]


@dataclass(frozen=True)
class LayerNoise:
    """Hold the signal-to-noise ratio of a layer's output, float32 against int8, in dB."""

    name: str
    snr_db: float


def trace(graph: bytes, pixels: NDArray[Any]) -> list[TensorTrace]:
    """Run a graph on ``[h, w]`` or ``[h, w, channels]`` with plain kernels, and read every tensor."""
    backend = interpreter_backend(TRACE_ENGINE)
    plain_kernels = backend.reach("OpResolverType").BUILTIN_WITHOUT_DEFAULT_DELEGATES
    with quiet_native_code():
        interpreter = backend.reach(backend.attribute)(
            model_content=graph, experimental_preserve_all_tensors=True, experimental_op_resolver_type=plain_kernels
        )
    index = interpreter.get_input_details()[0]["index"]
    shape = (1, *pixels.shape, 1)[:4]
    interpreter.resize_tensor_input(index, shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(index, pixels.reshape(shape))
    interpreter.invoke()
    found = []
    for detail in interpreter.get_tensor_details():
        raw = interpreter.get_tensor(detail["index"])
        scales = detail["quantization_parameters"]["scales"]
        zero_points = detail["quantization_parameters"]["zero_points"]
        values = raw.astype(np.float64)
        if len(scales) == 1:
            values = (values - zero_points[0]) * scales[0]
        found.append(TensorTrace(detail["name"], np.dtype(detail["dtype"]), values))
    return found


def layer_noise(
    float_graph: bytes, int8_graph: bytes, architecture: Architecture, samples: list[Float32Array]
) -> tuple[LayerNoise, ...]:
    """Measure the signal-to-noise ratio of each layer: power of the float output over that of the difference.

    Parameters
    ----------
    float_graph
        The network in float32, a TFLite flatbuffer.
    int8_graph
        The same network in full int8.
    architecture
        Kernels, outputs and names of the layers.
    samples
        Inputs, float32 ``[1, h, w, u * u]`` in 0..1, over which power and noise are added up.

    Returns
    -------
    One ratio a layer, first to last.
    """
    names = architecture.layer_names
    signal, noise = np.zeros(len(names)), np.zeros(len(names))
    for sample in samples:
        plane = sample[0]
        real = _outputs(float_graph, plane, architecture)
        integers = (np.rint(plane * 255).astype(np.uint8) ^ np.uint8(0x80)).view(np.int8)
        approximate = _outputs(int8_graph, integers, architecture)
        for i, (a, b) in enumerate(zip(real, approximate, strict=True)):
            signal[i] += np.sum(a * a)
            noise[i] += np.sum((a - b) ** 2)
    ratio = 10 * np.log10(np.maximum(signal, 1e-30) / np.maximum(noise, 1e-30))
    return tuple(LayerNoise(name, float(snr)) for name, snr in zip(names, ratio, strict=True))


def _outputs(graph: bytes, plane: NDArray[np.generic], architecture: Architecture) -> list[NDArray[np.float64]]:
    """Find the output of each layer by its shape; layers of one shape follow each other.

    Scratch tensors have no name, and are passed over.
    """
    h, w = plane.shape[:2]
    shapes = []
    for kernel, channels in architecture.layers:
        h, w = h - kernel + 1, w - kernel + 1
        shapes.append((1, h, w, channels))
    named = [tensor.values for tensor in trace(graph, plane) if tensor.name]
    found = []
    for number, shape in enumerate(shapes):
        same = [values for values in named if values.shape == shape]
        # a converter may keep the sum before each activation under the same shape; the last one is the layer's
        each = len(same) // shapes.count(shape)
        found.append(same[each * (shapes[:number].count(shape) + 1) - 1])
    return found
