"""Keep a last layer even in training: its sub-pixels are alike wherever the picture changes in one direction alone.

Where nothing changes downwards, what a convolution puts out hangs on its kernel summed downwards. A network whose last
kernels agree in these sums for all rows of sub-pixels, and in the sums across for all columns, leaves no pattern of the
sub-pixels' grid on flat fields, on ramps, or along upright and level edges.
"""

from typing import Any

import keras


class EvenKernel(keras.constraints.Constraint):  # type: ignore[misc]  # Keras has no types
    """Move a kernel ``[k, k, inputs, side * side]`` to the nearest even one."""

    def __init__(self, side: int) -> None:
        self.side = side

    def __call__(self, kernel: Any) -> Any:
        """Give the nearest even kernel."""
        kernels = keras.ops.reshape(kernel, (*kernel.shape[:-1], self.side, self.side))
        for along, sub_pixels in ((0, 3), (1, 4)):
            means = keras.ops.mean(kernels, axis=along, keepdims=True)
            kernels = kernels - means + keras.ops.mean(means, axis=sub_pixels, keepdims=True)
        return keras.ops.reshape(kernels, kernel.shape)


class EvenBias(keras.constraints.Constraint):  # type: ignore[misc]  # Keras has no types
    """Make all biases their mean."""

    def __call__(self, bias: Any) -> Any:
        """Give the means."""
        return keras.ops.zeros_like(bias) + keras.ops.mean(bias)
