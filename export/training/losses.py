"""Compute what a training minimizes: of pictures ``[batch, h, w, 1]`` in 0..1, one figure each, ``[batch]``."""

from typing import Any

import keras

PSNR_FLOOR = 1e-3
"""Mean square error (30 dB) below which a patch counts less and less: those without detail are as good as done."""

TAUGHT_FLOOR = 1e-5
"""Mean square error (50 dB) in its place beside pictures of teachers, to which a network comes much nearer."""


def psnr(hr: Any, output: Any, floor: float = PSNR_FLOOR) -> Any:
    """Take the logarithm of each patch's mean square error: what a benchmark averages is the PSNR, not the error.

    Squares alone leave the training to the few patches with the largest error, mostly texture that no small network can
    restore. As in Chen et al., "HINet" (2021), section 3.4, but for the floor.
    """
    return keras.ops.log(mse(hr, output) + floor)


def mse(hr: Any, output: Any) -> Any:
    """Compute the mean square error of each patch."""
    return keras.ops.mean(keras.ops.square(hr - output), axis=(1, 2, 3))


def taught_psnr(hr: Any, output: Any) -> Any:
    """Take the logarithm of each patch's mean square error beside what teachers made of it."""
    return psnr(hr, output, TAUGHT_FLOOR)
