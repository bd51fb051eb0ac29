"""A model's description, ``edge_srcnn.json``: what a network is, how it was trained, and how good it is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from edge_srcnn.errors import ModelMetadataMissing, ModelUnsupported, ModelVersionUnknown

FORMAT = 2
"""Version of the metadata; a file with a higher one is refused. Format 1 knew SRCNN alone, and is read as such."""

SPEC_NAME = "edge_srcnn.json"

BICUBIC, CAMERA = "bicubic", "camera"
"""Degradations: low-resolution pictures made by bicubic scaling alone, and as a camera makes them."""

CAMERA_VIDEO = "camera-video"
"""As a camera's stream delivers them: noise from none to much, codecs, and the mean over time."""

SETTLED = "settled"
"""What is left of noise and codecs in a sharp picture after the mean over time of a camera that stands still."""

BICUBIC_PLANE, LUMA_PLANE = "bicubic", "luma"
"""Planes that a network reads: the bicubically upscaled luma, or the luma as the camera gave it."""

_BOUNDS = {"scale": (1, 8), "unshuffle": (1, 32), "shuffle": (1, 64), "halo_px": (0, 512)}
_KERNEL, _CHANNELS, _MOST_LAYERS = (1, 65), (1, 4096), 256
"""What sizes may be, so that a file that was made to do harm asks for no more memory than any other."""


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
    degradation
        How low-resolution pictures were made, where that is another than the model's: ``camera-video`` for ``camera``.
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
    degradation: str | None = None


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
        Which low-resolution pictures it is for, and is evaluated by: ``bicubic``, ``camera``, or another name of
        ``export``'s.
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
    def trained_on(self) -> str:
        """Name the degradation that made the low-resolution pictures of the training, such as ``camera-video``."""
        return self.training.degradation or self.degradation

    @property
    def macs_per_pixel(self) -> int:
        """Count the multiply-accumulates for each pixel of the result, borders apart."""
        channels = (self.unshuffle**2, *(outputs for _, outputs in self.layers))
        macs = sum(side**2 * inputs * outputs for inputs, (side, outputs) in zip(channels, self.layers, strict=False))
        return round(macs / self.shuffle**2)


def read_spec(stored: Any, where: str) -> ModelSpec:
    """Read and check a description.

    Parameters
    ----------
    stored
        What the JSON holds; fields that a later version added are passed over.
    where
        Names the file in messages.

    Returns
    -------
    In the words of today's format.

    Raises
    ------
    ModelMetadataMissing, ModelVersionUnknown, ModelUnsupported
        What is wrong with it.
    """
    version = stored.get("format") if isinstance(stored, dict) else None
    if not isinstance(version, int):
        raise ModelMetadataMissing(f"{where}: {SPEC_NAME} has no format number")
    if version > FORMAT:
        raise ModelVersionUnknown(
            f"{where}: metadata format {version}; this edge-srcnn knows up to {FORMAT}: install a newer version"
        )
    try:
        facts = _as_format_2(stored) if version == 1 else stored
        sizes = [(name, facts[name], bounds) for name, bounds in _BOUNDS.items()]
        sizes += [("layers", len(facts["layers"]), (1, _MOST_LAYERS))]
        for side, outputs in facts["layers"]:
            sizes += [("layers", side, _KERNEL), ("layers", outputs, _CHANNELS)]
        wrong = [size for size in sizes if type(size[1]) is not int or not size[2][0] <= size[1] <= size[2][1]]
        spec = None if wrong else msgspec.convert(facts, ModelSpec)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelMetadataMissing(f"{where}: {SPEC_NAME} is incomplete ({error})") from error
    if spec is None:
        name, value, (least, most) = wrong[0]
        told = f"{name} {value!r} in {SPEC_NAME}; it must be a whole number from {least} to {most}"
        raise ModelUnsupported(f"{where}: {told}")
    if any(not text.isprintable() for text in _texts(facts)):
        raise ModelUnsupported(f"{where}: {SPEC_NAME} holds control characters, which a terminal would obey")
    wanted = {BICUBIC_PLANE: 1, LUMA_PLANE: spec.scale}
    if spec.plane not in wanted:
        raise ModelUnsupported(f"{where}: plane {spec.plane!r} in {SPEC_NAME}; known are {', '.join(wanted)}")
    if spec.shuffle != spec.unshuffle * wanted[spec.plane]:
        raise ModelUnsupported(
            f"{where}: a network on the {spec.plane} plane for x{spec.scale}, its input in blocks of {spec.unshuffle},"
            f" puts out blocks of {spec.unshuffle * wanted[spec.plane]}, not of {spec.shuffle}"
        )
    return spec


def _texts(facts: Any) -> Iterator[str]:
    """Give every text of a JSON value, names of fields among them."""
    if isinstance(facts, str):
        yield facts
    elif isinstance(facts, dict | list):
        for each in [*facts, *facts.values()] if isinstance(facts, dict) else facts:
            yield from _texts(each)


def _as_format_2(stored: dict[str, Any]) -> dict[str, Any]:
    """Spell the description of format 1, three layers on the bicubic plane, as format 2 does."""
    layers = tuple(zip(stored["kernels"], (*stored["filters"], 1), strict=True))
    grids = {"plane": BICUBIC_PLANE, "unshuffle": 1, "shuffle": 1}
    return stored | grids | {"family": "srcnn", "layers": layers, "format": 2}
