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
import zipfile
import zlib
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from edge_srcnn.errors import (
    ModelAltered,
    ModelMetadataMissing,
    ModelTruncated,
    ModelUnsupported,
    ModelVersionUnknown,
    NoInput,
    NotAModel,
)
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.tpu_form import TpuForm, read_form, write_form
from edge_srcnn.truncation import cut_short

FORMAT = 1
"""Version of the metadata; a file with a higher one is refused."""

SPEC_NAME = "edge_srcnn.json"
GOLDEN_NAME = "golden.bin"
GOLDEN_SHAPE = (48, 64)

BICUBIC, CAMERA = "bicubic", "camera"
"""Degradations: low-resolution pictures made by bicubic scaling alone, and as a camera makes them."""

_MAGIC = b"TFL3"
_SEAL = b"sha256:"
_SEAL_LENGTH = len(_SEAL) + 64
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Quality:
    """PSNR (dB) and SSIM on luma of one benchmark set, in float32 and as packaged."""

    set: str
    bicubic_psnr: float
    bicubic_ssim: float
    float_psnr: float
    float_ssim: float
    psnr: float
    ssim: float


@dataclass(frozen=True)
class Training:
    """Where the weights come from.

    Attributes
    ----------
    minutes
        The clock that ended the training; None: it ended after so many ``steps``.
    weights
        Name of published weights, where they began as those.
    qat_steps
        Steps of quantization-aware fine-tuning.
    command
        Trains them again: the same bytes, unless a clock ended the training or ``differs`` says why not.
    """

    data: tuple[str, ...]
    licence: str
    pictures: int
    steps: int
    minutes: float | None
    seed: int
    held_out_psnr: float | None = None
    weights: str | None = None
    command: str | None = None
    qat_steps: int = 0
    differs: str | None = None


@dataclass(frozen=True)
class ModelSpec:
    """What a model is.

    Attributes
    ----------
    name
        Such as ``srcnn-915-x2``, or ``srcnn-915-x2-camera`` where the degradation is another than ``bicubic``.
    kernels, filters
        Sizes of the three convolutions, and output channels of the first two.
    scale
        The factor of up-scaling it was trained for.
    residual
        True: the graph puts out what is to be added to its input. False: it puts out the picture.
    halo_px
        Pixels of context that the graph uses up on each side.
    quantization
        ``int8`` or ``float32``.
    degradation
        How low-resolution pictures were made in training: ``bicubic``, ``camera``, or another name of ``export``'s.
    graph_sha256
        Digest of the plain flatbuffer.
    golden_input_sha256, golden_output_sha256
        Digests of ``golden_plane()`` and of what the network makes of it.
    """

    name: str
    architecture: str
    kernels: tuple[int, int, int]
    filters: tuple[int, int]
    scale: int
    residual: bool
    halo_px: int
    quantization: str
    degradation: str
    graph_sha256: str
    golden_input_sha256: str
    golden_output_sha256: str
    training: Training
    quality: tuple[Quality, ...]
    versions: dict[str, str]
    created_by: str
    format: int = FORMAT

    @property
    def macs_per_pixel(self) -> int:
        """Multiply-accumulates for each pixel of the result, borders apart."""
        channels = (1, *self.filters, 1)
        return sum(side**2 * a * b for side, a, b in zip(self.kernels, channels, channels[1:], strict=False))


@dataclass(frozen=True)
class Model:
    """A model in memory: its spec, its graph (a TFLite flatbuffer), its golden output, and its form for an Edge TPU."""

    spec: ModelSpec
    graph: bytes
    golden: UInt8Array
    tpu: TpuForm | None = None


def golden_plane() -> UInt8Array:
    """The input of the self-test: ramps, edges and arithmetic noise over the whole range, uint8 ``GOLDEN_SHAPE``."""
    y, x = np.indices(GOLDEN_SHAPE, dtype=np.int64)
    ramp = (x * 255) // (GOLDEN_SHAPE[1] - 1)
    edges = np.where((x // 8 + y // 6) % 2 == 0, ramp, 255 - ramp)
    noise = (x * 7919 + y * 104729 + x * y * 31) % 61 - 30
    plane = np.where(y < 24, edges, ramp) + np.where(x % 16 < 8, noise, 0)
    golden: UInt8Array = np.clip(plane, 0, 255).astype(np.uint8)
    return golden


def digest(data: bytes | UInt8Array) -> str:
    """SHA-256 in hexadecimal, of bytes or of a plane row by row."""
    return hashlib.sha256(data if isinstance(data, bytes) else data.tobytes()).hexdigest()


def read_model(path: Path) -> Model:
    """Read and check a model file.

    Raises
    ------
    NoInput
        The file is missing or unreadable.
    NotAModel, ModelTruncated, ModelAltered, ModelMetadataMissing, ModelVersionUnknown, ModelUnsupported
        What is wrong with it.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NoInput(f"{path}: cannot be read ({error.strerror})") from error
    return parse_model(data, str(path))


def parse_model(data: bytes, where: str) -> Model:
    """Like ``read_model``, of bytes; ``where`` names them in messages."""
    if data[4:8] != _MAGIC and not _sealed(data):
        raise NotAModel(f"{where}: not a TFLite model (no {_MAGIC.decode()} at byte 4)")
    if not _sealed(data):
        if cut_short(data):
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
            stored = json.loads(archive.read(SPEC_NAME))
            golden = np.frombuffer(archive.read(GOLDEN_NAME), np.uint8).reshape(GOLDEN_SHAPE)
            graph = data[: min(entry.header_offset for entry in archive.infolist())]
            tpu, graph = read_form(archive, graph) or (None, graph)
    except (
        *(zipfile.BadZipFile, KeyError, ValueError, EOFError),
        *(RuntimeError, NotImplementedError, zlib.error, OverflowError),  # encrypted or compressed in an unknown way
    ) as error:
        raise ModelMetadataMissing(f"{where}: no usable {SPEC_NAME} in it ({error})") from error
    return Model(_spec(stored, where), graph, golden, tpu)


def seal_model(spec: ModelSpec, graph: bytes, golden: UInt8Array, tpu: TpuForm | None = None) -> bytes:
    """The bytes of a model file, always the same for the same arguments."""
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


def _known(kind: type, stored: dict[str, Any]) -> dict[str, Any]:
    """The fields that a dataclass has; what a later version added is passed over."""
    names = [each.name for each in fields(kind) if each.name in stored or each.default is MISSING]
    return {name: stored[name] for name in names}


def _spec(stored: Any, where: str) -> ModelSpec:
    version = stored.get("format") if isinstance(stored, dict) else None
    if not isinstance(version, int):
        raise ModelMetadataMissing(f"{where}: {SPEC_NAME} has no format number")
    if version > FORMAT:
        raise ModelVersionUnknown(
            f"{where}: metadata format {version}; this edge-srcnn knows up to {FORMAT}: pip install -U edge-srcnn"
        )
    try:
        values = _known(ModelSpec, stored)
        training = _known(Training, values["training"])
        spec = ModelSpec(
            **{
                **values,
                "kernels": tuple(values["kernels"]),
                "filters": tuple(values["filters"]),
                "training": Training(**{**training, "data": tuple(training["data"])}),
                "quality": tuple(Quality(**row) for row in values["quality"]),
            }
        )
    except (KeyError, TypeError) as error:
        raise ModelMetadataMissing(f"{where}: {SPEC_NAME} is incomplete ({error})") from error
    for name, lowest in (("scale", 1), ("halo_px", 0)):
        value = getattr(spec, name)
        if not isinstance(value, int) or value < lowest:
            raise ModelUnsupported(f"{where}: {name} {value!r} in {SPEC_NAME}; it must be a whole number from {lowest}")
    return spec
