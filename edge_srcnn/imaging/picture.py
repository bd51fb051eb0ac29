"""A decoded picture and what its file said about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

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
    samples
        uint8 ``[h, w]`` (grey) or ``[h, w, 3]`` (R, G, B); with transparency, alpha is one channel more.
    metadata
        To be written with the result.
    """

    samples: UInt8Array
    metadata: Metadata = Metadata()

    @property
    def alpha(self) -> UInt8Array | None:
        """Give the transparency, uint8 ``[h, w]``, or None."""
        return self.samples[..., -1] if self._has_alpha else None

    @property
    def pixels(self) -> UInt8Array:
        """Give the colours without transparency: uint8 ``[h, w]`` or ``[h, w, 3]``."""
        if not self._has_alpha:
            return self.samples
        return np.ascontiguousarray(self.samples[..., 0] if self.samples.shape[2] == 2 else self.samples[..., :3])

    @property
    def _has_alpha(self) -> bool:
        return self.samples.ndim == 3 and self.samples.shape[2] in (2, 4)
