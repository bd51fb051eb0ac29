"""The model file: a plain ``.tflite`` with a zip appended that says what it is, and proves it whole.

::

    TFLite flatbuffer            any TFLite tool opens it
    zip (stored)
      ├── edge_srcnn.json        the ModelSpec
      ├── golden.bin             what the network makes of ``golden_plane()``: uint8, row by row
      ├── edgetpu.json           (a file for an Edge TPU) how the flatbuffer is packed
      └── plain.tflite           (the same) the network as it was, for processors
    zip comment                  "sha256:" and the hexadecimal SHA-256 of every byte before it

An interpreter may crash on a damaged flatbuffer, so nothing reaches one before the digest fits.
"""

import hashlib
import io
import json
import stat
import struct
import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from flatbuffers.table import Table

from edge_srcnn.errors import EdgeSrcnnError, ModelAltered, ModelMetadataMissing, ModelTruncated, NoInput, NotAModel
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.models.edgetpu import TpuForm, read_form, read_stored, write_form
from edge_srcnn.models.spec import SPEC_NAME, ModelSpec, read_spec

GOLDEN_NAME = "golden.bin"
GOLDEN_SHAPE = (48, 64)

_MAGIC = b"TFL3"
_SEAL = b"sha256:"
_SEAL_LENGTH = len(_SEAL) + 64
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_ZIP_BEGINS, _ZIP_ENDS = b"PK\x03\x04", b"PK\x05\x06"
_TAIL_BYTES = 1 << 16
_MOST_BYTES = 1 << 30


@dataclass(frozen=True)
class Model:
    """A model in memory: its spec, its graph (a TFLite flatbuffer), its golden output, and its form for an Edge TPU."""

    spec: ModelSpec
    graph: bytes
    golden: UInt8Array
    tpu: TpuForm | None = None


def golden_plane() -> UInt8Array:
    """Make the input of the self-test: ramps, edges and arithmetic noise over the whole range, uint8 ``GOLDEN_SHAPE``.

    It is a plane in the network's own grid, see ``Network.plane``.
    """
    y, x = np.indices(GOLDEN_SHAPE, dtype=np.int64)
    ramp = (x * 255) // (GOLDEN_SHAPE[1] - 1)
    edges = np.where((x // 8 + y // 6) % 2 == 0, ramp, 255 - ramp)
    noise = (x * 7919 + y * 104729 + x * y * 31) % 61 - 30
    plane = np.where(y < 24, edges, ramp) + np.where(x % 16 < 8, noise, 0)
    golden: UInt8Array = np.clip(plane, 0, 255).astype(np.uint8)
    return golden


def digest(data: bytes | UInt8Array) -> str:
    """Compute SHA-256 in hexadecimal, of bytes or of a plane row by row."""
    return hashlib.sha256(data if isinstance(data, bytes) else data.tobytes()).hexdigest()


def read_model(path: Path) -> Model:
    """Read and check a model file.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    A model of which every byte is as it was packaged.

    Raises
    ------
    NoInput
        The file is missing or unreadable.
    NotAModel, ModelTruncated, ModelAltered, ModelMetadataMissing, ModelVersionUnknown, ModelUnsupported
        What is wrong with it.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            raise NoInput(f"{path}: is a pipe or a device, not a file")
        if status.st_size > _MOST_BYTES:
            raise NotAModel(f"{path}: {status.st_size:,} bytes; a model has at most {_MOST_BYTES:,}")
        data = path.read_bytes()
    except EdgeSrcnnError:
        raise
    except OSError as error:
        raise NoInput(f"{path}: cannot be read ({error.strerror})") from error
    return parse_model(data, str(path))


def parse_model(data: bytes, where: str) -> Model:
    """Read and check the bytes of a model file as ``read_model`` does; ``where`` names them in messages."""
    if data[4:8] != _MAGIC and not _sealed(data):
        raise NotAModel(f"{where}: not a TFLite model (no {_MAGIC.decode()} at byte 4)")
    if not _sealed(data):
        if _is_truncated(data):
            raise ModelTruncated(f"{where}: the file ends too early; copy it again")
        if SPEC_NAME.encode() in data:
            raise ModelAltered(f"{where}: its seal is damaged; copy it again")
        raise ModelMetadataMissing(
            f"{where}: a TFLite model without {SPEC_NAME}; models are made by 'edge-srcnn export'"
        )
    body, seal = data[:-_SEAL_LENGTH], data[-_SEAL_LENGTH:]
    if seal != _SEAL + digest(body).encode():
        raise ModelAltered(f"{where}: the bytes are not those that were packaged; copy it again")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            stored = json.loads(read_stored(archive, SPEC_NAME))
            golden = np.frombuffer(read_stored(archive, GOLDEN_NAME), np.uint8)
            graph = data[: min(entry.header_offset for entry in archive.infolist())]
            tpu, graph = read_form(archive, graph) or (None, graph)
    except (
        *(zipfile.BadZipFile, KeyError, ValueError, EOFError),
        *(RuntimeError, NotImplementedError, zlib.error, OverflowError),  # encrypted or compressed in an unknown way
    ) as error:
        raise ModelMetadataMissing(f"{where}: no usable {SPEC_NAME} in it ({error})") from error
    spec = read_spec(stored, where)
    shape = [side * spec.upsampling for side in GOLDEN_SHAPE]
    if golden.size != shape[0] * shape[1]:
        raise ModelMetadataMissing(f"{where}: {GOLDEN_NAME} has {golden.size} pixels; {shape[0] * shape[1]} are wanted")
    return Model(spec, graph, golden.reshape(shape), tpu)


def seal_model(spec: ModelSpec, graph: bytes, golden: UInt8Array, tpu: TpuForm | None = None) -> bytes:
    """Write the bytes of a model file, always the same for the same arguments."""
    buffer = io.BytesIO()
    buffer.write(tpu.graph if tpu else graph)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(SPEC_NAME, _ZIP_TIME), json.dumps(asdict(spec), indent=1))
        archive.writestr(zipfile.ZipInfo(GOLDEN_NAME, _ZIP_TIME), golden.tobytes())
        if tpu:
            write_form(archive, tpu, graph, _ZIP_TIME)
        archive.comment = b" " * _SEAL_LENGTH
    body = buffer.getvalue()[:-_SEAL_LENGTH]
    return body + _SEAL + digest(body).encode()


def _sealed(data: bytes) -> bool:
    return data[-_SEAL_LENGTH:].startswith(_SEAL)


def _is_truncated(data: bytes) -> bool:
    """Tell whether a table or buffer of the flatbuffer reaches beyond the end, or a zip was begun and not ended.

    Walks the vectors of the root table that hold a model's first and last bytes (TFLite's schema: fields 1, 2
    and 4 of ``Model`` are operator codes, subgraphs and buffers; field 0 of ``Buffer`` is its data).
    """
    if _ZIP_BEGINS in data[-_TAIL_BYTES:] and _ZIP_ENDS not in data[-_TAIL_BYTES:]:
        return True
    try:
        model = Table(data, struct.unpack_from("<I", data)[0])
        for number in (1, 2, 4):
            field = model.Offset(4 + 2 * number)
            for i in range(model.VectorLen(field)):
                table = Table(data, model.Indirect(model.Vector(field) + 4 * i))
                vtable = table.Pos - struct.unpack_from("<i", data, table.Pos)[0]
                if table.Pos + struct.unpack_from("<H", data, vtable + 2)[0] > len(data):
                    return True
                content = table.Offset(4) if number == 4 else 0
                if content and table.Vector(content) + table.VectorLen(content) > len(data):
                    return True
    except (struct.error, IndexError, TypeError, ValueError):
        return True
    return False
