"""Describe networks: one value for all, one file a family."""

from collections.abc import Collection
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.errors import UsageError
from edge_srcnn.models.spec import BICUBIC_PLANE, ModelSpec


@dataclass(frozen=True)
class Layer:
    """Hold the weights of a convolution: float32 ``[kh, kw, inputs, outputs]`` and ``[outputs]``."""

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True)
class Architecture:
    """Describe a network: a chain of VALID convolutions with ReLU between them.

    Attributes
    ----------
    family
        One of ``FAMILIES``.
    name
        What models are called after, such as ``srcnn-915`` or ``fast-m``.
    spelling
        The name that says all, such as ``fast-c16d4``.
    scale
        Factor of upscaling.
    layers
        Kernel side and output channels of each convolution.
    layer_names
        What each convolution is called in Keras and in the graph.
    plane
        What the network reads: ``BICUBIC_PLANE`` or ``LUMA_PLANE``.
    unshuffle, shuffle
        Side of the blocks of pixels that are the channels of the input (space-to-depth), and of the output
        (depth-to-space).
    residual
        True: the network puts out what is to be added to the bicubic picture. False: it puts out the picture.
    even
        Its sub-pixels are alike along edges: the last kernels, summed downwards, are the same for every row of them
        and, summed across, for every column; the last biases are all the same.
    muon_rate
        Peak of Muon's learning rate that suits the network.
    symmetry
        One of ``export.training.plan.SYMMETRIES``: the one that suits the network.
    expand
        Channels between the two kernels whose product each kernel is in training; 0: no such thing.
    patch_px
        Side of a training patch that suits the network, in pixels of the plane.
    balance
        How many times larger a hidden channel is made before it is rounded to int8, at most, see
        ``export.int8.balancing``; 1: none is.
    range_share
        Where the int8 range of a hidden layer ends, as a share of the largest value that the representative dataset
        brings out: few values are cut off, and all others are rounded more finely.
    """

    family: str
    name: str
    spelling: str
    scale: int
    layers: tuple[tuple[int, int], ...]
    layer_names: tuple[str, ...]
    plane: str = BICUBIC_PLANE
    unshuffle: int = 1
    shuffle: int = 1
    residual: bool = True
    even: bool = False
    muon_rate: float = 1e-2
    symmetry: str = "none"
    expand: int = 0
    patch_px: int = 32
    balance: float = 1.0
    range_share: float = 1.0

    @property
    def halo_px(self) -> int:
        """Count the pixels of the plane that the convolutions use up on each side."""
        return self.unshuffle * sum(side // 2 for side, _ in self.layers)

    @property
    def upsampling(self) -> int:
        """Count the pixels of the result for each pixel of the plane, down and across."""
        return self.shuffle // self.unshuffle

    @property
    def shapes(self) -> tuple[tuple[int, int, int, int], ...]:
        """Give the shape of each kernel, ``[kh, kw, inputs, outputs]``."""
        inputs = (self.unshuffle**2, *(outputs for _, outputs in self.layers))
        return tuple((side, side, n, outputs) for n, (side, outputs) in zip(inputs, self.layers, strict=False))

    @property
    def identity(self) -> tuple[object, ...]:
        """Collect what makes two networks the same one, whatever they are called and however they are trained."""
        return (self.family, self.scale, self.layers, self.plane, self.unshuffle, self.shuffle, self.residual)


class Family(Protocol):
    """Define what the module of each family offers."""

    EXAMPLES: Collection[str]
    """Names of some of its networks."""

    def find(self, name: str, scale: int, *, filters: tuple[int, int] | None, residual: bool) -> Architecture:
        """Describe the network of a name for a scale; raise UsageError where there is none."""

    def describe(self, spec: ModelSpec) -> str:
        """Say in a sentence or two what the network of a model is, for its card."""

    def read_weights(self, path: Path, architecture: Architecture) -> tuple[Layer, ...]:
        """Read published weights of a network from a file."""


FAMILIES = {
    "srcnn": "export.architectures.srcnn",
    "fast": "export.architectures.fast",
    "imported": "export.architectures.imported",
}
"""The module of each family by the beginning of its networks' names; a new one is a file and a line here."""


def family(name: str) -> Family:
    """Find the family of a network by the name of either; raise UsageError where there is none."""
    module = FAMILIES.get(name.partition("-")[0])
    if module is None:
        examples = ", ".join(example for each in FAMILIES for example in family(each).EXAMPLES)
        raise UsageError(f"--arch {name!r}: no such network; there are {examples}")
    return cast(Family, import_module(module))


def find_architecture(
    name: str, scale: int = 2, *, filters: tuple[int, int] | None = None, residual: bool = True
) -> Architecture:
    """Describe the network of a name.

    Parameters
    ----------
    name
        A family's name and its sizes, such as ``srcnn-915``, ``fast-m`` or ``fast-c16d4``.
    scale
        Factor of upscaling.
    filters
        Output channels of SRCNN's first two layers, where they are others than the paper's.
    residual
        False: the paper's direct form.

    Returns
    -------
    The description that training, conversion and packaging go by.

    Raises
    ------
    UsageError
        There is no such network, or it cannot be compiled.
    """
    return family(name).find(name, scale, filters=filters, residual=residual)
