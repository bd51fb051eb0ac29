"""The network, by name: SRCNN of Dong et al., "Image Super-Resolution Using Deep Convolutional Networks" (2015)."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is loaded as Keras' back end
import keras
import numpy as np
from numpy.typing import NDArray

KERNELS: dict[str, tuple[int, int, int]] = {
    "srcnn-915": (9, 1, 5),
    "srcnn-935": (9, 3, 5),
    "srcnn-955": (9, 5, 5),
}
"""Kernel sizes of the three layers (the paper, section 4.3.2)."""

PAPER_FILTERS = (64, 32)
LAYER_NAMES = ("patches", "mapping", "reconstruction")
"""What the three layers do (the paper, section 3.1)."""

LUMA_CENTRE = 0.5


@dataclass(frozen=True)
class Layer:
    """Weights of one convolution: ``kernel`` float32 ``[kh, kw, inputs, outputs]``, ``bias`` float32 ``[outputs]``."""

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True)
class Architecture:
    """A described network.

    Attributes
    ----------
    name
        One of ``KERNELS``.
    filters
        Output channels of the first two layers.
    residual
        True: the network adds its output to its input (global skip). False: the paper's direct form.
    """

    name: str = "srcnn-915"
    filters: tuple[int, int] = PAPER_FILTERS
    residual: bool = True

    @property
    def kernels(self) -> tuple[int, int, int]:
        """Kernel sizes of the three layers, in pixels."""
        return KERNELS[self.name]

    @property
    def halo_px(self) -> int:
        """Pixels of context that the VALID convolutions use up on each side."""
        return sum(k // 2 for k in self.kernels)


def build_stack(
    architecture: Architecture, convolution: type[keras.layers.Conv2D] = keras.layers.Conv2D
) -> keras.Model:
    """The three VALID convolutions: luma ``[n, h, w, 1]`` in 0..1 to ``[n, h - 2 halo, w - 2 halo, 1]``.

    Its output is the residual or, for a direct network, the picture itself. Inside, luma is centred about 0,
    which makes training steadier; ``layers_of`` folds that into the first bias.
    """
    luma = keras.Input((None, None, 1), name="luma")
    centred = keras.layers.Rescaling(1.0, -LUMA_CENTRE, dtype="float32", name="centre")(luma)
    k1, k2, k3 = architecture.kernels
    n1, n2 = architecture.filters
    he = keras.initializers.HeNormal
    small = keras.initializers.RandomNormal(stddev=1e-3, seed=3)
    x = convolution(n1, k1, activation="relu", kernel_initializer=he(seed=1), name=LAYER_NAMES[0])(centred)
    x = convolution(n2, k2, activation="relu", kernel_initializer=he(seed=2), name=LAYER_NAMES[1])(x)
    x = convolution(1, k3, kernel_initializer=small, name=LAYER_NAMES[2], dtype="float32")(x)
    return keras.Model(luma, x, name="srcnn")


def build_model(
    architecture: Architecture, convolution: type[keras.layers.Conv2D] = keras.layers.Conv2D
) -> keras.Model:
    """The whole network as it is trained: luma ``[n, h, w, 1]`` in 0..1 to sharp luma, smaller by the halo."""
    luma = keras.Input((None, None, 1), name="luma")
    out = build_stack(architecture, convolution)(luma)
    if architecture.residual:
        inner = keras.layers.Cropping2D(architecture.halo_px, dtype="float32", name="inner")(luma)
        out = keras.layers.Add(dtype="float32", name="skip")([inner, out])
    return keras.Model(luma, out, name=architecture.name)


def layers_of(
    model: keras.Model, kernel_of: Callable[[keras.layers.Layer], Any] = lambda convolution: convolution.kernel
) -> tuple[Layer, ...]:
    """The weights of a model of ``build_model``, for luma in 0..1 as it is."""
    convolutions = (model.get_layer("srcnn").get_layer(name) for name in LAYER_NAMES)
    first, *rest = (
        Layer(*(np.asarray(keras.ops.convert_to_numpy(w), np.float32) for w in (kernel_of(layer), layer.bias)))
        for layer in convolutions
    )
    return (_shifted(first, -LUMA_CENTRE), *rest)


def set_layers(model: keras.Model, layers: tuple[Layer, ...]) -> None:
    """Put weights for luma in 0..1 into a model of ``build_model``."""
    first, *rest = layers
    for name, layer in zip(LAYER_NAMES, (_shifted(first, LUMA_CENTRE), *rest), strict=True):
        convolution = model.get_layer("srcnn").get_layer(name)
        convolution.kernel.assign(layer.kernel)
        convolution.bias.assign(layer.bias)


def _shifted(layer: Layer, offset: float) -> Layer:
    """The layer that gives for ``x`` what ``layer`` gives for ``x + offset``."""
    return Layer(layer.kernel, layer.bias + np.float32(offset) * layer.kernel.sum(axis=(0, 1, 2)))
