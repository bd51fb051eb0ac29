"""Find whole numbers near real ones in the metric of a layer's inputs: GPTQ's, or Babai's, one after the other."""

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]

STEPS = 127
"""The largest weight of a channel is this many steps."""


def nearest_integers(
    values: Float64Array, hessian: Float64Array, *, first: int | None = None, most: float = np.inf
) -> Float64Array:
    """Round one value after the other; those that come later make good, in the metric, what is missed.

    Parameters
    ----------
    values
        Float64 ``[n]``.
    hessian
        The metric, ``[n, n]``.
    first
        The value that is rounded first; None: the one with the largest entry on the diagonal.
    most
        Largest magnitude of a result.

    Returns
    -------
    Whole numbers ``[n]``.
    """
    order = np.argsort(-np.diag(hessian), kind="stable")
    if first is not None:
        order = np.concatenate(([first], order[order != first]))
    inverse = np.linalg.inv(hessian[np.ix_(order, order)])
    upper = np.linalg.cholesky(inverse).T
    rest = values[order].copy()
    out = np.empty_like(rest)
    for i in range(len(rest)):
        out[i] = np.clip(np.rint(rest[i]), -most, most)
        error = (rest[i] - out[i]) / upper[i, i]
        rest[i:] -= error * upper[i, i:]
    restored = np.empty_like(out)
    restored[order] = out
    return restored
