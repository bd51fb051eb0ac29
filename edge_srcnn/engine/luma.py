"""The way of the luma plane: bicubic, in bands where it is large, and what the network adds to it.

At scale 1 the plane itself takes the place of the bicubic one.
"""

from functools import partial
from typing import Protocol

import numpy as np

from edge_srcnn.engine.base import BicubicBase
from edge_srcnn.engine.inference import Base, Statistics, TiledInference
from edge_srcnn.engine.postprocess import AS_TRAINED
from edge_srcnn.imaging.bicubic import CONTEXT_PX, bands, upscale_bicubic
from edge_srcnn.imaging.luma import LEVELS_VIDEO, Samples, UInt8Array, shift_luma
from edge_srcnn.imaging.tiles import Tile
from edge_srcnn.models.spec import BICUBIC_PLANE

_Spans = list[tuple[int, int]]


class Luma(Protocol):
    """The way of the luma plane: ``LumaUpscaler``, or the same in processes of its own."""

    scale: int

    @property
    def statistics(self) -> Statistics:
        """Tell what the work so far cost."""

    def upscale(
        self,
        luma: UInt8Array,
        out: UInt8Array | None = None,
        region: Tile | None = None,
        *,
        strength: float = AS_TRAINED,
    ) -> UInt8Array:
        """Upscale a plane: uint8 ``[h, w]`` to uint8 ``[h * scale, w * scale]``, bicubic outside of ``region``."""

    def band(
        self, luma: UInt8Array, number: int, region: Tile | None = None, *, strength: float = AS_TRAINED
    ) -> tuple[UInt8Array, UInt8Array]:
        """Upscale one of the ``bands`` of a plane: sharp and bicubic, each uint8 ``[rows, w * scale]``."""

    def run_network(self, plane: UInt8Array) -> UInt8Array:
        """Run the network alone over a plane in its own grid, see ``LumaUpscaler.run_network``."""

    def close(self) -> None:
        """Let go of the engine; more than once."""


class LumaUpscaler:
    """Luma in, sharper luma out.

    Parameters
    ----------
    inference
        Runs the network, or None for bicubic alone.
    scale
        Factor of upscaling; at 1 the network cleans.
    """

    def __init__(self, inference: TiledInference | None, scale: int) -> None:
        self.scale = scale
        self.statistics = Statistics() if inference is None else inference.statistics
        self._inference = inference
        self._bicubic = BicubicBase(scale, self.statistics)

    def upscale(
        self,
        luma: UInt8Array,
        out: UInt8Array | None = None,
        region: Tile | None = None,
        *,
        strength: float = AS_TRAINED,
    ) -> UInt8Array:
        """Upscale a plane; with ``out``, nothing of a frame's size is allocated from the second one of a size on.

        Parameters
        ----------
        luma
            uint8 ``[h, w]``.
        out
            uint8 ``[h * scale, w * scale]``, written to; None makes a new one.
        region
            Of the result: outside of it, it is bicubic.
        strength
            Factor on what the network changes: 0 is bicubic, 1 is what was trained.

        Returns
        -------
        ``out``.
        """
        if out is None:
            out = np.empty((luma.shape[0] * self.scale, luma.shape[1] * self.scale), np.uint8)
        for number, (start, stop) in enumerate(bands(*luma.shape)):
            self.band(luma, number, region, out[start * self.scale : stop * self.scale], strength=strength)
        return out

    def band(
        self,
        luma: UInt8Array,
        number: int,
        region: Tile | None = None,
        out: UInt8Array | None = None,
        *,
        strength: float = AS_TRAINED,
    ) -> tuple[UInt8Array, UInt8Array]:
        """Upscale one of the ``bands`` of a plane; they come in order, and the bicubic one is valid until the next.

        At scale 1 that is a part of ``luma``.

        Parameters
        ----------
        luma
            uint8 ``[h, w]``, the whole plane.
        number
            Which of its bands.
        region
            Of the whole result: outside of it, it is bicubic.
        out
            uint8 ``[rows, w * scale]`` for the sharp band; None makes a new one.
        strength
            As for ``upscale``.

        Returns
        -------
        The sharp band, and the bicubic one.
        """
        inference, spans = self._inference, list(bands(*luma.shape))
        start, stop = spans[number]
        if out is None:
            out = np.empty(((stop - start) * self.scale, luma.shape[1] * self.scale), np.uint8)
        if inference is None:
            bicubic = self._bicubic.make(luma, [(start, stop)])
            out[:] = bicubic
        else:
            on_bicubic = inference.network.plane == BICUBIC_PLANE
            plane, begin, end, base = (self._seen_bicubic if on_bicubic else self._seen_luma)(luma, spans, number)
            context = inference.network.context_px[0]
            above, below = min(context, begin), min(context, len(plane) - end)
            part, rows = _part(region, start * self.scale, out), slice(begin - above, end + below)
            sees_base = (
                on_bicubic or min(inference.network.context_px) >= CONTEXT_PX
            )  # all that a tile's base is made of
            again = sees_base and len(spans) == 1
            bicubic = inference.run(plane[rows], base, out, above, below, part, strength, again=again)
        self.statistics.frames += stop == len(luma)
        return out, bicubic

    def run_network(self, plane: UInt8Array) -> UInt8Array:
        """Run the network alone over a plane in its own grid, and add a residual to the plane with its pixels repeated.

        No other arithmetic takes part, so the bytes are the same on every machine.

        Parameters
        ----------
        plane
            uint8 ``[h, w]``: for a ``srcnn`` network the luma of a picture that is upscaled already, for a ``fast`` one
            luma as the camera gave it.

        Returns
        -------
        uint8 ``[h * n, w * n]``, where ``n`` is ``Network.upsampling``: 1 for networks that read the bicubic picture.
        """
        if self._inference is None:
            return plane.copy()
        times = self._inference.network.upsampling
        base = plane.repeat(times, axis=0).repeat(times, axis=1)
        out = np.empty_like(base)
        self._inference.run(plane, base, out)
        return out

    def close(self) -> None:
        """Let go of the interpreter and its memory; it cannot be used any more."""
        self._inference = None
        self._bicubic.close()

    def _seen_bicubic(self, luma: UInt8Array, spans: _Spans, number: int) -> tuple[UInt8Array, int, int, Base]:
        """Give what the network reads, its rows for one of the bands, and what its output is added to: the same."""
        near = spans[max(number - 1, 0) : number + 2]  # neighbours lend rows
        plane = self._bicubic.make(luma, near)
        begin, end = ((row - near[0][0]) * self.scale for row in spans[number])
        return plane, begin, end, plane[begin:end]

    def _seen_luma(self, luma: UInt8Array, spans: _Spans, number: int) -> tuple[UInt8Array, int, int, Base]:
        """Give that for a network that reads the camera's plane; the base is made once it is known what changed."""
        begin, end = spans[number]
        return luma, begin, end, partial(self._bicubic.make, luma, [(begin, end)])


def upscale_deep(
    luma: Luma, plane: Samples, shallow: UInt8Array, region: Tile | None, strength: float = AS_TRAINED
) -> Samples:
    """Upscale a deep plane of video bicubically, and add what the network changes in its 8 bits.

    Parameters
    ----------
    luma
        Runs the network.
    plane
        uint16 ``[h, w]``, in levels times 256.
    shallow
        The same in 8 bits.
    region
        Of the result: outside of it, it is bicubic.
    strength
        Factor on what the network changes.

    Returns
    -------
    uint16 ``[h * scale, w * scale]``.
    """
    out = upscale_bicubic(plane, luma.scale)
    for number, (start, stop) in enumerate(bands(*plane.shape)):
        rows = slice(start * luma.scale, stop * luma.scale)
        sharp, bicubic = luma.band(shallow, number, region, strength=strength)
        out[rows] = shift_luma(out[rows], sharp, bicubic, LEVELS_VIDEO)
    return out


def _part(region: Tile | None, first_row: int, band: UInt8Array) -> Tile | None:
    """Cut a region to a band, in the band's own rows."""
    if region is None:
        return None
    top = min(max(region.top - first_row, 0), len(band))
    bottom = min(max(region.top + region.height - first_row, 0), len(band))
    return Tile(top, region.left, bottom - top, region.width)
