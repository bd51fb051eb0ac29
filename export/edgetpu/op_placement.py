"""Tell where each operator of a model will run: on the TPU, on the CPU, or nowhere."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from export.edgetpu.network import CUSTOM, Network, Operator
from export.edgetpu.rules import op_versions, refusal

TPU, CPU, NOWHERE = "TPU", "CPU", "refused"
COMPILED_OPERATOR = "edgetpu-custom-op"

_CPU_CUSTOM = "TFLite_Detection_PostProcess"  # the only one that the compiler knows
_OLD_CONVERTER = "convert it with TensorFlow 2.5, or leave the step to the host"
_VERSION_CURES = {
    "CONV_2D": "a grouped convolution: use groups=1, or a depthwise one",
    "GELU": "use ReLU or ReLU6",
    "TILE": "nearest upsampling: do it on the host, or by Conv2DTranspose",
}
_FULL_INT8 = "convert the model to full int8"
_ON_THE_HOST = "leave the step to the host"
_CPU_CURES = {
    "DEPTH_TO_SPACE": "end the graph before it, and rearrange the pixels on the host",
    "DEQUANTIZE": "convert with inference_output_type=tf.int8",
    "HARD_SWISH": "use ReLU6",
    "LEAKY_RELU": "use ReLU, or PReLU with shared_axes=[1, 2]",
    "QUANTIZE": "convert with inference_input_type=tf.int8",
}


@dataclass(frozen=True)
class OpPlacement:
    """Tell what becomes of operators of one kind.

    Attributes
    ----------
    version, newest
        The version that the model asks for, and the highest that the compiler parses; 0: it does not know the name.
    runs_on
        ``TPU``, ``CPU``, or ``refused``: then the compiler gives up.
    why, cure
        Where it is not the TPU; otherwise empty.
    """

    operation: str
    version: int
    newest: int
    runs_on: str
    why: str = ""
    cure: str = ""
    count: int = 1


def placements(network: Network) -> Iterator[OpPlacement]:
    """Tell where each operator of a network will run.

    The TPU gets one part of the graph. What needs a result that left it for the CPU cannot go back.
    """
    visited: set[int] = set()  # tensors that the TPU had a part in
    left: dict[int, str] = {}  # tensors that came from there by way of the CPU, and the operator that took them away
    for operator in network.operators:
        placement = _placement(operator)
        before = next((left[tensor.number] for tensor in operator.inputs if tensor.number in left), None)
        if placement.runs_on == TPU and before is not None:
            why = f"comes after {before}, which left the TPU"
            placement = replace(placement, runs_on=CPU, why=why, cure=f"mend or move {before}")
        results = {tensor.number for tensor in operator.outputs}
        if placement.runs_on == TPU:
            visited |= results
        elif before is not None or any(tensor.number in visited for tensor in operator.inputs):
            left |= dict.fromkeys(results, before or placement.operation)
        yield placement


def _placement(operator: Operator) -> OpPlacement:
    """Tell where an operator would run if it were alone."""
    name, version = operator.name, operator.version
    if name == CUSTOM:
        return _custom_placement(operator)
    newest = op_versions().get(name, 0)
    if version > newest:
        why = f"the compiler parses versions up to {newest}" if newest else "the compiler does not know it"
        return OpPlacement(name, version, newest, NOWHERE, why, _VERSION_CURES.get(name, _OLD_CONVERTER))
    if reason := refusal(operator):
        cure = _CPU_CURES.get(name, _FULL_INT8 if "float" in reason else _ON_THE_HOST)
        return OpPlacement(name, version, newest, CPU, reason, cure)
    return OpPlacement(name, version, newest, TPU)


def _custom_placement(operator: Operator) -> OpPlacement:
    if operator.custom == COMPILED_OPERATOR:
        why, cure = "it has been compiled already", "it needs no compiler; run it with --engine edgetpu"
        return OpPlacement(operator.custom, operator.version, 0, NOWHERE, why, cure)
    if operator.custom == _CPU_CUSTOM:
        return OpPlacement(operator.custom, operator.version, 1, CPU, "a custom operation", "")
    return OpPlacement(operator.custom or CUSTOM, operator.version, 0, NOWHERE, "a custom operation", _OLD_CONVERTER)
