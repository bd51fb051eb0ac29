"""Hold a frame of video, luma and chroma as the source gave them, or a decoded picture file and its metadata."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from edge_srcnn.imaging.luma import Samples, UInt8Array

UNSPECIFIED = 2
BT601 = 6
BT709 = 1
BT2020 = 9
"""Code points of ITU-T H.273, the same for matrix, primaries and transfer."""


CENTRE, LEFT, TOP_LEFT = (0.0, 0.0), (-0.5, 0.0), (-0.5, -0.5)
"""Siting of chroma, see ``Frame.siting``."""


def nearest_named(siting: tuple[float, float]) -> tuple[float, float]:
    """Give the siting nearest to that of a flipped or cropped frame for which ITU-T H.273 has a name."""
    across, down = siting
    return min(max(across, -0.5), 0.0), min(max(down, -0.5), 0.5)


@dataclass(frozen=True)
class Colour:
    """Say how luma and chroma are to be read.

    Attributes
    ----------
    full_range
        True: 0 to 255. False: luma 16 to 235, chroma 16 to 240. None: not said; players assume the latter.
    matrix, primaries, transfer
        Code points of ITU-T H.273.
    mastering_display
        Of SMPTE ST 2086: x and y of green, blue, red and white in 1/50000, most and least light in 1/10000 cd/m2.
    content_light
        MaxCLL and MaxFALL of CTA-861.3, in cd/m2.
    """

    full_range: bool | None = True
    matrix: int = BT601
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    mastering_display: tuple[int, ...] | None = None
    content_light: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture of a stream. Nobody writes into the planes of a frame that was handed on.

    Attributes
    ----------
    luma
        uint8 ``[h, w]``; of a deep video uint16, its levels times 256 where 8 bits would have them.
    chroma
        Cb and Cr, each ``[h, w]`` (4:4:4), ``[h, ceil(w / 2)]`` (4:2:2) or ``[ceil(h / 2), ceil(w / 2)]``
        (4:2:0); None for grey.
    colour
        How the numbers are to be read.
    index
        Counts the frames of the source from 0, those that were dropped included.
    time_s
        When it is to be shown: seconds from the first frame.
    captured_s
        When the sensor saw it, or it was read: seconds of ``time.monotonic()``.
    siting
        Of chroma that is coarser than luma: how far it lies from the middle of its pixels of luma, across and down, in
        pixels of luma. (0, 0) for JPEG, (-0.5, 0) for most video (ITU-T H.273, figure 1).
    """

    luma: Samples
    chroma: tuple[Samples, Samples] | None
    colour: Colour
    index: int
    time_s: float
    captured_s: float
    siting: tuple[float, float] = CENTRE

    @property
    def size(self) -> tuple[int, int]:
        """Give width and height in pixels."""
        return int(self.luma.shape[1]), int(self.luma.shape[0])

    @property
    def subsampling(self) -> tuple[int, int]:
        """Tell by how much chroma is coarser than luma, down and across: 1 or 2. (1, 1) for grey."""
        if self.chroma is None:
            return 1, 1
        down, across = (
            2 if chroma < luma else 1 for chroma, luma in zip(self.chroma[0].shape, self.luma.shape, strict=True)
        )
        return down, across

    def rgb(self) -> UInt8Array:
        """Convert to a picture of one's own: uint8 ``[h, w, 3]`` in the order R, G, B."""
        from edge_srcnn.imaging.colour import three_channels

        return three_channels(self)

    def bgr(self) -> UInt8Array:
        """Convert to a picture of one's own as OpenCV has it: uint8 ``[h, w, 3]`` in the order B, G, R."""
        from edge_srcnn.imaging.colour import three_channels

        return three_channels(self, bgr=True)


@dataclass(frozen=True, eq=False)
class EnhancedFrame(Frame):
    """Hold a frame that was enhanced, and the one that it was made of.

    Attributes
    ----------
    original
        The camera's frame, or the file's, in its own size.
    """

    original: Frame = field(kw_only=True)


@dataclass(frozen=True)
class Metadata:
    """Hold what a picture file carries besides pixels, as the file had it; None where it had none.

    The EXIF and XMP orientations are gone: pixels are always upright. ``png_colours`` are chunks (name, data) of a PNG
    that say how its samples become light.
    """

    icc_profile: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    text: Mapping[str, str] = field(default_factory=dict)
    png_colours: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True)
class Picture:
    """Hold a decoded picture.

    Attributes
    ----------
    samples
        uint8 or uint16: ``[h, w]`` (grey) or ``[h, w, 3]`` (R, G, B); with transparency, alpha is one channel more.
    metadata
        To be written with the result.
    """

    samples: Samples
    metadata: Metadata = Metadata()

    @property
    def alpha(self) -> Samples | None:
        """Give the transparency, ``[h, w]``, or None."""
        return self.samples[..., -1] if self._has_alpha else None

    @property
    def pixels(self) -> Samples:
        """Give the colours without transparency: ``[h, w]`` or ``[h, w, 3]``."""
        if not self._has_alpha:
            return self.samples
        return np.ascontiguousarray(self.samples[..., 0] if self.samples.shape[2] == 2 else self.samples[..., :3])

    @property
    def _has_alpha(self) -> bool:
        return self.samples.ndim == 3 and self.samples.shape[2] in (2, 4)
