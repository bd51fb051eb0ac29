"""Train networks whose output of a rotated or flipped picture is their output of the picture, rotated or flipped.

Filters come in sets, in which each is the first one rotated or flipped: Cohen & Welling, "Group Equivariant
Convolutional Networks" (2016), as weights of ordinary convolutions, so that nothing but the training knows of it. Each
patch teaches there what else all of its symmetric copies would have to teach.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import isqrt, prod, sqrt
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edge_srcnn.errors import UsageError
from export.data.patches import d4_transform
from export.training.plan import Symmetry

LEAST_DIFFERENCE = 1e-3
"""Share of its norm by which a kernel may miss its symmetry: more than any sum in float32 does."""


def averaged(weights: Sequence[Any], symmetry: Symmetry) -> list[Any]:
    """Average a network's weights, or their gradients, over a group: the symmetric ones that are nearest.

    ``weights`` are kernels ``[k, k, inputs, outputs]`` and biases ``[outputs]`` by turns, first layer to last. The
    network's own input and output channels are blocks of pixels, which are rotated; all others are sets, which are
    permuted.
    """
    if symmetry.order == 1:
        return list(weights)
    means = []
    for number, each in enumerate(weights):
        places = _places(tuple(each.shape), symmetry, number == 0, number >= len(weights) - 2)
        copies = keras.ops.take(keras.ops.reshape(each, (-1,)), places, axis=0)
        means.append(keras.ops.reshape(keras.ops.mean(copies, axis=0), each.shape))
    return means


def begin_symmetric(model: keras.Model, symmetry: Symmetry) -> None:
    """Make the random weights of a model symmetric; they spread as before."""
    variables = model.trainable_variables
    for variable, mean in zip(variables, averaged([v.value for v in variables], symmetry), strict=True):
        spread = sqrt(symmetry.order) if len(variable.shape) > 1 else 1.0
        variable.assign(spread * mean)


def check_symmetric(model: keras.Model, symmetry: Symmetry, what: str) -> None:
    """Raise UsageError where the weights of a network, which came from ``what``, lack a symmetry."""
    values = [variable.value for variable in model.trainable_variables]
    for value, mean in zip(values, averaged(values, symmetry), strict=True):
        weights, nearest = (keras.ops.convert_to_numpy(each) for each in (value, mean))
        if np.linalg.norm(weights - nearest) > LEAST_DIFFERENCE * np.linalg.norm(weights):
            raise UsageError(f"{what}: its filters come in no sets of {symmetry.name!r}; give --symmetry none")


class SymmetricGradients:
    """Average gradients over a group before an optimizer of Keras, into which this is mixed, uses them."""

    symmetry: Symmetry

    def apply(self, grads: Any, trainable_variables: Any = None) -> Any:
        """Average the gradients, and let the optimizer update the variables by them."""
        return super().apply(averaged(grads, self.symmetry), trainable_variables)  # type: ignore[misc]  # Keras has it


@lru_cache(maxsize=256)
def _places(shape: tuple[int, ...], symmetry: Symmetry, pixels_in: bool, pixels_out: bool) -> NDArray[np.int64]:
    """Find, for each element, where in the flattened weights each weight of the transformed ones comes from.

    ``pixels_in``, ``pixels_out``: the input, the output channels are a block of pixels, not sets.
    """
    index = np.arange(prod(shape)).reshape(shape)
    pixels = (False, False, pixels_in, pixels_out) if len(shape) > 1 else (pixels_out,)
    return np.stack([_transformed(index, number, symmetry, pixels).ravel() for number in range(symmetry.order)])


def _transformed(
    weights: NDArray[np.int64], number: int, symmetry: Symmetry, pixels: tuple[bool, ...]
) -> NDArray[np.int64]:
    if weights.ndim > 1:
        weights = d4_transform(weights, symmetry.elements[number])
    for axis in range(2 if weights.ndim > 1 else 0, weights.ndim):
        channels = weights.shape[axis]
        permuted = (
            _d4_transform_block(channels, symmetry.elements[number])
            if pixels[axis]
            else (_permutation(channels, number, symmetry))
        )
        weights = np.take(weights, permuted, axis=axis)
    return weights


def _d4_transform_block(channels: int, element: int) -> NDArray[np.int64]:
    """Find which pixel of a square block, row by row, comes to each place under an element of D4."""
    side = isqrt(channels)
    return d4_transform(np.arange(channels).reshape(side, side), element).ravel()


def _permutation(channels: int, number: int, symmetry: Symmetry) -> NDArray[np.int64]:
    """Find which channel each one becomes: sets stay together, and filter h of one becomes filter ``number`` x h."""
    probe = np.arange(9).reshape(3, 3)
    copies = [d4_transform(probe, element) for element in symmetry.elements]
    become = [_index(d4_transform(copy, symmetry.elements[number]), copies) for copy in copies]
    within = np.argsort(become)
    return (np.arange(channels).reshape(-1, symmetry.order)[:, within]).ravel()


def _index(wanted: NDArray[np.int64], copies: list[NDArray[np.int64]]) -> int:
    return next(i for i, copy in enumerate(copies) if np.array_equal(copy, wanted))
