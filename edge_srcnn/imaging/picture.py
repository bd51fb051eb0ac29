"""A decoded picture and what its file said about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_srcnn.imaging.luma import UInt8Array


@dataclass(frozen=True)
class Metadata:
    """What a picture file carries besides pixels, as the file had it; None where it had none.

    The EXIF and XMP orientations are gone: pixels are always upright.
    """

    icc_profile: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    text: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Attributes
    ----------
    pixels
        uint8 ``[h, w]`` (grey) or ``[h, w, 3]`` (R, G, B).
    alpha
        uint8 ``[h, w]``, or None.
    metadata
        To be written with the result.
    """

    pixels: UInt8Array
    alpha: UInt8Array | None = None
    metadata: Metadata = Metadata()
