"""The luma plane's way through an engine in a process of its own: native code that crashes or hangs ends there."""

from collections.abc import Iterator
from dataclasses import fields
from time import monotonic
from typing import Any

import numpy as np

from edge_srcnn.child import Child
from edge_srcnn.engine.delegates import Delegate
from edge_srcnn.engine.setting import Wish
from edge_srcnn.engine.sharpener import Statistics
from edge_srcnn.errors import DelegateLost
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.tiles import Tile
from edge_srcnn.model import Model
from edge_srcnn.shared_memory import SharedMemory

WORKER = "edge_srcnn.isolated_engine:isolated_engine"

FIRST_S = 20.0
"""The first planes of a size may take so long: engines are made, models loaded into devices."""

_FIRST_PLANES = 2
_PATIENCE, _LEAST_S = 8.0, 1.0


class IsolatedLuma:
    """What ``LumaUpscaler`` does, with the same bytes, in a child process; planes go through shared memory.

    Parameters
    ----------
    model
        The network.
    engine, wish, reuse
        As for ``open_model``.
    delegate
        A library for the child to load.

    Raises
    ------
    EdgeSrcnnError
        The engine cannot be made, or computes wrongly; the message is the child's.
    DelegateLost
        It crashed or hung.
    """

    def __init__(
        self, model: Model, *, engine: str, wish: Wish, reuse: bool = False, delegate: Delegate | None = None
    ) -> None:
        self.scale, self.statistics = model.spec.scale, Statistics()
        self._name = f"engine {engine}" if delegate is None else delegate.library
        self._memory = SharedMemory()
        self._shape, self._planes, self._slowest_s = (0, 0), 0, 0.0
        settings = {"model": model, "engine": engine, "wish": wish, "reuse": reuse, "delegate": delegate}
        try:
            self._child = Child(WORKER, pass_fds=(self._memory.descriptor,), memory=self._memory.descriptor, **settings)
        except BaseException as error:
            self._memory.close()
            if isinstance(error, (TimeoutError, ConnectionError)):
                raise self._lost(error) from error
            raise

    def upscale(self, luma: UInt8Array, out: UInt8Array | None = None, region: Tile | None = None) -> UInt8Array:
        """Up-scale a plane: uint8 ``[h, w]`` to uint8 ``[h * scale, w * scale]``."""
        height, width = luma.shape
        return self._through("upscale", luma, (height * self.scale, width * self.scale), out, region)

    def sharpen(self, bicubic: UInt8Array) -> UInt8Array:
        """Run the network over a plane that is up-scaled already: uint8 ``[h, w]`` to uint8 ``[h, w]``."""
        height, width = bicubic.shape
        return self._through("sharpen", bicubic, (height, width), None)

    def bands(self, luma: UInt8Array) -> Iterator[tuple[int, UInt8Array, UInt8Array]]:
        """(first row, sharp, bicubic), all in one band."""
        yield 0, self.upscale(luma), upscale_bicubic(luma, self.scale)

    def close(self) -> None:
        """End the child."""
        self._child.close()
        self._memory.close()

    def _through(
        self,
        what: str,
        plane: UInt8Array,
        shape: tuple[int, int],
        out: UInt8Array | None,
        *arguments: Any,
    ) -> UInt8Array:
        source = self._memory.plane(0, (plane.shape[0], plane.shape[1]))
        source[:] = plane
        began = monotonic()
        try:
            statistics = self._child.call(self._limit_s(source.shape), what, source.shape, shape, *arguments)
        except (TimeoutError, ConnectionError) as error:
            self.close()
            raise self._lost(error) from error
        self._planes += 1
        if self._planes > _FIRST_PLANES:
            self._slowest_s = max(self._slowest_s, monotonic() - began)
        for each in fields(Statistics):
            setattr(self.statistics, each.name, getattr(statistics, each.name))
        result = self._memory.plane(plane.size, shape)
        if out is None:
            return result.copy()
        np.copyto(out, result)
        return out

    def _limit_s(self, shape: tuple[int, ...]) -> float:
        if shape != self._shape:
            self._shape, self._planes, self._slowest_s = (shape[0], shape[1]), 0, 0.0
        if self._planes <= _FIRST_PLANES:
            return FIRST_S
        return max(_LEAST_S, _PATIENCE * self._slowest_s)

    def _lost(self, why: Exception) -> DelegateLost:
        return DelegateLost(f"{self._name}: lost ({why})")
