"""The bicubic picture that a residual is added to: of a plane or bands of it, and anew only where it changed."""

from collections.abc import Sequence
from time import perf_counter

import numpy as np

from edge_srcnn.engine.inference import Statistics
from edge_srcnn.imaging.bicubic import EXACT_SCALES, upscale_band, upscale_window
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.tiles import Tile


class BicubicBase:
    """Upscales planes bicubically, into memory that is kept.

    Parameters
    ----------
    scale
        Factor of upscaling.
    statistics
        Where the time is added.
    """

    def __init__(self, scale: int, statistics: Statistics) -> None:
        self._scale, self._statistics = scale, statistics
        self._memory = np.empty((0, 0), np.uint8)

    def make(
        self, luma: UInt8Array, spans: Sequence[tuple[int, int]], changed: Sequence[Tile] | None = None
    ) -> UInt8Array:
        """Upscale neighbouring bands of a plane, one by one; at scale 1, cut them out.

        Parameters
        ----------
        luma
            uint8 ``[h, w]``, the whole plane.
        spans
            First row of each band, and the row after its last one.
        changed
            Tiles of the result beyond which it is that of the last call; None: it is another one.

        Returns
        -------
        uint8 ``[rows * scale, w * scale]``, valid until the next call.
        """
        began = perf_counter()
        (first, _), (_, last), scale = spans[0], spans[-1], self._scale
        if scale == 1:
            return luma[first:last]
        shape = (last - first) * scale, luma.shape[1] * scale
        if self._memory.shape[0] < shape[0] or self._memory.shape[1] != shape[1]:
            self._memory = np.empty(shape, np.uint8)
        pixels = self._memory[: shape[0]]
        if changed is None or scale not in EXACT_SCALES:
            for start, stop in spans:
                upscale_band(luma, scale, start, stop, out=pixels[(start - first) * scale : (stop - first) * scale])
        else:
            for tile in changed:
                pixels[tile.place] = upscale_window(luma, scale, tile)
        self._statistics.resize_s += perf_counter() - began
        return pixels

    def close(self) -> None:
        """Let go of the memory."""
        self._memory = np.empty((0, 0), np.uint8)
