"""Published Keras weights of the paper's direct form: any HDF5 file that holds three Conv2D layers."""

import os
from itertools import permutations
from pathlib import Path

import h5py
import numpy as np

from edge_srcnn.errors import BadData, NoInput
from export.architecture import KERNELS, Architecture, Layer


def read_weights(path: Path, architecture: Architecture) -> tuple[Layer, ...]:
    """Read the weights of three Conv2D layers, in the order of their channels.

    Files of Keras 2 (``layer_names``), whole saved models and Keras 3 (``.weights.h5``) are understood.

    Raises
    ------
    NoInput
        The file is missing or unreadable.
    BadData
        It is no HDF5 file, holds other layers, or their shapes are not those of ``architecture``.
    """
    if not os.path.isfile(path):
        raise NoInput(f"{path}: no such file")
    try:
        with h5py.File(path, "r") as file:
            ours = any(name.endswith("/rescaling") for name in _names(file))
            found = _convolutions(file)
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, MemoryError) as error:  # h5py's, of a damaged file
        raise BadData(f"{path}: not an HDF5 file of Keras weights ({error})") from error
    if ours:
        raise BadData(f"{path}: a checkpoint of our own training; give it to --start-from, not --weights")
    layers = _chained(found, path)
    _check_shapes(layers, architecture, path)
    return layers


def _names(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visit(names.append)
    return names


def _convolutions(file: h5py.File) -> list[Layer]:
    """Each group that holds a 4-D and a 1-D array is a convolution; optimizer states are not looked at."""
    found: list[Layer] = []

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Group) and "optimizer" not in name:
            data = [np.asarray(child, np.float32) for child in item.values() if _holds_reals(child)]
            kernels = [array for array in data if array.ndim == 4]
            biases = [array for array in data if array.ndim == 1]
            if len(kernels) == 1 and len(biases) == 1:
                found.append(Layer(kernels[0], biases[0]))

    file.visititems(visit)
    return found


def _holds_reals(item: h5py.Group | h5py.Dataset) -> bool:
    return isinstance(item, h5py.Dataset) and item.dtype.kind == "f"


def _chained(layers: list[Layer], path: Path) -> tuple[Layer, ...]:
    """Bring the layers into the order in which their channels fit, from one luma channel to one."""
    if len(layers) != 3:
        raise BadData(f"{path}: {len(layers)} convolutions with a bias; SRCNN has 3")
    for order in permutations(layers):
        inputs, outputs = ([layer.kernel.shape[axis] for layer in order] for axis in (2, 3))
        if [*inputs, 1] == [1, *outputs]:
            return order
    found = ", ".join(map(_shape, layers))
    raise BadData(f"{path}: the convolutions do not lead from 1 channel to 1; found {found}")


def _check_shapes(layers: tuple[Layer, ...], architecture: Architecture, path: Path) -> None:
    n1, n2 = architecture.filters
    ends = zip((1, n1, n2), (n1, n2, 1), strict=True)
    wanted = [(k, k, i, o) for k, (i, o) in zip(architecture.kernels, ends, strict=True)]
    for number, (layer, shape) in enumerate(zip(layers, wanted, strict=True), 1):
        if layer.kernel.shape != shape or layer.bias.shape != shape[3:]:
            raise BadData(
                f"{path}: layer {number} is {_shape(layer)}, but {architecture.name} with filters"
                f" {n1},{n2} wants {_described(shape)}{_advice(layers)}"
            )
        if not (np.isfinite(layer.kernel).all() and np.isfinite(layer.bias).all()):
            raise BadData(f"{path}: layer {number} holds values that are not finite")


def _advice(layers: tuple[Layer, ...]) -> str:
    sizes = tuple(layer.kernel.shape[0] for layer in layers)
    fitting = [name for name, kernels in KERNELS.items() if kernels == sizes]
    filters = ",".join(str(layer.kernel.shape[3]) for layer in layers[:2])
    return f"; try --arch {fitting[0]} --filters {filters}" if fitting else ""


def _shape(layer: Layer) -> str:
    return _described(layer.kernel.shape)


def _described(shape: tuple[int, ...]) -> str:
    return f"{shape[0]}x{shape[1]}x{shape[2]}->{shape[3]}"
