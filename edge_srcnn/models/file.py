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
from edge_srcnn.models.edgetpu import TpuForm, read_form, write_form
from edge_srcnn.models.truncated import is_truncated

FORMAT = 2
"""Version of the metadata; a file with a higher one is refused. Format 1 knew SRCNN alone, and is read as such."""

SPEC_NAME = "edge_srcnn.json"
GOLDEN_NAME = "golden.bin"
GOLDEN_SHAPE = (48, 64)

BICUBIC, CAMERA = "bicubic", "camera"
"""Degradations: low-resolution pictures made by bicubic scaling alone, and as a camera makes them."""

BICUBIC_PLANE, LUMA_PLANE = "bicubic", "luma"
"""Planes that a network reads: the bicubically upscaled luma, or the luma as the camera gave it."""

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


Layer = tuple[int, int]
"""Side of a convolution's kernel, and its output channels."""


@dataclass(frozen=True)
class ModelSpec:
    """Describe a model: its network, how it was trained, and how good it is.

    Attributes
    ----------
    name
        Such as ``srcnn-915-x2``, or ``fast-m-x2-camera`` where the degradation is another than ``bicubic``.
    family, architecture
        Such as ``srcnn`` and ``srcnn-915``, or ``fast`` and ``fast-c16d4``.
    layers
        Kernel side and output channels of each convolution.
    plane
        What the network reads: ``BICUBIC_PLANE`` or ``LUMA_PLANE``.
    unshuffle, shuffle
        Side of the blocks of pixels that are the channels of the input (space-to-depth), and of the output
        (depth-to-space).
    scale
        The factor of upscaling it was trained for.
    residual
        True: the graph puts out what is to be added to the bicubic picture. False: it puts out the picture.
    halo_px
        Pixels of the plane that the graph uses up as context on each side.
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
    family: str
    architecture: str
    layers: tuple[Layer, ...]
    plane: str
    unshuffle: int
    shuffle: int
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
    def upsampling(self) -> int:
        """Give the pixels of the result for each pixel of the plane, down and across."""
        return self.shuffle // self.unshuffle

    @property
    def macs_per_pixel(self) -> int:
        """Count the multiply-accumulates for each pixel of the result, borders apart."""
        channels = (self.unshuffle**2, *(outputs for _, outputs in self.layers))
        macs = sum(side**2 * inputs * outputs for inputs, (side, outputs) in zip(channels, self.layers, strict=False))
        return round(macs / self.shuffle**2)


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
        if is_truncated(data):
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
            golden = np.frombuffer(archive.read(GOLDEN_NAME), np.uint8)
            graph = data[: min(entry.header_offset for entry in archive.infolist())]
            tpu, graph = read_form(archive, graph) or (None, graph)
    except (
        *(zipfile.BadZipFile, KeyError, ValueError, EOFError),
        *(RuntimeError, NotImplementedError, zlib.error, OverflowError),  # encrypted or compressed in an unknown way
    ) as error:
        raise ModelMetadataMissing(f"{where}: no usable {SPEC_NAME} in it ({error})") from error
    spec = _spec(stored, where)
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


def _known(kind: type, stored: dict[str, Any]) -> dict[str, Any]:
    """Keep the fields that a dataclass has; what a later version added is passed over."""
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
        values = _known(ModelSpec, _as_format_2(stored) if version == 1 else stored)
        training = _known(Training, values["training"])
        spec = ModelSpec(
            **{
                **values,
                "layers": tuple((side, outputs) for side, outputs in values["layers"]),
                "training": Training(**{**training, "data": tuple(training["data"])}),
                "quality": tuple(Quality(**row) for row in values["quality"]),
            }
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelMetadataMissing(f"{where}: {SPEC_NAME} is incomplete ({error})") from error
    for name, value, lowest in (
        *((name, getattr(spec, name), 1) for name in ("scale", "unshuffle", "shuffle")),
        ("halo_px", spec.halo_px, 0),
        *(("layers", number, 1) for layer in spec.layers for number in layer),
    ):
        if type(value) is not int or value < lowest:
            raise ModelUnsupported(f"{where}: {name} {value!r} in {SPEC_NAME}; it must be a whole number from {lowest}")
    wanted = {BICUBIC_PLANE: 1, LUMA_PLANE: spec.scale}
    if spec.plane not in wanted:
        raise ModelUnsupported(f"{where}: plane {spec.plane!r} in {SPEC_NAME}; known are {', '.join(wanted)}")
    if spec.shuffle != spec.unshuffle * wanted[spec.plane]:
        raise ModelUnsupported(
            f"{where}: a network on the {spec.plane} plane for x{spec.scale}, its input in blocks of {spec.unshuffle},"
            f" puts out blocks of {spec.unshuffle * wanted[spec.plane]}, not of {spec.shuffle}"
        )
    return spec


def _as_format_2(stored: dict[str, Any]) -> dict[str, Any]:
    """Spell the description of format 1, three layers on the bicubic plane, as format 2 does."""
    layers = tuple(zip(stored["kernels"], (*stored["filters"], 1), strict=True))
    grids = {"plane": BICUBIC_PLANE, "unshuffle": 1, "shuffle": 1}
    return stored | grids | {"family": "srcnn", "layers": layers, "format": 2}
