"""Build the Keras network of an architecture, and take weights out of it and put them in."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is loaded as Keras' back end
import keras
import numpy as np

from edge_srcnn.models.spec import BICUBIC_PLANE
from export.architectures import Architecture, Layer
from export.training.even import EvenBias, EvenKernel
from export.training.expansion import ExpandedConvolution

LUMA_CENTRE = 0.5


class SpaceToDepth(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Make blocks of pixels channels: ``[n, h * side, w * side, 1]`` to ``[n, h, w, side * side]``, row by row."""

    def __init__(self, side: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.side = side

    def call(self, inputs: Any) -> Any:
        """Rearrange pixels to channels."""
        return keras.ops.space_to_depth(inputs, self.side)


class DepthToSpace(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Make channels blocks of pixels: ``[n, h, w, side * side]`` to ``[n, h * side, w * side, 1]``, row by row."""

    def __init__(self, side: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.side = side

    def call(self, inputs: Any) -> Any:
        """Rearrange channels to pixels."""
        return keras.ops.depth_to_space(inputs, self.side)


def build_stack(
    architecture: Architecture, convolution: type[keras.layers.Conv2D] = keras.layers.Conv2D, expand: int = 0
) -> keras.Model:
    """Build the chain of VALID convolutions: luma 0..1 ``[n, h, w, u * u]`` to ``[n, h', w', v * v]``.

    Its output is the residual or, for a direct network, the picture itself. Inside, luma is centred about 0,
    which makes training steadier; ``layers_of`` folds that into the first bias. ``expand`` is the number of channels
    between the two kernels of an ``ExpandedConvolution``; 0 makes plain ones.
    """
    luma = keras.Input((None, None, architecture.unshuffle**2), name="luma")
    x = keras.layers.Rescaling(1.0, -LUMA_CENTRE, dtype="float32", name="centre")(luma)
    last = len(architecture.layers)
    kept: dict[str, Any] = {}
    if architecture.even:
        kept = {"kernel_constraint": EvenKernel(architecture.shuffle), "bias_constraint": EvenBias()}
    for number, (name, (side, outputs)) in enumerate(
        zip(architecture.layer_names, architecture.layers, strict=True), 1
    ):
        made = partial(ExpandedConvolution, expand=expand, skip=1 < number < last) if expand else convolution
        if number < last:
            he = keras.initializers.HeNormal(seed=number)
            x = made(outputs, side, activation="relu", kernel_initializer=he, name=name)(x)
        else:
            small = keras.initializers.RandomNormal(stddev=1e-3, seed=number)
            x = made(outputs, side, kernel_initializer=small, name=name, dtype="float32", **kept)(x)
    return keras.Model(luma, x, name=architecture.family)


def build_model(
    architecture: Architecture, convolution: type[keras.layers.Conv2D] = keras.layers.Conv2D, expand: int = 0
) -> keras.Model:
    """Build the network as it is trained: a plane 0..1 ``[n, h, w, 1]`` to pixels of the result, without the halo.

    On the bicubic plane it adds the residual to its input, on the luma plane it puts out the residual.
    """
    luma = keras.Input((None, None, 1), name="luma")
    blocks = luma
    if architecture.unshuffle > 1:
        blocks = SpaceToDepth(architecture.unshuffle, dtype="float32", name="blocks")(luma)
    out = build_stack(architecture, convolution, expand)(blocks)
    if architecture.shuffle > 1:
        out = DepthToSpace(architecture.shuffle, dtype="float32", name="pixels")(out)
    if architecture.residual and architecture.plane == BICUBIC_PLANE:
        inner = keras.layers.Cropping2D(architecture.halo_px, dtype="float32", name="inner")(luma)
        out = keras.layers.Add(dtype="float32", name="skip")([inner, out])
    return keras.Model(luma, out, name=architecture.name)


def stack_of(model: keras.Model) -> keras.Model:
    """Find the chain of ``build_stack`` inside a model of ``build_model``."""
    return next(layer for layer in model.layers if isinstance(layer, keras.Model))


def convolutions_of(model: keras.Model) -> list[keras.layers.Conv2D]:
    """Find the convolutions of a model of ``build_model``, first to last."""
    return [layer for layer in stack_of(model).layers if isinstance(layer, keras.layers.Conv2D)]


def layers_of(
    model: keras.Model, kernel_of: Callable[[keras.layers.Layer], Any] = lambda convolution: convolution.kernel
) -> tuple[Layer, ...]:
    """Take the weights out of a model of ``build_model``, for luma in 0..1 as it is."""
    first, *rest = (
        Layer(*(np.asarray(keras.ops.convert_to_numpy(w), np.float32) for w in (kernel_of(layer), layer.bias)))
        for layer in convolutions_of(model)
    )
    return (_shifted(first, -LUMA_CENTRE), *rest)


def set_layers(model: keras.Model, layers: tuple[Layer, ...]) -> None:
    """Put weights for luma in 0..1 into a model of ``build_model``."""
    first, *rest = layers
    for convolution, layer in zip(convolutions_of(model), (_shifted(first, LUMA_CENTRE), *rest), strict=True):
        assign = (
            convolution.assign_kernel if isinstance(convolution, ExpandedConvolution) else convolution.kernel.assign
        )
        assign(layer.kernel)
        convolution.bias.assign(layer.bias)


def _shifted(layer: Layer, offset: float) -> Layer:
    """Make the layer that gives for ``x`` what ``layer`` gives for ``x + offset``."""
    return Layer(layer.kernel, layer.bias + np.float32(offset) * layer.kernel.sum(axis=(0, 1, 2)))
