"""Describe a picture of several frames: GIF, WebP, APNG."""

from collections.abc import Iterator
from dataclasses import dataclass

from edge_srcnn.imaging.luma import UInt8Array

ANIMATED = ("GIF", "WEBP", "PNG")
"""Pillow's names of formats whose frames follow each other in time; those of the others are pages."""


@dataclass(frozen=True)
class Animation:
    """Hold what an animated picture file tells, and its frames as they are decoded.

    Attributes
    ----------
    size
        Width and height in pixels.
    durations_ms
        How long each frame is to be seen.
    loop
        How often it is repeated, as the file's format counts; 0 without end, None where it does not say.
    frames
        uint8 ``[h, w, 3]`` or, with transparency, ``[h, w, 4]``: whole, one after the other, to be read once.
    """

    size: tuple[int, int]
    durations_ms: tuple[float, ...]
    loop: int | None
    frames: Iterator[UInt8Array]
