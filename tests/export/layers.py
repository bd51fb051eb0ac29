"""Layers to try things on, without a training."""

import numpy as np

from export.architectures import Architecture, Layer


def random_layers(architecture: Architecture) -> tuple[Layer, ...]:
    """Layers of random weights that neither fade nor explode."""
    rng = np.random.default_rng(11)
    return tuple(
        Layer(
            rng.normal(0, 1 / (shape[0] * np.sqrt(shape[2])), shape).astype(np.float32),
            rng.normal(0, 0.1, shape[3]).astype(np.float32),
        )
        for shape in architecture.shapes
    )
