"""Networks that give of a picture turned or mirrored what they give of the picture, turned or mirrored.

Filters come in sets, in which each is the first one turned or mirrored: Cohen & Welling, "Group Equivariant
Convolutional Networks" (2016), as weights of ordinary convolutions, so that nothing but the training knows of it. Each
patch teaches there what else all of its symmetric copies would have to teach.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import prod, sqrt
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edge_srcnn.errors import UsageError
from export.dataset import turned

SQUARE = tuple(range(8))
"""The symmetries of the square, as ``export.dataset.turned`` counts them."""

LEAST_DIFFERENCE = 1e-3
"""Share of its norm by which a kernel may miss its symmetry: more than any sum in float32 does."""


@dataclass(frozen=True)
class Symmetry:
    """A group of symmetries of the square; the identity first."""

    name: str
    elements: tuple[int, ...]

    @property
    def order(self) -> int:
        """How many elements it has, and filters a set."""
        return len(self.elements)


SYMMETRIES = {
    symmetry.name: symmetry
    for symmetry in (
        Symmetry("none", SQUARE[:1]),
        Symmetry("flips", SQUARE[::2]),
        Symmetry("square", SQUARE),
    )
}
"""By name: no symmetry; left and right, top and bottom; these and quarter turns."""


def usual_symmetry(kernels: tuple[int, int, int], filters: tuple[int, int]) -> str:
    """The largest symmetry whose sets make up both layers; none where the second layer sees single pixels.

    So small a network is trained well without, and gains nothing (``docs/numbers.md``).
    """
    if kernels[1] == 1:
        return "none"
    fitting = [s for s in SYMMETRIES.values() if all(n % s.order == 0 for n in filters)]
    return max(fitting, key=lambda symmetry: symmetry.order).name


def check_filters(symmetry: Symmetry, filters: tuple[int, int]) -> None:
    """Raise UsageError where filters do not make up whole sets."""
    if any(n % symmetry.order for n in filters):
        raise UsageError(
            f"--symmetry {symmetry.name}: filters come in sets of {symmetry.order}, not {filters[0]},{filters[1]};"
            " give other --filters, or --symmetry none"
        )


def averaged(weights: Any, symmetry: Symmetry) -> Any:
    """The mean of weights, or of their gradient, over the group: the symmetric ones that are nearest.

    ``weights`` is a kernel ``[k, k, inputs, outputs]`` or a bias ``[outputs]``. One channel is a picture, which is
    turned; many are sets, which are permuted, too.
    """
    places = _places(tuple(weights.shape), symmetry)
    copies = keras.ops.take(keras.ops.reshape(weights, (-1,)), places, axis=0)
    return keras.ops.reshape(keras.ops.mean(copies, axis=0), weights.shape)


def begin_symmetric(model: keras.Model, symmetry: Symmetry) -> None:
    """Make random weights symmetric; they spread as before."""
    for variable in model.trainable_variables:
        spread = sqrt(symmetry.order) if len(variable.shape) > 1 else 1.0
        variable.assign(spread * averaged(variable.value, symmetry))


def check_symmetric(model: keras.Model, symmetry: Symmetry, what: str) -> None:
    """Raise UsageError where the weights of a network, which came from ``what``, lack a symmetry."""
    for variable in model.trainable_variables:
        weights = keras.ops.convert_to_numpy(variable.value)
        missed = weights - keras.ops.convert_to_numpy(averaged(variable.value, symmetry))
        if np.linalg.norm(missed) > LEAST_DIFFERENCE * np.linalg.norm(weights):
            raise UsageError(f"{what}: its filters come in no sets of {symmetry.name!r}; give --symmetry none")


class SymmetricGradients:
    """Mixed into an optimizer of Keras: gradients are averaged over the group before they are used."""

    symmetry: Symmetry

    def apply(self, grads: Any, trainable_variables: Any = None) -> Any:
        """As the optimizer does."""
        averages = [averaged(gradient, self.symmetry) for gradient in grads]
        return super().apply(averages, trainable_variables)  # type: ignore[misc]  # Keras' optimizer has it


@lru_cache(maxsize=32)
def _places(shape: tuple[int, ...], symmetry: Symmetry) -> NDArray[np.int64]:
    """For each element, where in the flattened weights each weight of the transformed ones comes from."""
    index = np.arange(prod(shape)).reshape(shape)
    return np.stack([_transformed(index, number, symmetry).ravel() for number in range(symmetry.order)])


def _transformed(weights: NDArray[np.int64], number: int, symmetry: Symmetry) -> NDArray[np.int64]:
    if weights.ndim > 1:
        weights = turned(weights, symmetry.elements[number])
    for axis in range(2 if weights.ndim > 1 else 0, weights.ndim):
        if weights.shape[axis] > 1:
            weights = np.take(weights, _permutation(weights.shape[axis], number, symmetry), axis=axis)
    return weights


def _permutation(channels: int, number: int, symmetry: Symmetry) -> NDArray[np.int64]:
    """Which channel each one becomes: sets stay together, and filter h of one is turned into filter ``number`` x h."""
    probe = np.arange(9).reshape(3, 3)
    copies = [turned(probe, element) for element in symmetry.elements]
    become = [_index(turned(copy, symmetry.elements[number]), copies) for copy in copies]
    within = np.argsort(become)
    return (np.arange(channels).reshape(-1, symmetry.order)[:, within]).ravel()


def _index(wanted: NDArray[np.int64], copies: list[NDArray[np.int64]]) -> int:
    return next(i for i, copy in enumerate(copies) if np.array_equal(copy, wanted))
