"""Layers to try things on, without a training."""

from pathlib import Path

import keras
import numpy as np

from export.architectures import Architecture, Layer
from export.training.even import EvenBias, EvenKernel


def random_layers(architecture: Architecture) -> tuple[Layer, ...]:
    """Layers of random weights that neither fade nor explode; the last one is even where it has to be."""
    rng = np.random.default_rng(11)
    *inner, last = (
        Layer(
            rng.normal(0, 1 / (shape[0] * np.sqrt(shape[2])), shape).astype(np.float32),
            rng.normal(0, 0.1, shape[3]).astype(np.float32),
        )
        for shape in architecture.shapes
    )
    if architecture.even:
        kernel, bias = EvenKernel(architecture.shuffle)(last.kernel), EvenBias()(last.bias)
        last = Layer(keras.ops.convert_to_numpy(kernel), keras.ops.convert_to_numpy(bias))
    return (*inner, last)


def published(folder: Path) -> Path:
    """Weights of the direct form with 8 and 4 filters."""
    convolutions = [keras.layers.Conv2D(n, k) for n, k in ((8, 9), (4, 1), (1, 5))]
    path = folder / "trained_SRCNN.weights.h5"
    keras.Sequential([keras.Input((None, None, 1)), *convolutions]).save_weights(path)
    return path
