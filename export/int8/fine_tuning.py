"""Fine-tune a network that is quantized already, so that it learns to live with its rounding.

Its convolutions compute in training as they will in int8. Weights are rounded to 127 steps of each channel's largest,
outputs to 255 steps of the layer's range, the picture to grey levels; gradients pass as if nothing had been rounded:
Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference" (2018),
section 3; Bengio et al. (2013) for the gradients. Ranges are those that the converter will find: of the representative
dataset, by the very same weights.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from export.architectures import Architecture, Layer
from export.data.pairs import Float32Array, Split
from export.data.patch_spec import PatchSpec
from export.training.checkpoints import Checkpoints
from export.training.devices import ONE_DEVICE, Devices, agree, agree_on_arrays, check_same
from export.training.network import build_model, convolutions_of, layers_of, set_layers, stack_of
from export.training.plan import TrainingPlan
from export.training.schedule import Progress
from export.training.train import fingerprint, fit

WEIGHT_STEPS, OUTPUT_STEPS = 127, 255
N_RANGE_SAMPLES = 64
RATE = 2e-5
"""Peak of Adam's learning rate: more, and the weights leave the grid that they are on."""


class FakeQuantConv2D(keras.layers.Conv2D):  # type: ignore[misc]  # Keras has no types
    """Convolve with weights per channel, and an output, of 8 bits.

    ``step`` is the distance of two output values; 0 leaves the output as it is, while its range is being measured.
    ``is_even``: the kernel is on its grid already, and stays there.
    """

    is_even = False

    def build(self, input_shape: Any) -> None:
        """Make kernel, bias, and the step of the output."""
        super().build(input_shape)
        self.step = self.add_weight(name="step", shape=(), initializer="zeros", trainable=False)

    def save_own_variables(self, store: Any) -> None:
        """Write kernel, bias and step to a Keras store."""
        super().save_own_variables(store)
        store["2"] = self.step

    def load_own_variables(self, store: Any) -> None:
        """Read kernel, bias and step from a Keras store."""
        super().load_own_variables(store)
        self.step.assign(store["2"])

    def quantized_kernel(self) -> Any:
        """Round the kernel as the converter does, with the gradient of the real one."""
        if self.is_even:
            return self.kernel
        largest = keras.ops.max(keras.ops.abs(self.kernel), axis=(0, 1, 2), keepdims=True)
        step = keras.ops.maximum(keras.ops.stop_gradient(largest) / WEIGHT_STEPS, 1e-12)
        return _straight_through(self.kernel, keras.ops.round(self.kernel / step) * step)

    def call(self, inputs: Any) -> Any:
        """Convolve VALID in float32 with the quantized kernel, and quantize the output."""
        out = keras.ops.conv(inputs, self.quantized_kernel(), padding="valid") + self.bias
        out = self.activation(out)
        step = keras.ops.maximum(self.step, 1e-12)
        quantized = keras.ops.round(keras.ops.minimum(out, OUTPUT_STEPS * step) / step) * step
        return _straight_through(out, keras.ops.where(self.step > 0, quantized, out))


def build_fake_quantized(architecture: Architecture, layers: tuple[Layer, ...]) -> keras.Model:
    """Build the network of ``build_model`` with fake-quantized convolutions and the weights of a trained one.

    An even last layer is not trained on: no gradient leads from one even kernel on the grid to another.
    """
    model = build_model(architecture, FakeQuantConv2D)
    set_layers(model, layers)
    last = convolutions_of(model)[-1]
    last.is_even, last.trainable = architecture.even, not architecture.even
    return model


def measure_ranges(
    model: keras.Model, samples: list[Float32Array], range_share: float = 1.0, devices: Devices = ONE_DEVICE
) -> None:
    """Set the step of each hidden layer by the samples, that of the last one to a grey level.

    Parameters
    ----------
    model
        What ``build_fake_quantized`` made.
    samples
        Inputs, float32 ``[1, h, w, u * u]`` in 0..1.
    range_share
        Where the range of a hidden layer ends, as a share of the largest value that the samples bring out.
    devices
        Those of the training: what process 0 measures holds for all.
    """
    *hidden, last = convolutions_of(model)
    planes = [stack_of(model).get_layer("centre")(sample) for sample in samples]
    for layer in hidden:
        layer.step.assign(0.0)
        largest = agree(max(float(keras.ops.max(layer(plane))) for plane in planes), devices)
        layer.step.assign(range_share * largest / OUTPUT_STEPS)
        planes = [layer(plane) for plane in planes]
    last.step.assign(1 / OUTPUT_STEPS)


def quantized_layers(model: keras.Model) -> tuple[Layer, ...]:
    """Take the weights out of a fake-quantized network, on their int8 grids, for luma in 0..1."""
    return layers_of(model, FakeQuantConv2D.quantized_kernel)


def _straight_through(exact: Any, quantized: Any) -> Any:
    return exact + keras.ops.stop_gradient(quantized - exact)


def fine_tuning_plan(plan: TrainingPlan, steps: int) -> TrainingPlan:
    """Plan so many more steps with a training's own batches and loss, at a rate that suits quantized weights."""
    length = replace(plan, steps=steps, minutes=None, precision="float32", symmetry="none")
    return replace(length, optimizer="adam", learning_rate=RATE, final_rate=RATE / 100)


def fine_tune(
    layers: tuple[Layer, ...],
    architecture: Architecture,
    spec: PatchSpec,
    split: Split,
    plan: TrainingPlan,
    representative: list[Float32Array],
    folder: Path,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    devices: Devices = ONE_DEVICE,
) -> tuple[Layer, ...]:
    """Train quantized layers on.

    Parameters
    ----------
    layers
        The network, its weights on the int8 grid, as ``round_layers`` gives them.
    architecture
        The network that the layers are of.
    spec
        How patches are cut for it.
    split
        Pictures to train on, and those held out, which choose the best weights.
    plan
        As ``fine_tuning_plan`` makes it.
    representative
        Float32 ``[1, h, w, u * u]`` in 0..1: what the converter will take the ranges from, too.
    folder
        Holds the checkpoints. One of the same layers and settings is continued, another is replaced.
    on_progress
        Told how far the training is, every tenth step and after each evaluation.
    devices
        What it is trained on.

    Returns
    -------
    Layers on the grid: the converter rounds nothing any more. Those that came in, where no step bettered them.

    Raises
    ------
    BadData, CannotWrite
        The pictures are flat, or a checkpoint is damaged; ``folder`` cannot be written to.
    """
    with devices.scope():
        layers = _agreed(layers, devices)
        model = build_fake_quantized(architecture, layers)
        samples = representative[:N_RANGE_SAMPLES]
        began_with = b"".join(layer.kernel.tobytes() + layer.bias.tobytes() for layer in layers)
        identity = fingerprint(architecture, spec, split, plan, began_with)
        check_same(identity, devices)
        checkpoints = Checkpoints(folder, identity, expendable=True, devices=devices)
        measure_ranges(model, samples, architecture.range_share, devices)
        trained = fit(
            *(model, spec, split, plan, checkpoints, on_progress),
            before_epoch=lambda: measure_ranges(model, samples, architecture.range_share, devices),
            never_worse=True,
            devices=devices,
        )
        return quantized_layers(trained.model)


def _agreed(layers: tuple[Layer, ...], devices: Devices) -> tuple[Layer, ...]:
    """Give the layers of process 0: another machine may have rounded a weight the other way."""
    arrays = agree_on_arrays([array for layer in layers for array in (layer.kernel, layer.bias)], devices)
    return tuple(Layer(kernel, bias) for kernel, bias in zip(arrays[::2], arrays[1::2], strict=True))
