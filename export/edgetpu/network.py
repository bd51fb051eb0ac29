"""Read any TFLite flatbuffer as operators and tensors; nothing in it is trusted.

Source: the TFLite schema, version 3 (``schema.fbs``), as the package ``tflite`` spells it. No interpreter is needed.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import tflite
from numpy.typing import NDArray

from edge_srcnn.errors import ModelError, ModelUnsupported, NotAModel

CUSTOM = "CUSTOM"

_MAX_OPERATORS = 20_000
_MAX_TENSORS = 100_000
_MAX_OPERANDS = 1_000
_MAX_RANK = 16
_MAX_AXES_BYTES = 4 * 2 * _MAX_RANK
_MAGIC = b"TFL3"
_NAMES: dict[int, str] = tflite.BUILTIN_OPCODE2NAME
_DTYPES = {value: name.lower() for name, value in vars(tflite.TensorType).items() if isinstance(value, int)}
_OPTIONS = {value: name for name, value in vars(tflite.BuiltinOptions).items() if isinstance(value, int)}


@dataclass(frozen=True, eq=False)
class Tensor:
    """Describe a tensor: what flows between operators, or a constant.

    Attributes
    ----------
    shape
        Lengths of the axes, as they are allocated.
    unknown
        The axes whose length is not known before the model runs.
    dtype
        ``int8``, ``float32`` and so on.
    data
        The bytes of a constant, uint8; None for what is computed or put in.
    state
        Whether an operator keeps it from run to run.
    """

    number: int
    name: str
    shape: tuple[int, ...]
    unknown: tuple[int, ...]
    dtype: str
    data: NDArray[np.uint8] | None
    state: bool = False

    @property
    def elements(self) -> int:
        """Count the numbers that it holds, an unknown length taken for 1."""
        return prod(max(side, 1) for side in self.shape)

    def integers(self) -> list[int]:
        """Read the values of a small int32 constant, such as axes; none where it is something else."""
        if self.data is None or self.dtype != "int32" or self.data.nbytes > _MAX_AXES_BYTES:
            return []
        return [int(value) for value in self.data.view(np.int32)]


@dataclass(frozen=True, eq=False)
class Operator:
    """Describe an operator: a step of the computation.

    Attributes
    ----------
    name
        ``CONV_2D`` and so on; of a custom one, ``CUSTOM``.
    custom
        The custom operator's own name; otherwise empty.
    options
        The schema's own options table, or None.
    """

    name: str
    version: int
    custom: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    options: Any

    @property
    def operands(self) -> tuple[Tensor, ...]:
        """List the inputs and outputs that are neither constants nor the operator's own state."""
        return tuple(tensor for tensor in (*self.inputs, *self.outputs) if tensor.data is None and not tensor.state)


@dataclass(frozen=True, eq=False)
class Network:
    """Describe the first subgraph of a model, its operators in the order of computation."""

    subgraphs: int
    operators: tuple[Operator, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


@contextmanager
def damage_is_told() -> Iterator[None]:
    """Map whatever reading a damaged flatbuffer raises, late looks into an operator's options included."""
    try:
        yield
    except ModelError:
        raise
    except (
        *(struct.error, IndexError, KeyError, TypeError, ValueError, OverflowError, AttributeError),
        *(MemoryError, RecursionError),
    ) as error:
        raise ModelUnsupported(
            f"the model cannot be read as a TFLite flatbuffer ({error or type(error).__name__}); copy it again"
        ) from error


def read_network(data: bytes) -> Network:
    """Read a flatbuffer; what stands behind it, such as a zip, does not matter.

    Parameters
    ----------
    data
        The bytes of the file.

    Returns
    -------
    The model's first subgraph.

    Raises
    ------
    NotAModel
        It is no TFLite flatbuffer at all.
    ModelUnsupported
        It is damaged, or larger than anything that an Edge TPU takes.
    """
    if data[4:8] != _MAGIC:
        raise NotAModel(f"not a TFLite model (no {_MAGIC.decode()} at byte 4)")
    with damage_is_told():
        return _read(data)


def _read(data: bytes) -> Network:
    model = tflite.Model.GetRootAs(data, 0)
    subgraph = model.Subgraphs(0)
    if subgraph is None:
        raise ModelUnsupported("the model has no subgraph; convert it again")
    counts = subgraph.OperatorsLength(), subgraph.TensorsLength()
    if counts[0] > _MAX_OPERATORS or counts[1] > _MAX_TENSORS:
        raise ModelUnsupported(f"the model has {counts[0]} operators and {counts[1]} tensors; it is damaged")
    tensors = [_tensor(model, subgraph.Tensors(number), number) for number in range(counts[1])]
    operators = tuple(_operator(model, subgraph.Operators(number), tensors) for number in range(counts[0]))
    inputs, outputs = (_chosen(tensors, list_) for list_ in (subgraph.InputsAsNumpy(), subgraph.OutputsAsNumpy()))
    return Network(model.SubgraphsLength(), operators, inputs, outputs)


def _tensor(model: Any, tensor: Any, number: int) -> Tensor:
    if tensor.ShapeLength() > _MAX_RANK or tensor.ShapeSignatureLength() > _MAX_RANK:
        raise ModelUnsupported(f"tensor {number} has {tensor.ShapeLength()} dimensions; the model is damaged")
    shape = tuple(int(tensor.Shape(axis)) for axis in range(tensor.ShapeLength()))
    signature = tuple(int(tensor.ShapeSignature(axis)) for axis in range(tensor.ShapeSignatureLength())) or shape
    if len(signature) != len(shape):
        raise ModelUnsupported(f"tensor {number} has shape {shape} and signature {signature}; the model is damaged")
    unknown = tuple(axis for axis, sides in enumerate(zip(shape, signature, strict=True)) if min(sides) < 1)
    if tensor.Type() not in _DTYPES:
        raise ModelUnsupported(f"tensor {number} has type {tensor.Type()}, which is not known; the model is damaged")
    if tensor.Buffer() >= model.BuffersLength():
        raise ModelUnsupported(f"tensor {number} lies in a buffer that is not there; the model is damaged")
    buffer = model.Buffers(tensor.Buffer())
    data = buffer.DataAsNumpy() if buffer.DataLength() else None
    name, dtype, state = _text(tensor.Name()), _DTYPES[tensor.Type()], bool(tensor.IsVariable())
    return Tensor(number, name, shape, unknown, dtype, data, state)


def _operator(model: Any, operator: Any, tensors: list[Tensor]) -> Operator:
    if operator.OpcodeIndex() >= model.OperatorCodesLength():
        raise ModelUnsupported("an operator has a code that is not there; the model is damaged")
    code = model.OperatorCodes(operator.OpcodeIndex())
    kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    options, table = None, operator.BuiltinOptions()
    if table is not None and operator.BuiltinOptionsType() in _OPTIONS:
        options = getattr(tflite, _OPTIONS[operator.BuiltinOptionsType()])()
        options.Init(table.Bytes, table.Pos)
    inputs, outputs = (_chosen(tensors, list_) for list_ in (operator.InputsAsNumpy(), operator.OutputsAsNumpy()))
    name = _NAMES.get(kind, f"builtin {kind}")
    return Operator(name, int(code.Version()), _text(code.CustomCode()), inputs, outputs, options)


def _chosen(tensors: list[Tensor], numbers: Any) -> tuple[Tensor, ...]:
    """Look up a list of tensors by number; -1 stands for an optional one that is left out; 0 is no list."""
    found = [] if isinstance(numbers, int) else [int(number) for number in numbers[: _MAX_OPERANDS + 1]]
    if len(found) > _MAX_OPERANDS or any(number >= len(tensors) for number in found):
        raise ModelUnsupported("an operator takes a tensor that is not there; the model is damaged")
    return tuple(tensors[number] for number in found if number >= 0)


def _text(raw: bytes | None) -> str:
    """Make a name printable, on one line."""
    text = (raw or b"")[:200].decode("utf-8", "backslashreplace")
    return "".join(character if character.isprintable() else "?" for character in text)
