"""Compute what a training minimizes: of pictures ``[batch, h, w, 1]`` in 0..1, one figure each, ``[batch]``."""

from collections.abc import Callable
from typing import Any

import keras

PSNR_FLOOR = 1e-3
"""Mean square error (30 dB) below which a patch counts less and less: those without detail are as good as done."""

TAUGHT_FLOOR = 1e-5
"""Mean square error (50 dB) in its place beside pictures of teachers, to which a network comes much nearer."""

PATTERN_FLOOR = 1e-6
"""Energy (0.065 grey levels squared) below which a pattern beside a drawn edge counts less and less."""

TOLERANCE = 0.3 / 255
"""An error beside a drawn edge that does not count: rounding to whole grey levels does away with it."""

Loss = Callable[[Any, Any], Any]


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


def beside_edges(usual: Loss, period: int) -> Loss:
    """Make the loss of batches among whose pictures are drawn edges, goals of which are partly NaN.

    Parameters
    ----------
    usual
        What counts for all others.
    period
        Of the grid, in pixels: what repeats with it is seen as a pattern.

    Returns
    -------
    A loss. Of a drawing it takes the logarithm of the energy of the grid's pattern where the goal is no NaN: of the
    variance of the mean errors at the period x period places of the grid.
    """

    def loss(goal: Any, output: Any) -> Any:
        counts = keras.ops.cast(keras.ops.isfinite(goal), output.dtype)
        goal, output = keras.ops.where(counts > 0, goal, 0.0), output * counts
        height, width = (side // period for side in goal.shape[1:3])

        def at_places(values: Any) -> Any:
            return keras.ops.sum(keras.ops.reshape(values, (-1, height, period, width, period)), axis=(1, 3))

        seen = output - goal - keras.ops.clip(output - goal, -TOLERANCE, TOLERANCE)
        errors = at_places(seen) / keras.ops.maximum(at_places(counts), 1.0)
        pattern = keras.ops.log(keras.ops.var(errors, axis=(1, 2)) + PATTERN_FLOOR)
        is_drawn = keras.ops.min(counts, axis=(1, 2, 3)) == 0
        return keras.ops.where(is_drawn, pattern, usual(goal, output))

    return loss


def counted_mse(goal: Any, output: Any) -> Any:
    """Compute the mean square error of each patch where its goal is no NaN; 0 elsewhere."""
    counts = keras.ops.isfinite(goal)
    return mse(keras.ops.where(counts, goal, 0.0), keras.ops.where(counts, output, 0.0))
