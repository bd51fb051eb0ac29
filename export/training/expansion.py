"""Train each kernel as a product of two wider ones, which is one kernel again when the training is over.

Bhardwaj et al., "Collapsible Linear Blocks for Super-Efficient Super Resolution" (2022), section 3: a ``k`` x ``k``
convolution to many channels, a 1x1 convolution back, and a skip beside both. Nothing but the training sees them; the
products are taken of the weights (their section 3.3), so a step costs hardly more than that of the plain network.
"""

from typing import Any

import keras
import numpy as np


class ExpandedConvolution(keras.layers.Conv2D):  # type: ignore[misc]  # Keras has no types
    """Convolve with a kernel ``wide @ narrow``, plus the identity where ``skip`` is set.

    Parameters
    ----------
    filters
        Output channels.
    kernel_size
        Side of the kernel in pixels.
    expand
        Channels between the two, at least as many as ``filters``.
    skip
        Add the identity: channel ``n`` goes to channel ``n``.
    **settings
        Those of ``keras.layers.Conv2D``.
    """

    def __init__(self, filters: int, kernel_size: int, *, expand: int, skip: bool, **settings: Any) -> None:
        super().__init__(filters, kernel_size, **settings)
        self.expand, self.skip = max(expand, filters), skip

    def build(self, input_shape: Any) -> None:
        """Make the two kernels and the bias, so that their product spreads as the kernel's initializer says."""
        inputs = int(input_shape[-1])
        wide = (*self.kernel_size, inputs, self.expand)
        he = keras.initializers.HeNormal(seed=self.kernel_initializer.seed)
        self.wide = self.add_weight(name="wide", shape=wide, initializer=he, autocast=False)
        narrow = _narrow_initializer(self.kernel_initializer)
        self.narrow = self.add_weight(
            name="narrow", shape=(self.expand, self.filters), initializer=narrow, autocast=False
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.filters,), initializer="zeros", constraint=self.bias_constraint
        )
        self.identity = np.zeros((*self.kernel_size, inputs, self.filters), np.float32)
        if self.skip:
            for channel in range(min(inputs, self.filters)):
                self.identity[self.kernel_size[0] // 2, self.kernel_size[1] // 2, channel, channel] = 1.0
        self.built = True

    @property
    def kernel(self) -> Any:
        """Multiply the two kernels, and constrain the product: float32 ``[k, k, inputs, filters]``."""
        product = keras.ops.matmul(self.wide, self.narrow) + self.identity
        return self.kernel_constraint(product) if self.kernel_constraint else product

    def assign_kernel(self, kernel: Any) -> None:
        """Move the wide kernel by the least that makes the product ``kernel``, exact but for float32 and constraint."""
        missing = np.asarray(kernel, np.float64) - keras.ops.convert_to_numpy(self.kernel)
        inverse = np.linalg.pinv(keras.ops.convert_to_numpy(self.narrow).astype(np.float64))
        self.wide.assign_add((missing @ inverse).astype(np.float32))

    def call(self, inputs: Any) -> Any:
        """Convolve VALID with the product of the two kernels."""
        kernel = keras.ops.cast(self.kernel, self.compute_dtype)
        return self.activation(keras.ops.conv(inputs, kernel, padding="valid") + self.bias)

    def save_own_variables(self, store: Any) -> None:
        """Write both kernels and the bias to a Keras store."""
        for number, variable in enumerate((self.wide, self.narrow, self.bias)):
            store[str(number)] = variable

    def load_own_variables(self, store: Any) -> None:
        """Read both kernels and the bias from a Keras store."""
        for number, variable in enumerate((self.wide, self.narrow, self.bias)):
            variable.assign(store[str(number)])


def _narrow_initializer(kernel: keras.initializers.Initializer) -> keras.initializers.Initializer:
    """Spread the second kernel so that the product spreads as ``kernel`` would."""
    if isinstance(kernel, keras.initializers.RandomNormal):
        return keras.initializers.RandomNormal(stddev=kernel.stddev, seed=kernel.seed)
    return keras.initializers.VarianceScaling(1.0, seed=kernel.seed + 1000)
