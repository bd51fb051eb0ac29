"""Decide which operators an Edge TPU runs, and on what conditions.

Sources: Coral's table "Supported operations" (coral.ai/docs/edgetpu/models-intro, runtime 14, compiler 16), its
"Model requirements", and compiler logs in the issues of google-coral/edgetpu. The compiler is closed: what it is only
known to refuse now and then is a doubt here, not a refusal.
"""

import json
from collections.abc import Callable
from functools import cache
from importlib import resources
from math import prod

from export.edgetpu.network import Operator

TILE_BYTES = 192 * 1024
"""Memory for activations in each of the sixteen on-chip tiles, about."""

MAX_SOFTMAX = 16_000
_EIGHT_BITS = ("int8", "uint8")
_PARAMETERS = (*_EIGHT_BITS, "int32")  # biases, and shapes and axes
_INNER = 3

Rule = Callable[[Operator], str | None]
"""Says why an operator does not run on the TPU, or None where this rule has nothing against it."""


@cache
def op_versions() -> dict[str, int]:
    """Read the highest version of each operator that the compiler's parser knows; 0 where it does not know the name."""
    text = resources.files("export.edgetpu").joinpath("op_versions.json").read_text(encoding="utf-8")
    versions: dict[str, int] = json.loads(text)["versions"]
    return versions


def refusal(operator: Operator) -> str | None:
    """Say why an operator runs on the CPU; None where it runs on the TPU."""
    if operator.name not in _RULES:
        return "not an operation of the Edge TPU"
    for rule in (_types, _parameters, _rank, *_RULES[operator.name]):
        if reason := rule(operator):
            return reason
    return None


def doubt(operator: Operator) -> str | None:
    """Tell what may keep an operator from the TPU although all known rules allow it; None for nothing."""
    if operator.name in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"):
        return "some sizes, align_corners and half_pixel_centers are not mapped: a whole factor maps best"
    if operator.name == "TRANSPOSE_CONV":
        return "some sizes are not mapped: kernel and stride of 2 map best"
    if operator.name == "RESHAPE" and max(tensor.elements for tensor in operator.operands) > TILE_BYTES:
        return "a reshape of a large tensor may not be mapped: reshape on the host"
    return None


def _types(operator: Operator) -> str | None:
    wrong = [tensor.dtype for tensor in operator.operands if tensor.dtype not in _EIGHT_BITS]
    wrong += [tensor.dtype for tensor in operator.inputs if tensor.data is not None and tensor.dtype not in _PARAMETERS]
    return f"works on {wrong[0]}, not int8 or uint8" if wrong else None


def _rank(operator: Operator) -> str | None:
    for tensor in operator.operands:
        if any(side > 1 for side in tensor.shape[:-_INNER]):
            return f"shape {list(tensor.shape)}: only the three innermost dimensions may exceed 1"
    return None


def _parameters(operator: Operator) -> str | None:
    """Require constants for weights, biases, axes and paddings: only element-wise steps take several operands."""
    variable = [tensor for tensor in operator.inputs if tensor.data is None]
    if operator.name in _FIRST_INPUT_ONLY and len(variable) > 1:
        return f"{variable[1].name or 'a parameter'} is computed: parameters must be constants"
    return None


def _no_activation(operator: Operator) -> str | None:
    fused = operator.options is not None and operator.options.FusedActivationFunction() != 0
    return "has a fused activation: make it a step of its own" if fused else None


def _same_dilation(operator: Operator) -> str | None:
    options = operator.options
    if options is not None and options.DilationHFactor() != options.DilationWFactor():
        return "its dilation differs down and across"
    return None


def _not_in_batch(operator: Operator) -> str | None:
    """Require that constant axes (the second input, of SPLIT the first) leave out the batch."""
    rank = max(len(tensor.shape) for tensor in operator.operands)
    axes = [axis for tensor in operator.inputs for axis in tensor.integers()]
    return "works along the batch" if any(axis in (0, -rank) for axis in axes) else None


def _channels_by_four(operator: Operator) -> str | None:
    shape, axes = operator.inputs[0].shape, [axis for tensor in operator.inputs[1:] for axis in tensor.integers()]
    if any(axis in (-1, len(shape) - 1) for axis in axes) and shape[-1] % 4:
        return f"averages {shape[-1]} channels; a multiple of 4 maps"
    return None


def _no_padded_batch(operator: Operator) -> str | None:
    pads = operator.inputs[1].integers()
    return "pads the batch" if len(pads) == 2 * (_INNER + 1) and any(pads[:2]) else None


def _zero_constant(operator: Operator) -> str | None:
    constants = [tensor.data for tensor in operator.inputs if tensor.data is not None]
    if constants and (len(operator.inputs) > 2 or any(data.any() for data in constants)):
        return "joins a constant; only one of zeros maps, to one other tensor"
    return None


def _one_dimension(operator: Operator) -> str | None:
    shape = operator.inputs[0].shape
    if prod(shape[:-1]) > 1 or operator.inputs[0].elements > MAX_SOFTMAX:
        return f"shape {list(shape)}: it takes one dimension of up to {MAX_SOFTMAX} numbers"
    return None


def _one_output_row(operator: Operator) -> str | None:
    shape = operator.outputs[0].shape
    return f"puts out {list(shape)}; one row maps" if prod(shape[:-1]) > 1 else None


def _shared_alpha(operator: Operator) -> str | None:
    shape = operator.inputs[1].shape
    return f"has an alpha of {list(shape)}: use shared_axes=[1, 2]" if prod(shape[:-1]) > 1 else None


def _unit_strides(operator: Operator) -> str | None:
    strides, options = operator.inputs[3].integers(), operator.options
    if any(stride != 1 for stride in strides) or (options and (options.EllipsisMask() or options.NewAxisMask())):
        return "has strides or masks; only a plain cut-out maps"
    return None


def _leading_ones(operator: Operator) -> str | None:
    shape = operator.inputs[0].shape
    after = [side for side in shape if side > 1]
    return (
        None
        if shape[len(shape) - len(after) :] == tuple(after)
        else f"squeezes {list(shape)}: only leading ones may go"
    )


_FIRST_INPUT_ONLY = (
    *("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "MEAN", "PAD", "PRELU", "REDUCE_MAX", "REDUCE_MIN"),
    *("RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "SLICE", "SPLIT", "STRIDED_SLICE", "SUM"),
    *("TRANSPOSE", "TRANSPOSE_CONV", "EXPAND_DIMS"),
)
_UNCONDITIONAL = (
    *("ADD", "EXPAND_DIMS", "L2_NORMALIZATION", "LOGISTIC", "MAXIMUM", "MINIMUM", "MUL", "PACK", "QUANTIZE"),
    *("RELU", "RELU6", "RELU_N1_TO_1", "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "RSQRT", "SLICE"),
    *("SPACE_TO_DEPTH", "SQUARED_DIFFERENCE", "SUB", "TANH", "TRANSPOSE", "TRANSPOSE_CONV"),
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
)
_RULES: dict[str, tuple[Rule, ...]] = {
    **dict.fromkeys(_UNCONDITIONAL, ()),
    "AVERAGE_POOL_2D": (_no_activation,),
    "CONCATENATION": (_no_activation, _zero_constant),
    "CONV_2D": (_same_dilation,),
    "DEPTHWISE_CONV_2D": (_same_dilation,),
    "FULLY_CONNECTED": (_one_output_row,),
    "MAX_POOL_2D": (_no_activation,),
    "MEAN": (_not_in_batch, _channels_by_four),
    "PAD": (_no_padded_batch,),
    "PRELU": (_shared_alpha,),
    "REDUCE_MAX": (_not_in_batch,),
    "REDUCE_MIN": (_not_in_batch,),
    "SOFTMAX": (_one_dimension,),
    "SPLIT": (_not_in_batch,),
    "SQUEEZE": (_leading_ones,),
    "STRIDED_SLICE": (_unit_strides,),
    "SUM": (_not_in_batch,),
}
