"""Open ONNX files, of which nothing is trusted: sizes, references to other files, what the library makes of them."""

import os
from pathlib import Path
from typing import Any

from edge_srcnn.errors import BadData, Unavailable, reason
from edge_srcnn.exchange import read_bytes
from edge_srcnn.system.packages import why_not_imported


def import_onnx() -> Any:
    """Import the package ``onnx``; ``Unavailable`` says what installs it."""
    try:
        import onnx
        import onnx.numpy_helper
        import onnx.reference
    except ImportError as error:
        told = why_not_imported("onnx, which reads and writes ONNX files,", error, "edge-srcnn[onnx]")
        raise Unavailable(told) from error
    return onnx


def open_onnx(path: Path) -> Any:
    """Read an ONNX file, and the files beside it that hold its weights.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    The model (``onnx.ModelProto``), with all weights in it; it is as the file says, and not checked any further.

    Raises
    ------
    Unavailable
        The package ``onnx`` is missing.
    NoInput, BadData
        The file or one that it refers to is missing, too large, or no ONNX.
    """
    onnx, data = import_onnx(), read_bytes(path)
    try:
        model: Any = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf has its own kinds, one for each implementation
        raise BadData(f"{path}: is damaged, or not an ONNX file ({reason(error)})") from error
    if not model.graph.node:
        raise BadData(f"{path}: is damaged, or not an ONNX file (no node in it)")
    for tensor in _tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            _load_external(onnx, tensor, path)
    return model


def _tensors(model: Any) -> list[Any]:
    constants = [each.t for node in model.graph.node for each in node.attribute if each.HasField("t")]
    return [*model.graph.initializer, *constants]


def _load_external(onnx: Any, tensor: Any, path: Path) -> None:
    """Read weights that lie in a file beside the model's; nothing outside of its folder is opened."""
    facts = {entry.key: entry.value for entry in tensor.external_data}
    name, folder = facts.get("location", ""), path.resolve().parent
    beside = folder / name
    if not name or os.path.isabs(name) or folder not in beside.resolve().parents:
        raise BadData(f"{path}: refers to weights outside of its folder ({name!r})")
    data = read_bytes(beside)
    try:
        offset = int(facts.get("offset", 0))
        length = int(facts.get("length", len(data) - offset))
    except ValueError as error:
        raise BadData(f"{path}: refers to {name} by a number that is none ({reason(error)})") from error
    if min(offset, length) < 0 or offset + length > len(data):
        raise BadData(
            f"{beside}: has {len(data):,} bytes, where {path.name} expects {offset + length:,}; copy it again"
        )
    tensor.raw_data = data[offset : offset + length]
    tensor.data_location = onnx.TensorProto.DEFAULT
    del tensor.external_data[:]
