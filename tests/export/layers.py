"""Layers to try things on, without a training."""

import numpy as np

from export.architecture import Architecture, Layer


def random_layers(architecture: Architecture) -> tuple[Layer, ...]:
    """Layers of random weights that neither fade nor explode."""
    rng = np.random.default_rng(11)
    channels = (1, *architecture.filters, 1)
    return tuple(
        Layer(
            rng.normal(0, 1 / (k * np.sqrt(channels[i])), (k, k, channels[i], channels[i + 1])).astype(np.float32),
            rng.normal(0, 0.1, channels[i + 1]).astype(np.float32),
        )
        for i, k in enumerate(architecture.kernels)
    )
