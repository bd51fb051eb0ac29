"""Estimate what a model costs on an Edge TPU: memory for activations and parameters, and bytes over USB."""

from collections.abc import Sequence

from export.edgetpu.network import Network, Operator, Tensor

ON_CHIP_TILES = 16
CACHE_BYTES = 8 << 20
"""On-chip memory that holds parameters from run to run; what exceeds it comes over USB with every run."""

_OVERHEAD = 1.15
_CHANNEL_GRAIN = 4
_BYTES = {"int32": 4, "float32": 4, "int16": 2, "int64": 8}


def activation_bytes(operators: Sequence[Operator]) -> int:
    """Estimate the memory for activations in each on-chip tile, in bytes.

    What lives at the same time, at the worst step, in equal parts on the tiles, and 15 % more. That gives the known
    figures of SRCNN 9-1-5 on whole pictures (110, 192, 442, 2070 KiB at 128x128, 168x168, 256x256, 480x640) to 1 %.
    """
    last = {tensor.number: step for step, operator in enumerate(operators) for tensor in operator.operands}
    live: dict[int, int] = {}
    peak = 0
    for step, operator in enumerate(operators):
        live |= {tensor.number: tensor_bytes(tensor) for tensor in operator.operands}
        peak = max(peak, sum(live.values()))
        live = {number: size for number, size in live.items() if last[number] > step}
    return round(peak * _OVERHEAD / ON_CHIP_TILES)


def parameter_bytes(operators: Sequence[Operator]) -> int:
    """Count the bytes of weights and biases."""
    inputs = (tensor for operator in operators for tensor in operator.inputs)
    return sum({tensor.number: tensor.data.nbytes for tensor in inputs if tensor.data is not None}.values())


def usb_bytes(network: Network, operators: Sequence[Operator]) -> int:
    """Count the bytes over USB in a run of these operators of a network: inputs, outputs, uncached parameters.

    The channels of what the TPU puts out are padded to four.
    """
    made = {tensor.number: tensor for operator in operators for tensor in operator.outputs}
    taken = {tensor.number: tensor for operator in operators for tensor in operator.inputs if tensor.data is None}
    inputs = [tensor for number, tensor in taken.items() if number not in made]
    ours = set(map(id, operators))
    wanted = {tensor.number for operator in network.operators if id(operator) not in ours for tensor in operator.inputs}
    wanted |= {tensor.number for tensor in network.outputs}
    outputs = [tensor for number, tensor in made.items() if number in wanted]
    uncached = max(parameter_bytes(operators) - CACHE_BYTES, 0)
    return sum(map(tensor_bytes, inputs)) + sum(map(_padded_bytes, outputs)) + uncached


def tensor_bytes(tensor: Tensor) -> int:
    """Count the bytes of a tensor."""
    return tensor.elements * _BYTES.get(tensor.dtype, 1)


def _padded_bytes(tensor: Tensor) -> int:
    channels = max(tensor.shape[-1], 1) if tensor.shape else 1
    return tensor_bytes(tensor) // channels * -(-channels // _CHANNEL_GRAIN) * _CHANNEL_GRAIN
