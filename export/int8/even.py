"""Round the kernels of sub-pixels so that they stay even: where nothing changes downwards, the result does not either.

A last layer is even when its kernels, summed downwards, are the same for every row of sub-pixels and, summed across,
for every column. In whole steps, one for all sub-pixels, such kernels are the points of a lattice; the one that is
sought is near in the metric of the layer's inputs (Babai, "On Lovasz' Lattice Reduction and the Nearest Lattice Point
Problem" (1986), section 4), which is what GPTQ does where the lattice is all integers.
"""

import numpy as np
from numpy.typing import NDArray

from export.int8.nearest import STEPS, Float64Array, nearest_integers

GROWTH = 1.002
"""How much larger the step becomes as long as a weight does not fit into int8."""

LEAST_MISS = 1e-3
"""Of a step: what lies further from a multiple is none; float32 misses by less."""


def even_basis(kernel_px: int, side: int, channels: int) -> Float64Array:
    """Find the whole kernels of which all even ones are sums, ``[side, side, kernel_px * kernel_px * channels, n]``."""
    moves = np.eye(kernel_px)[:, 1:] - np.eye(kernel_px)[:, :-1]
    line = np.zeros((side, kernel_px, side * (kernel_px - 1) + 1))
    line[:, kernel_px // 2, 0] = 1  # the same for all
    for place in range(side):
        first = 1 + place * (kernel_px - 1)
        line[place, :, first : first + kernel_px - 1] = moves  # the sum stays
    basis: Float64Array = np.einsum("iyp,jxq,cd->ijyxcpqd", line, line, np.eye(channels))
    return basis.reshape(side, side, kernel_px**2 * channels, -1)


def round_even(weights: Float64Array, hessian: Float64Array, kernel_px: int) -> Float64Array:
    """Round kernels to the grid of one step for all, and to even ones.

    Parameters
    ----------
    weights
        Kernels ``[taps, side * side]``, even or not.
    hessian
        How the layer's inputs vary together, ``[taps, taps]``.
    kernel_px
        Side of the kernels.

    Returns
    -------
    Even kernels ``[taps, side * side]``, whole multiples of one step, of which no weight has more than 127.
    """
    taps, outputs = weights.shape
    side = round(outputs**0.5)
    basis = even_basis(kernel_px, side, taps // kernel_px**2).reshape(outputs, taps, -1)
    pulled = [vectors.T @ hessian for vectors in basis]
    metric: Float64Array = np.sum([each @ vectors for each, vectors in zip(pulled, basis, strict=True)], axis=0)
    pull = np.sum([each @ column for each, column in zip(pulled, weights.T, strict=True)], axis=0)
    nearest = np.linalg.solve(metric, pull)
    step = np.abs(basis @ nearest).max() / STEPS
    if step == 0.0:
        return weights
    while np.abs(steps := (basis @ nearest_integers(nearest / step, metric)).T).max() > STEPS:
        step *= GROWTH
    return np.asarray(steps * step)


def even_step(kernel: NDArray[np.float32]) -> float:
    """Find the step of which all weights of a kernel are whole multiples: the largest has 127 of it, or fewer."""
    largest = float(np.abs(kernel).max())
    for number in range(STEPS, 0, -1):
        steps = kernel / (largest / number) if largest else kernel
        if np.abs(steps - np.rint(steps)).max() < LEAST_MISS:
            return largest / number
    return largest / STEPS
