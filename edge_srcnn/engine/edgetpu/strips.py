"""Several engines at one picture, a strip of rows each: several Edge TPUs share the tiles."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

import numpy as np

from edge_srcnn.engine.inference import Statistics
from edge_srcnn.engine.luma import Luma
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.tiles import Tile, round_up


class ParallelLuma:
    """What one of its parts does, with the same bytes.

    Parameters
    ----------
    parts
        Engines of the same network, each of which may compute beside the others.
    grain
        Strips are whole multiples of so many rows, if there are enough: the height of a tile.
    """

    def __init__(self, parts: Sequence[Luma], grain: int) -> None:
        self.scale, self._parts, self._grain = parts[0].scale, tuple(parts), grain
        self._threads = ThreadPoolExecutor(len(parts), thread_name_prefix="strip")

    @property
    def statistics(self) -> Statistics:
        """Of all together; the frames are those of one."""
        total = Statistics()
        for each in fields(Statistics):
            setattr(total, each.name, sum(getattr(part.statistics, each.name) for part in self._parts))
        total.frames = self._parts[0].statistics.frames
        return total

    def upscale(self, luma: UInt8Array, out: UInt8Array | None = None, region: Tile | None = None) -> UInt8Array:
        """Up-scale a plane: uint8 ``[h, w]`` to uint8 ``[h * scale, w * scale]``.

        Raises
        ------
        DelegateLost
            One of the engines crashed or hung.
        """
        height, width = (side * self.scale for side in luma.shape)
        strips = self._strips(region or Tile(0, 0, height, width))
        jobs = [
            self._threads.submit(part.upscale, luma, None, strip)
            for part, strip in zip(self._parts, strips, strict=False)
        ]
        done = [job.result() for job in jobs]
        if out is None:
            out = np.empty((height, width), np.uint8)
        np.copyto(out, done[0])
        for strip, result in zip(strips[1:], done[1:], strict=True):
            out[strip.place] = result[strip.place]
        return out

    def sharpen(self, plane: UInt8Array) -> UInt8Array:
        """Run the network of the first alone over a plane in its own grid."""
        return self._parts[0].sharpen(plane)

    def bands(self, luma: UInt8Array) -> Iterator[tuple[int, UInt8Array, UInt8Array]]:
        """(first row, sharp, bicubic), all in one band."""
        yield 0, self.upscale(luma), upscale_bicubic(luma, self.scale)

    def close(self) -> None:
        """Close them all."""
        self._threads.shutdown()
        for part in self._parts:
            part.close()

    def _strips(self, region: Tile) -> list[Tile]:
        rows = -(-region.height // len(self._parts))
        if region.height >= self._grain * len(self._parts):
            rows = round_up(rows, self._grain)
        return [
            Tile(region.top + top, region.left, min(rows, region.height - top), region.width)
            for top in range(0, region.height, rows)
        ]
