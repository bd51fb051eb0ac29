"""What int8 does to each layer: signal against noise."""

from typing import Any

import numpy as np
import pytest

from export.architectures import Architecture, Layer, find_architecture
from export.architectures.srcnn import LAYER_NAMES
from export.int8.convert import convert
from export.int8.trace import layer_noise
from tests.export.layers import random_layers

pytestmark = pytest.mark.slow


def test_a_graph_against_itself_has_no_noise(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from export.int8 import trace as quantization

    real = quantization._outputs

    def as_float(graph: bytes, plane: Any, architecture: Architecture) -> Any:
        if plane.dtype == np.int8:
            plane = (plane.astype(np.float32) + 128) / np.float32(255)
        return real(graph, plane, architecture)

    monkeypatch.setattr(quantization, "_outputs", as_float)
    noise = layer_noise(small.float32, small.float32, small.architecture, small.representative[:2])
    assert [layer.name for layer in noise] == list(LAYER_NAMES)
    assert all(layer.snr_db > 100 for layer in noise)


def test_a_known_error_gives_the_ratio_of_arithmetic(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from export.int8 import trace as quantization

    real = quantization._outputs

    def disturbed(graph: bytes, plane: Any, architecture: Architecture) -> Any:
        if plane.dtype != np.int8:
            return real(graph, plane, architecture)
        exact = real(small.float32, (plane.astype(np.float32) + 128) / np.float32(255), architecture)
        return [values * factor for values, factor in zip(exact, (1.1, 1.01, 2.0), strict=True)]

    monkeypatch.setattr(quantization, "_outputs", disturbed)
    noise = layer_noise(small.float32, small.int8, small.architecture, small.representative[:2])
    # an error of a tenth is 20 dB below the signal, of a hundredth 40 dB; one as large as the signal 0 dB
    assert [layer.snr_db for layer in noise] == pytest.approx([20.0, 40.0, 0.0], abs=0.01)


def test_errors_grow_from_layer_to_layer(either: Any) -> None:
    patches, mapping, reconstruction = layer_noise(
        either.float32, either.int8, either.architecture, either.representative[:8]
    )
    assert patches.snr_db > mapping.snr_db > reconstruction.snr_db
    # 8 bits over the range of an activation: 30 to 50 dB
    assert 25 < patches.snr_db < 55
    assert reconstruction.snr_db > 10


@pytest.mark.parametrize("filters", [(8, 8), (81, 4), (1, 1)], ids=["alike", "as many as the kernel has taps", "one"])
def test_layers_of_the_same_shape_are_told_apart(small: Any, filters: tuple[int, int]) -> None:
    architecture = find_architecture("srcnn-915", filters=filters)
    first, second, third = random_layers(architecture)
    layers = (first, Layer(second.kernel * 0.5, second.bias * 0), third)
    samples = small.representative[:4]
    plane = samples[0][0, :, :, 0]

    from export.int8.trace import _outputs

    outputs = _outputs(convert(layers, architecture), plane, architecture)
    windows = np.lib.stride_tricks.sliding_window_view(plane, (9, 9))
    expected = np.maximum(np.einsum("yxij,ijo->yxo", windows, first.kernel[:, :, 0]) + first.bias, 0)
    np.testing.assert_allclose(outputs[0][0], expected, atol=1e-5)
    np.testing.assert_allclose(outputs[1][0], np.maximum(expected @ layers[1].kernel[0, 0], 0), atol=1e-5)
