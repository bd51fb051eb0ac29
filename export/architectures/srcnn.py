"""Describe SRCNN: the three layers of Dong et al., "Image Super-Resolution Using Deep Convolutional Networks" (2015).

Weights are published as Keras files of the paper's direct form: any HDF5 file that holds three Conv2D layers is read.
"""

import os
from itertools import permutations
from pathlib import Path

import h5py
import numpy as np

from edge_srcnn.errors import BadData, NoInput, UsageError
from edge_srcnn.imaging.bicubic import base_name
from edge_srcnn.models.spec import ModelSpec
from export.architectures import Architecture, Layer

KERNELS: dict[str, tuple[int, int, int]] = {
    "srcnn-915": (9, 1, 5),
    "srcnn-935": (9, 3, 5),
    "srcnn-955": (9, 5, 5),
}
"""Kernel sizes of the three layers (the paper, section 4.3.2)."""

EXAMPLES = tuple(KERNELS)
FILTERS = (64, 32)
LAYER_NAMES = ("patches", "mapping", "reconstruction")
"""What the three layers do (the paper, section 3.1)."""

MUON_RATES = {1: 2e-2, 3: 1e-2, 5: 7e-3}
"""Peaks of the learning rate by the side of the second layer's kernel.

Muon moves every weight of a kernel alike, and the more of them are added up, the further the sum moves.
"""


def find(name: str, scale: int, *, filters: tuple[int, int] | None = None, residual: bool = True) -> Architecture:
    """Describe an SRCNN by its name, one of ``KERNELS``; raise UsageError for any other."""
    if name not in KERNELS:
        raise UsageError(f"--arch {name!r}: use one of {', '.join(KERNELS)}")
    kernels = KERNELS[name]
    channels = (*(filters or FILTERS), 1)
    return Architecture(
        family="srcnn",
        name=name,
        spelling=name,
        scale=scale,
        layers=tuple(zip(kernels, channels, strict=True)),
        layer_names=LAYER_NAMES,
        residual=residual,
        muon_rate=MUON_RATES[kernels[1]],
        symmetry=_symmetry(kernels, channels[:2]),
    )


def describe(spec: ModelSpec) -> str:
    """Say what the network of a model is, for its card."""
    kernels = ", ".join(f"{side}x{side}" for side, _ in spec.layers)
    filters = " and ".join(str(outputs) for _, outputs in spec.layers[:-1])
    base = base_name(spec.scale)
    plane = "the picture" if spec.scale == 1 else "a bicubically upscaled picture"
    form = f"the residual over the {base} picture" if spec.residual else "the picture itself (the paper's direct form)"
    return (
        f"SRCNN (Dong et al., 2015) for x{spec.scale}: convolutions {kernels}, {filters} filters,\n"
        f"on the luma plane of {plane}. Puts out {form}. Numbers: {spec.quantization}."
    )


def _symmetry(kernels: tuple[int, ...], filters: tuple[int, ...]) -> str:
    """Choose the largest symmetry whose sets make up both layers; none where the second layer sees single pixels.

    So small a network is trained well without, and gains nothing (``docs/numbers.md``).
    """
    if kernels[1] == 1 or any(n % 4 for n in filters):
        return "none"
    return "flips" if any(n % 8 for n in filters) else "square"


def read_weights(path: Path, architecture: Architecture) -> tuple[Layer, ...]:
    """Read the weights of three Conv2D layers, in the order of their channels.

    Files of Keras 2 (``layer_names``), whole saved models and Keras 3 (``.weights.h5``) are understood.

    Parameters
    ----------
    path
        An HDF5 file.
    architecture
        The network whose shapes the layers must have.

    Returns
    -------
    The three layers, first to last.

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
    """Find the groups that hold a 4-D and a 1-D array, a kernel and a bias; optimizer states are passed over."""
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
    filters = ",".join(str(outputs) for _, outputs in architecture.layers[:-1])
    for number, (layer, shape) in enumerate(zip(layers, architecture.shapes, strict=True), 1):
        if layer.kernel.shape != shape or layer.bias.shape != shape[3:]:
            raise BadData(
                f"{path}: layer {number} is {_shape(layer)}, but {architecture.name} with filters"
                f" {filters} wants {_described(shape)}{_advice(layers)}"
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
