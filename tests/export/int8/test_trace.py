"""The trace of a run holds the real values of every tensor."""

import numpy as np

from edge_srcnn.engine.interpreter import open_interpreter
from edge_srcnn.models.bundled import find_model
from edge_srcnn.models.file import golden_plane, read_model
from export.int8.trace import trace

HALO = 6  # 9-1-5: (9 - 1) / 2 + 0 + (5 - 1) / 2


def test_a_trace_holds_every_tensor_from_input_to_output():
    model, plane = read_model(find_model("srcnn-915-x2", 2)), (golden_plane() ^ 0x80).view(np.int8)
    tensors = trace(model.graph, plane)
    network = open_interpreter("litert", model.graph, 1)
    shown = {tensor.values.shape: tensor for tensor in tensors}
    height, width = plane.shape
    assert (shown[1, height, width, 1].values[0, :, :, 0] * 255).round().tolist() == (plane.astype(int) + 128).tolist()
    assert (1, height - 8, width - 8, 64) in shown
    assert (1, height - 8, width - 8, 32) in shown
    out = shown[1, height - 2 * HALO, width - 2 * HALO, 1]
    quantization = network.output_quantization
    real = (network.compute(plane).astype(int) - quantization.zero_point) * quantization.scale
    assert np.abs(out.values[0, :, :, 0] - real).max() <= quantization.scale * 1.01  # plain kernels: 1 level
    assert all(tensor.dtype != np.float32 for tensor in tensors)
