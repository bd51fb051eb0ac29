"""Keep flat fields flat: what a residual network adds where nothing is to be added is centred about 0."""

from dataclasses import replace

import numpy as np

from export.architectures import Architecture, Layer
from export.data.pairs import Float32Array


def centre_flat_fields(layers: tuple[Layer, ...], architecture: Architecture) -> tuple[Layer, ...]:
    """Shift the last biases so that the residuals of all flat fields lie about 0, and round to it where they can.

    Trainings see textured patches alone, so the residual of a flat field may be off by half a grey level, and round
    to 1.
    """
    if not architecture.residual:
        return layers
    residuals = flat_residuals(layers)
    middle = (residuals.max() + residuals.min()) / 2
    last = replace(layers[-1], bias=layers[-1].bias - np.float32(middle))
    return (*layers[:-1], last)


def flat_residuals(layers: tuple[Layer, ...]) -> Float32Array:
    """Compute what the layers make of a flat field of each grey level: float32 ``[256, outputs]``, 1 for white."""
    values = np.arange(256, dtype=np.float32)[:, None] / np.float32(255)
    values = np.repeat(values, layers[0].kernel.shape[2], axis=1)
    for number, layer in enumerate(layers, 1):
        values = values @ layer.kernel.sum(axis=(0, 1)) + layer.bias
        if number < len(layers):
            values = np.maximum(values, 0)
    return values
