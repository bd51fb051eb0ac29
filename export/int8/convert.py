"""Convert weights to TFLite, in float32 or in full int8 with weights per channel: all that needs TensorFlow."""

import os
import warnings

import numpy as np

from edge_srcnn.engine.interpreter import open_interpreter
from edge_srcnn.errors import BadData, EdgeSrcnnError, Unavailable
from edge_srcnn.imaging.tiles import to_blocks
from edge_srcnn.models.file import GOLDEN_SHAPE
from edge_srcnn.models.spec import LUMA_PLANE
from edge_srcnn.system.installation import how_to_install
from edge_srcnn.system.native_stderr import quiet_native_code
from export.architectures import Architecture, Layer
from export.data.pair import Pair
from export.data.pairs import Float32Array
from export.int8.even import even_step
from export.int8.trace import TRACE_ENGINE, trace

INPUT_SCALE = 1 / 255
INPUT_ZERO_POINT = -128
OUTPUT_SCALE = 1 / 255
N_REPRESENTATIVE = 256
LEAST_STEP, MOST_BIAS_COUNTS = 1e-9, 2**30
"""Of a last layer whose weights are next to nothing beside its bias, which counts products of steps in int32."""


def representative_dataset(pairs: tuple[Pair, ...], architecture: Architecture, *, seed: int = 0) -> list[Float32Array]:
    """Cut inputs from training pictures, float32 ``[1, h, w, u * u]`` in 0..1, the last of which spans the whole range.

    That pins the input's quantization to scale 1/255 and zero point -128, so that on the device
    int8 is uint8 XOR 0x80.
    """
    rng = np.random.default_rng(seed)
    h, w = _input_shape(architecture)
    usable = [pair.plane for pair in pairs if pair.plane.shape[0] >= h and pair.plane.shape[1] >= w]
    if not usable:
        raise BadData(f"no training picture is {w}x{h} pixels or more")
    crops = []
    for number in range(N_REPRESENTATIVE):
        plane = usable[number % len(usable)]
        top, left = rng.integers(plane.shape[0] - h + 1), rng.integers(plane.shape[1] - w + 1)
        crops.append(plane[top : top + h, left : left + w])
    crops.append(np.broadcast_to(np.linspace(0, 255, w).round().astype(np.uint8), (h, w)))
    side = architecture.unshuffle
    found = []
    for crop in crops:
        cells = np.empty((h // side, w // side, side**2), np.uint8)
        to_blocks(np.ascontiguousarray(crop), cells, (side, side))
        found.append(cells[None].astype(np.float32) / np.float32(255))
    return found


def _input_shape(architecture: Architecture) -> tuple[int, int]:
    """Compute height and width of a sample in pixels of the plane; the camera's grid is coarser."""
    grain = 2 if architecture.plane == LUMA_PLANE else 1
    h, w = (side // grain + 2 * architecture.halo_px for side in GOLDEN_SHAPE)
    return h, w


def convert(
    layers: tuple[Layer, ...], architecture: Architecture, representative: list[Float32Array] | None = None
) -> bytes:
    """Write the convolutions as a TFLite flatbuffer: full int8 with a representative dataset, else float32.

    Parameters
    ----------
    layers
        The weights, first layer to last.
    architecture
        The network that they are of.
    representative
        Inputs, float32 ``[1, h, w, u * u]`` in 0..1, by which ranges of activations are found; None for float32.

    Returns
    -------
    The flatbuffer.

    Raises
    ------
    Unavailable
        TensorFlow is not installed.
    EdgeSrcnnError
        The converter failed, or left something in float.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import tensorflow as tf
    except ImportError as error:
        raise Unavailable(f"TensorFlow is needed to convert: {how_to_install('edge-srcnn[export]')}") from error

    h, w = (side // architecture.unshuffle for side in _input_shape(architecture))
    names = architecture.layer_names
    weights = [(tf.constant(layer.kernel), tf.constant(layer.bias)) for layer in layers]

    def stack(luma: "tf.Tensor") -> "tf.Tensor":
        x = luma
        for name, (kernel, bias) in zip(names, weights, strict=True):
            x = tf.nn.bias_add(tf.nn.conv2d(x, kernel, strides=1, padding="VALID", name=name), bias)
            x = x if name == names[-1] else tf.nn.relu(x)
        return x

    traced = tf.function(
        stack, input_signature=[tf.TensorSpec((1, h, w, architecture.unshuffle**2), tf.float32, name="luma")]
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([traced.get_concrete_function()], tf.Module())
    if representative is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([sample] for sample in representative)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
    try:
        with quiet_native_code(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Statistics for quantized inputs were expected")  # said of every int8
            graph: bytes = converter.convert()
    except Exception as error:  # the converter raises a dozen kinds; all mean the same to the user
        raise EdgeSrcnnError(f"TensorFlow could not convert the network: {error}") from error
    if representative is None:
        return graph
    graph = _with_ranges(graph, architecture.range_share, 0 if architecture.residual else INPUT_ZERO_POINT)
    graph = _with_one_step(graph, layers[-1]) if architecture.even else graph
    check_full_int8(graph)
    return graph


def _with_ranges(graph: bytes, share: float, zero_point: int) -> bytes:
    """Cut the calibrated ranges of hidden layers to a share, and let the output count grey levels: scale 1/255.

    The device adds the residual to a uint8 picture. With whole levels the int8 rounding is the very rounding that a
    float result meets on its way to uint8; a finer scale would round twice. The last layer's weights and bias do
    not depend on the output's scale.
    """
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(graph))
    subgraph = model.subgraphs[0]
    for operator in subgraph.operators[1:] if share != 1.0 else ():
        source, weights, bias = (subgraph.tensors[number] for number in operator.inputs)
        finer = np.float32(source.quantization.scale[0]) * np.float32(share)
        buffer = model.buffers[bias.buffer]
        counts = np.frombuffer(bytes(buffer.data), np.int32) * np.float64(source.quantization.scale[0]) / finer
        buffer.data = np.frombuffer(np.rint(counts).astype(np.int32).tobytes(), np.uint8)
        source.quantization.scale = [float(finer)]
        bias.quantization.scale = [float(finer * np.float32(scale)) for scale in weights.quantization.scale]
    quantization = subgraph.tensors[subgraph.outputs[0]].quantization
    quantization.scale, quantization.zeroPoint = [OUTPUT_SCALE], [zero_point]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _with_one_step(graph: bytes, layer: Layer) -> bytes:
    """Give all channels of the last layer one step: kernels whose sums agree stay so."""
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(graph))
    subgraph = model.subgraphs[0]
    source, weights, bias = (subgraph.tensors[number] for number in subgraph.operators[-1].inputs)
    source_step = np.float32(source.quantization.scale[0])
    fits = np.abs(layer.bias).max() / (source_step * np.float32(MOST_BIAS_COUNTS))
    step = np.float32(max(even_step(layer.kernel), fits, LEAST_STEP))
    for tensor, values, unit, kind in (
        (weights, layer.kernel.transpose(3, 0, 1, 2), step, np.int8),
        (bias, layer.bias, source_step * step, np.int32),
    ):
        counts = np.rint(values / np.float64(unit)).astype(kind)
        model.buffers[tensor.buffer].data = np.frombuffer(counts.tobytes(), np.uint8)
        tensor.quantization.scale = [float(unit)] * len(layer.bias)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def with_output_scale(graph: bytes, scale: float) -> bytes:
    """Let the output of an int8 graph count other steps: finer ones show what rounding hides."""
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(graph))
    subgraph = model.subgraphs[0]
    subgraph.tensors[subgraph.outputs[0]].quantization.scale = [scale]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def check_full_int8(graph: bytes) -> None:
    """Raise EdgeSrcnnError for a graph in which any tensor stayed float, or whose input is not uint8 XOR 0x80."""
    network = open_interpreter(TRACE_ENGINE, graph, 1)
    quantization = network.input_quantization
    if network.input.dtype != np.int8 or not np.isclose(quantization.scale, INPUT_SCALE, rtol=1e-5):
        raise EdgeSrcnnError(
            f"the input is {network.input.dtype} with scale {quantization.scale:g}; wanted int8, 1/255"
        )
    if quantization.zero_point != INPUT_ZERO_POINT:
        raise EdgeSrcnnError(f"the input's zero point is {quantization.zero_point}; wanted {INPUT_ZERO_POINT}")
    for tensor in trace(graph, np.zeros(network.input.shape, np.int8)):
        if tensor.dtype not in (np.int8, np.int32):
            raise EdgeSrcnnError(f"tensor {tensor.name!r} stayed {tensor.dtype}: the model is not full int8")
