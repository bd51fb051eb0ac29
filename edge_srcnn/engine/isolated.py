"""An engine in a process of its own: native code that crashes or hangs ends there, and the program lives.

Planes go through memory that both processes see.
"""

import mmap
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from edge_srcnn.engine.build import check_golden, open_luma
from edge_srcnn.engine.inference import Statistics
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.engine.postprocess import AS_TRAINED
from edge_srcnn.errors import DelegateLost, EdgeSrcnnError, SelfTestFailed, Unavailable, reason
from edge_srcnn.imaging.bicubic import bands, upscale_band
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.tiles import Tile
from edge_srcnn.models.file import Model
from edge_srcnn.system.worker_process import Child

WORKER = "edge_srcnn.engine.isolated:isolated_engine"

FIRST_S, FIRST_S_PER_MEGAPIXEL = 5.0, 5.0
"""The first plane of a size may take so long, by the pixels of its result: an engine is made, and nothing is known of
its speed."""

_PATIENCE, _LEAST_S = 8.0, 1.0
_GRAIN = 1 << 20

Shape = tuple[int, int]


class IsolatedLuma:
    """A ``LumaUpscaler`` in a child process, with the same bytes.

    Parameters
    ----------
    model
        The network.
    options
        Another engine than ``auto``; the child loads its delegate.

    Raises
    ------
    EdgeSrcnnError
        The engine cannot be made, or computes wrongly; the message is the child's.
    DelegateLost
        It crashed or hung.
    """

    def __init__(self, model: Model, options: EngineOptions) -> None:
        self.scale, self.statistics = model.spec.scale, Statistics()
        self._upsampling = model.spec.upsampling
        self._name = options.delegate.library if options.delegate else f"engine {options.engine}"
        self._memory = SharedMemory()
        self._shape, self._slowest_s = (0, 0), 0.0
        self._why_lost: str | None = None
        descriptor = self._memory.descriptor
        try:
            self._child = Child(WORKER, pass_fds=(descriptor,), memory=descriptor, model=model, options=options)
        except BaseException as error:
            self._memory.close()
            if isinstance(error, (TimeoutError, ConnectionError)):
                hint = options.backend().crash_hint if isinstance(error, ConnectionError) else ""
                raise DelegateLost(f"{self._name}: cannot begin ({error})" + (f"; {hint}" if hint else "")) from error
            raise

    def upscale(
        self,
        luma: UInt8Array,
        out: UInt8Array | None = None,
        region: Tile | None = None,
        *,
        strength: float = AS_TRAINED,
    ) -> UInt8Array:
        """Upscale a plane: uint8 ``[h, w]`` to uint8 ``[h * scale, w * scale]``."""
        height, width = luma.shape
        return self._through("upscale", luma, (height * self.scale, width * self.scale), out, strength, region)

    def run_network(self, plane: UInt8Array) -> UInt8Array:
        """Run the network alone over a plane in its own grid, see ``LumaUpscaler.run_network``."""
        height, width = (side * self._upsampling for side in plane.shape)
        return self._through("run_network", plane, (height, width), None)

    def band(
        self, luma: UInt8Array, number: int, region: Tile | None = None, *, strength: float = AS_TRAINED
    ) -> tuple[UInt8Array, UInt8Array]:
        """Upscale one of the ``bands`` of a plane, see ``LumaUpscaler.band``."""
        start, stop = list(bands(*luma.shape))[number]
        shape = (stop - start) * self.scale, luma.shape[1] * self.scale
        sharp = self._through("band", luma, shape, None, strength, region, number)
        return sharp, upscale_band(luma, self.scale, start, stop)

    def close(self) -> None:
        """End the child."""
        self._child.close()
        self._memory.close()

    def _through(
        self, what: str, plane: UInt8Array, shape: Shape, out: UInt8Array | None, *arguments: Any
    ) -> UInt8Array:
        if self._why_lost is not None:
            raise DelegateLost(self._why_lost)
        given = plane.shape[0], plane.shape[1]
        self._memory.plane(0, given)[:] = plane  # a view that is kept would keep the memory
        try:
            cost: Statistics = self._child.call(self._limit_s(shape), what, given, shape, *arguments)
        except (TimeoutError, ConnectionError, DelegateLost) as error:
            self.close()
            self._why_lost = f"{self._name}: lost ({error})"
            raise DelegateLost(self._why_lost) from error
        self._slowest_s = max(self._slowest_s, cost.resize_s + cost.pack_s + cost.invoke_s + cost.unpack_s)
        self.statistics.add(cost)
        result = self._memory.plane(plane.size, shape)
        if out is None:
            return result.copy()
        np.copyto(out, result)
        return out

    def _limit_s(self, shape: Shape) -> float:
        if shape != self._shape:
            self._shape, self._slowest_s = shape, 0.0
            return FIRST_S + FIRST_S_PER_MEGAPIXEL * shape[0] * shape[1] / 1e6
        return max(_LEAST_S, _PATIENCE * self._slowest_s)


def isolated_engine(
    *, model: Model, options: EngineOptions, memory: int
) -> Callable[[str, Shape, Shape, float, Tile | None, int], Statistics]:
    """Make the engine in the child, and test it.

    Parameters
    ----------
    model
        The network.
    options
        As for ``IsolatedLuma``.
    memory
        Descriptor of the memory that holds the planes.

    Returns
    -------
    A function that computes a plane, and answers by what it cost.

    Raises
    ------
    EdgeSrcnnError
        It cannot be made, or computes wrongly.
    """
    shared = SharedMemory(memory)
    luma, accelerator = open_luma(model, options), options.backend().accelerator
    try:
        check_golden(luma, model, options.label)
    except (RuntimeError, ValueError) as error:  # of the interpreter, or the driver below it
        if isinstance(error, SelfTestFailed if accelerator else EdgeSrcnnError):
            raise
        raise Unavailable(f"{accelerator or options.label}: refuses the network ({reason(error)})") from error

    def answer(
        what: str,
        given: Shape,
        wanted: Shape,
        strength: float = AS_TRAINED,
        region: Tile | None = None,
        number: int = 0,
    ) -> Statistics:
        result, plane = shared.plane(given[0] * given[1], wanted), shared.plane(0, given)
        luma.statistics.clear()
        try:
            if what == "run_network":
                result[:] = luma.run_network(plane)
            elif what == "upscale":
                luma.upscale(plane, result, region, strength=strength)
            else:
                luma.band(plane, number, region, result, strength=strength)
        except (RuntimeError, ValueError) as error:  # as above
            raise DelegateLost(reason(error)) from error
        return replace(luma.statistics)

    return answer


def _anonymous_memory() -> int:
    try:
        return os.memfd_create("edge-srcnn")
    except (OSError, AttributeError):  # an old kernel, or a filter of system calls
        pass
    try:
        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())
    except OSError as error:
        raise Unavailable(
            f"no memory can be shared with a process of its own ({reason(error)}); give isolate = false, or leave out "
            "--isolate"
        ) from error


class SharedMemory:
    """Bytes behind a descriptor that a child inherits; anonymous, so nothing is left when both processes are gone.

    Parameters
    ----------
    descriptor
        The owner's, in the child; None makes new memory.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self.descriptor = _anonymous_memory() if descriptor is None else descriptor
        self._bytes: mmap.mmap | None = None

    def plane(self, offset: int, shape: Shape) -> UInt8Array:
        """View a uint8 plane ``[h, w]`` that begins at a byte; not to be kept beyond the next call."""
        height, width = shape
        end = offset + height * width
        if self._bytes is None or len(self._bytes) < end:
            size = -(-end // _GRAIN) * _GRAIN
            if os.fstat(self.descriptor).st_size < size:
                os.ftruncate(self.descriptor, size)
            self._bytes = mmap.mmap(self.descriptor, size)
        view: UInt8Array = np.frombuffer(self._bytes, np.uint8, height * width, offset)
        return view.reshape(shape)

    def close(self) -> None:
        """Let go of it; more than once."""
        self._bytes = None  # unmapped when the last view of it is gone
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
