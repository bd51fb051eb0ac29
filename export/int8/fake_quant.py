"""Convolutions that compute in training as they will in int8, so that a network learns to live with its rounding.

Weights are rounded to 127 steps of each channel's largest, outputs to 255 steps of the layer's range, the picture to
grey levels; gradients pass as if nothing had been rounded: Jacob et al., "Quantization and Training of Neural Networks
for Efficient Integer-Arithmetic-Only Inference" (2018), section 3; Bengio et al. (2013) for the gradients. Ranges are
those that the converter will find: of the representative dataset, by the very same weights.
"""

from typing import Any

import keras

from export.architectures import Architecture, Layer
from export.data.pairs import Float32Array
from export.training.network import build_model, convolutions_of, layers_of, set_layers, stack_of

WEIGHT_STEPS, OUTPUT_STEPS = 127, 255


class FakeQuantConv2D(keras.layers.Conv2D):  # type: ignore[misc]  # Keras has no types
    """A convolution with weights per channel, and an output, of 8 bits.

    ``step`` is the distance of two output values; 0 leaves the output as it is, while its range is being measured.
    """

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        super().build(input_shape)
        self.step = self.add_weight(name="step", shape=(), initializer="zeros", trainable=False)

    def save_own_variables(self, store: Any) -> None:
        """Write kernel, bias and step."""
        super().save_own_variables(store)
        store["2"] = self.step

    def load_own_variables(self, store: Any) -> None:
        """Read them."""
        super().load_own_variables(store)
        self.step.assign(store["2"])

    def quantized_kernel(self) -> Any:
        """Round the kernel as the converter does, with the gradient of the real one."""
        largest = keras.ops.max(keras.ops.abs(self.kernel), axis=(0, 1, 2), keepdims=True)
        step = keras.ops.maximum(keras.ops.stop_gradient(largest) / WEIGHT_STEPS, 1e-12)
        return _straight_through(self.kernel, keras.ops.round(self.kernel / step) * step)

    def call(self, inputs: Any) -> Any:
        """Convolve; VALID, float32."""
        out = keras.ops.conv(inputs, self.quantized_kernel(), padding="valid") + self.bias
        out = self.activation(out)
        step = keras.ops.maximum(self.step, 1e-12)
        quantized = keras.ops.round(keras.ops.minimum(out, OUTPUT_STEPS * step) / step) * step
        return _straight_through(out, keras.ops.where(self.step > 0, quantized, out))


def build_fake_quantized(architecture: Architecture, layers: tuple[Layer, ...]) -> keras.Model:
    """Build the network of ``build_model`` with fake-quantized convolutions and the weights of a trained one."""
    model = build_model(architecture, FakeQuantConv2D)
    set_layers(model, layers)
    return model


def measure_ranges(model: keras.Model, samples: list[Float32Array], range_share: float = 1.0) -> None:
    """Set each step by what the samples, float32 ``[1, h, w, u * u]`` in 0..1, give; the last counts grey levels.

    The ranges of hidden layers end at ``range_share`` of the largest value.
    """
    *hidden, last = convolutions_of(model)
    planes = [stack_of(model).get_layer("centre")(sample) for sample in samples]
    for layer in hidden:
        layer.step.assign(0.0)
        largest = max(float(keras.ops.max(layer(plane))) for plane in planes)
        layer.step.assign(range_share * largest / OUTPUT_STEPS)
        planes = [layer(plane) for plane in planes]
    last.step.assign(1 / OUTPUT_STEPS)


def quantized_layers(model: keras.Model) -> tuple[Layer, ...]:
    """Take the weights out of ``build_fake_quantized``'s network, on their grids, for luma in 0..1."""
    return layers_of(model, FakeQuantConv2D.quantized_kernel)


def _straight_through(exact: Any, quantized: Any) -> Any:
    return exact + keras.ops.stop_gradient(quantized - exact)
