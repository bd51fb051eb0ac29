"""A scene that stands still, seen by a noisy sensor."""

import io
from time import monotonic

import numpy as np
from PIL import Image

from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.imaging.luma import UInt8Array

SIGMA = 6.0


class NoisyScene:
    """Gives pictures of a scene; each has noise of its own.

    Attributes
    ----------
    scene
        Luma without noise, float ``[h, w]``.
    """

    def __init__(self, size: tuple[int, int] = (96, 128), sigma: float = SIGMA, seed: int = 0) -> None:
        rows, columns = np.mgrid[: size[0], : size[1]]
        self.scene = 120 + 60 * np.sin(rows / 9) * np.cos(columns / 13)
        self._sigma, self._random, self._index = sigma, np.random.default_rng(seed), 0

    def luma(self, *, moved: int = 0) -> UInt8Array:
        """The next picture: uint8 ``[h, w]``; moved to the right by so many pixels, and in again from the left."""
        seen = np.roll(self.scene, moved, 1) + self._random.normal(0, self._sigma, self.scene.shape)
        return np.clip(np.rint(seen), 0, 255).astype(np.uint8)

    def frame(self, *, pan: int = 0) -> Frame:
        """The next frame; with ``pan``, each is moved by so many pixels more than the one before it."""
        index, (height, width) = self._index, self.scene.shape
        self._index += 1
        chroma = np.full((height // 2, width // 2), 128, np.uint8)
        luma = self.luma(moved=pan * index)
        return Frame(luma, (chroma, chroma), Colour(), index, index / 15, monotonic())

    def jpeg(self, quality: int = 98) -> bytes:
        """The next picture as a JPEG."""
        buffer = io.BytesIO()
        Image.fromarray(self.luma()).convert("RGB").save(buffer, "JPEG", quality=quality)
        return buffer.getvalue()

    def error(self, luma: UInt8Array) -> float:
        """Give the standard deviation of a picture from the scene, in grey levels."""
        return float(np.std(luma - self.scene))
