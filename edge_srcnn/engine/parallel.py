"""One engine or several of a model: here, in a process of its own, or in several that share each picture."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace

from edge_srcnn.engine.build import open_luma
from edge_srcnn.engine.inference import Statistics
from edge_srcnn.engine.isolated import IsolatedLuma
from edge_srcnn.engine.luma import Luma
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.engine.postprocess import AS_TRAINED
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.tiles import Tile, round_up
from edge_srcnn.models.file import Model


def open_engine(model: Model, options: EngineOptions) -> Luma:
    """Make the engine of a model where its native code can do no harm; ``options`` name another than ``auto``."""
    backend = options.backend()
    if not (options.isolate or backend.isolated):
        return open_luma(model, options)
    form = backend.form_of(model)
    with ExitStack() as opened:  # those that are there are closed when one is not
        parts = [
            opened.enter_context(closing(IsolatedLuma(model, replace(options, engine=each))))
            for each in backend.parts()
        ]
        opened.pop_all()
    return ParallelLuma(parts, form.tile[1] * form.upsampling) if form and len(parts) > 1 else parts[0]


class ParallelLuma:
    """Several engines as one, with the same bytes: each computes a strip of columns.

    Parameters
    ----------
    parts
        Engines of the same network, each of which may compute beside the others.
    grain
        Strips are whole multiples of so many columns, if there are enough: the width of a tile.
    """

    def __init__(self, parts: Sequence[Luma], grain: int) -> None:
        self.scale, self._parts, self._grain = parts[0].scale, tuple(parts), grain
        self._threads = ThreadPoolExecutor(len(parts), thread_name_prefix="strip")

    @property
    def statistics(self) -> Statistics:
        """Add up the work of all; the frames are those of one."""
        total = Statistics()
        for part in self._parts:
            total.add(part.statistics)
        total.frames = self._parts[0].statistics.frames
        return total

    def upscale(
        self,
        luma: UInt8Array,
        out: UInt8Array | None = None,
        region: Tile | None = None,
        *,
        strength: float = AS_TRAINED,
    ) -> UInt8Array:
        """Upscale a plane; ``DelegateLost`` where one of the engines crashed or hung."""
        strips = self._strips(luma, region)
        outs = [out, *[None] * len(strips)]

        def work(part: Luma, into: UInt8Array | None, strip: Tile) -> UInt8Array:
            return part.upscale(luma, into, strip, strength=strength)

        return _joined(list(self._threads.map(work, self._parts, outs, strips)), strips)

    def band(
        self, luma: UInt8Array, number: int, region: Tile | None = None, *, strength: float = AS_TRAINED
    ) -> tuple[UInt8Array, UInt8Array]:
        """Upscale one of the ``bands`` of a plane, see ``LumaUpscaler.band``."""
        strips = self._strips(luma, region)

        def work(part: Luma, strip: Tile) -> tuple[UInt8Array, UInt8Array]:
            return part.band(luma, number, strip, strength=strength)

        found = list(self._threads.map(work, self._parts, strips))
        return _joined([sharp for sharp, _ in found], strips), found[0][1]

    def run_network(self, plane: UInt8Array) -> UInt8Array:
        """Run the network of the first alone over a plane in its own grid."""
        return self._parts[0].run_network(plane)

    def close(self) -> None:
        """Close them all."""
        self._threads.shutdown()
        for part in self._parts:
            part.close()

    def _strips(self, luma: UInt8Array, region: Tile | None) -> list[Tile]:
        """Cut a region of the result into columns, one for each part."""
        whole = region or Tile(0, 0, *(side * self.scale for side in luma.shape))
        columns = -(-whole.width // len(self._parts))
        if whole.width >= self._grain * len(self._parts):
            columns = round_up(columns, self._grain)
        return [
            Tile(whole.top, whole.left + left, whole.height, min(columns, whole.width - left))
            for left in range(0, whole.width, columns)
        ]


def _joined(found: Sequence[UInt8Array], strips: Sequence[Tile]) -> UInt8Array:
    """Copy what the others computed into what the first did, in place."""
    for strip, other in zip(strips[1:], found[1:], strict=True):
        columns = slice(strip.left, strip.left + strip.width)
        found[0][:, columns] = other[:, columns]
    return found[0]
