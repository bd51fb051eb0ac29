"""Balance channels, so that each of a hidden layer uses the whole int8 range, which all of its channels share.

A channel that never exceeds a quarter of the layer's largest value is rounded four times as coarsely as it need be.
ReLU lets positive factors through, so a channel can be made larger by the layer that puts it out and smaller by the one
that reads it, and the network stays the same: Nagel et al., "Data-Free Quantization Through Weight Equalization and
Bias Correction" (2019), section 4.1. Weights are rounded for each output channel by itself, so they do not mind.
"""

import numpy as np

from export.architectures import Layer
from export.data.pairs import Float32Array
from export.int8.gptq import convolve

N_SAMPLES = 64


def balance_layers(layers: tuple[Layer, ...], samples: list[Float32Array], most: float) -> tuple[Layer, ...]:
    """Scale the hidden channels so that each one's largest value is that of its layer.

    Parameters
    ----------
    layers
        The float network.
    samples
        Inputs, float32 ``[1, h, w, channels]``: the representative dataset, of which some and the last are taken.
    most
        How many times larger a channel is made at most: noise of one that is hardly ever active need not be seen.

    Returns
    -------
    Layers that compute the same.
    """
    chosen = (*samples[:: max(len(samples) // N_SAMPLES, 1)], samples[-1])
    planes, balanced = [sample[0] for sample in chosen], list(layers)
    for number, layer in enumerate(layers[:-1]):
        planes = [np.maximum(convolve(plane, layer), 0) for plane in planes]
        largest = np.max([plane.max(axis=(0, 1)) for plane in planes], axis=0)
        idle = largest <= 0
        factors = np.clip(largest.max() / np.where(idle, 1, largest), 1, most)
        factors = np.where(idle, 1, factors).astype(np.float32)
        this, following = balanced[number], balanced[number + 1]
        balanced[number] = Layer(this.kernel * factors, this.bias * factors)
        balanced[number + 1] = Layer(following.kernel / factors[:, None], following.bias)
    return tuple(balanced)
