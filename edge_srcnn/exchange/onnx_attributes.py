"""Attributes of ONNX nodes, and convolutions with groups, dilation and padding as dense, odd, centred ones."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_srcnn.errors import ModelUnsupported
from edge_srcnn.exchange.levels import MOST_CHANNELS, MOST_SIDE

_FLOAT, _INT, _STRING, _TENSOR, _FLOATS, _INTS = 1, 2, 3, 4, 6, 7  # AttributeProto.AttributeType


def attributes_of(node: Any) -> dict[str, Any]:
    """Give the attributes of a node by name; those of other kinds than numbers, texts and tensors are left out."""
    read: dict[int, Callable[[Any], Any]] = {
        _FLOAT: lambda each: each.f,
        _INT: lambda each: each.i,
        _STRING: lambda each: each.s.decode("utf-8", "replace"),
        _TENSOR: lambda each: each.t,
        _FLOATS: lambda each: list(each.floats),
        _INTS: lambda each: list(each.ints),
    }
    return {each.name: read[each.type](each) for each in node.attribute if each.type in read}


def dense_kernel(weights: NDArray[Any], groups: int, dilations: Sequence[int]) -> NDArray[np.float64]:
    """Write out a kernel of groups and dilation.

    Parameters
    ----------
    weights
        ``[outputs, inputs / groups, height, width]``.
    groups
        Of channels, which do not read each other's.
    dilations
        Steps between the weights, down and across.

    Returns
    -------
    ``[outputs, inputs, height, width]`` of a convolution that has neither.
    """
    outputs, each, *sides = weights.shape
    if groups < 1 or outputs % groups or each * groups > MOST_CHANNELS or outputs > MOST_CHANNELS:
        raise ModelUnsupported(f"has {groups} groups of {outputs} channels; up to {MOST_CHANNELS} channels are known")
    steps = [int(step) for step in dilations]
    full = [(side - 1) * step + 1 for side, step in zip(sides, steps, strict=True)]
    if min(steps) < 1 or max(full) > MOST_SIDE:
        raise ModelUnsupported(f"has a kernel of {full[0]}x{full[1]}; up to {MOST_SIDE}x{MOST_SIDE} is known")
    kernel = np.zeros((outputs, each * groups, *full))
    for group in range(groups):
        rows = slice(group * outputs // groups, (group + 1) * outputs // groups)
        kernel[rows, group * each : (group + 1) * each, :: steps[0], :: steps[1]] = weights[rows]
    return kernel


def border_of(attributes: dict[str, Any], sides: Sequence[int]) -> int:
    """Compute by how many cells a convolution makes the plane larger on each side; smaller is negative.

    Parameters
    ----------
    attributes
        Those of the node.
    sides
        Height and width of its kernel.

    Returns
    -------
    The same for all sides.

    Raises
    ------
    ModelUnsupported
        They are not the same: the picture would move.
    """
    automatic = attributes.get("auto_pad", "NOTSET")
    if automatic in ("SAME_UPPER", "SAME_LOWER") and all(side % 2 for side in sides):
        return 0
    pads = [0] * 4 if automatic == "VALID" else [int(pad) for pad in attributes.get("pads", [0] * 4)]
    if automatic not in ("NOTSET", "VALID") or len(pads) != 4:
        raise ModelUnsupported(f"has auto_pad {automatic} and pads {pads} for a kernel of {sides[0]}x{sides[1]}")
    borders = {pad - side // 2 for pad, side in zip(pads, [*sides, *sides], strict=True)}
    if len(borders) > 1:
        raise ModelUnsupported(
            f"has pads {pads} for a kernel of {sides[0]}x{sides[1]}, which move or stretch the picture"
        )
    return borders.pop()
