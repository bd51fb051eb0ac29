"""Describe networks that others trained, by the file that holds them: nothing of them is trained here.

Such a file is read by ``edge_srcnn.exchange``: ONNX, TFLite, or a float32 model that ``edge-srcnn models import`` made.
"""

from pathlib import Path

import numpy as np

from edge_srcnn.errors import ModelMetadataMissing, UsageError
from edge_srcnn.exchange.importing import FAMILY, Foreign, describe, read_model_again, read_network
from export.architectures import Architecture, Layer

EXAMPLES = ()
BALANCE = 8.0
SUFFIXES = (".onnx", ".tflite")
"""Files that are read so; all others hold published Keras weights."""

__all__ = ["EXAMPLES", "SUFFIXES", "describe", "find", "of_file", "read_weights"]


def find(name: str, scale: int, *, filters: tuple[int, int] | None = None, residual: bool = True) -> Architecture:
    """Refuse a name: such a network is described by its file."""
    raise UsageError(f"--arch {name}: the file tells; give --weights FILE.onnx or FILE.tflite, and leave --arch out")


def of_file(path: Path, scale: int | None) -> Architecture:
    """Describe the network of a file.

    Parameters
    ----------
    path
        One of ``SUFFIXES``.
    scale
        Factor of upscaling, for a network that keeps the size of its input; None: the network tells.

    Returns
    -------
    What conversion, evaluation and packaging go by.

    Raises
    ------
    UsageError, NoInput, BadData, Unavailable
        The file is missing, of another form, or int8 already.
    """
    foreign = _read(path, scale)
    network = foreign.network
    if network.graph.dtype == np.int8:
        raise UsageError(f"--weights {path}: is int8 already; 'edge-srcnn models import' takes it as it is")
    return Architecture(
        family=FAMILY,
        name=path.stem.removesuffix(f"-x{foreign.scale}"),
        spelling=f"{len(network.graph.layers)} convolutions",
        scale=foreign.scale,
        layers=tuple((layer.kernel[0], len(layer.bias)) for layer in network.graph.layers),
        layer_names=tuple(f"conv{number}" for number in range(1, len(network.graph.layers) + 1)),
        plane=network.plane,
        unshuffle=network.unshuffle,
        shuffle=network.shuffle,
        residual=network.residual,
        balance=BALANCE,
    )


def read_weights(path: Path, architecture: Architecture) -> tuple[Layer, ...]:
    """Read the convolutions of a file that ``of_file`` described."""
    layers = _read(path, architecture.scale).network.graph.layers
    return tuple(Layer(np.ascontiguousarray(each.weights.transpose(1, 2, 3, 0)), each.bias) for each in layers)


def _read(path: Path, scale: int | None) -> Foreign:
    if path.suffix == ".tflite":
        try:
            return read_model_again(path)
        except ModelMetadataMissing:
            pass  # it is not one of ours
    return read_network(path, scale)
