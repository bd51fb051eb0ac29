"""What is asked of an engine: one record for every layer, from the command line to an isolated engine's process."""

from dataclasses import dataclass
from typing import Any

from edge_srcnn.engine.backends import AUTO, Backend, backend_named
from edge_srcnn.engine.blocks import Blocks
from edge_srcnn.engine.delegate import Delegate
from edge_srcnn.engine.plan import MAX_THREADS, REUSE_TILE, Plan, check_tile, parse_tile
from edge_srcnn.errors import UsageError


@dataclass(frozen=True)
class EngineOptions:
    """The requested engine and its settings.

    Attributes
    ----------
    engine
        ``auto``, or a name of ``BACKENDS``, an Edge TPU's with a device behind a colon: ``edgetpu:usb``.
    threads, blocks, tile
        Threads of the interpreter, packing, and pixels of the network's plane that are worked on at a time (height,
        width). None: as ``edge-srcnn tune`` found, or as suits the processor.
    reuse
        Do not compute a tile again whose input (halo included) is that of the last picture.
    isolate
        Run the engine in a process of its own; accelerators always have one.
    delegate
        A shared library for the interpreter to work with.

    Raises
    ------
    UsageError
        A value makes no sense.
    """

    engine: str = AUTO
    threads: int | None = None
    blocks: Blocks | None = None
    tile: tuple[int, int] | None = None
    reuse: bool = False
    isolate: bool = False
    delegate: Delegate | None = None

    def __post_init__(self) -> None:
        """Check all values, whether a network will be computed or not."""
        if self.threads is not None and not 1 <= self.threads <= MAX_THREADS:
            raise UsageError(f"threads {self.threads}: must be 1 to {MAX_THREADS}")
        if self.tile is not None:
            check_tile(self.tile)
        if self.engine != AUTO:
            self.backend()

    @classmethod
    def parse(cls, *, block: str | Blocks = AUTO, tile: str | tuple[int, int] = AUTO, **others: Any) -> "EngineOptions":
        """Make options of what people write: ``2x4`` for the blocks, ``128x256`` or ``whole`` for the tile."""
        blocks = block if isinstance(block, Blocks) else None if block == AUTO else Blocks.parse(block)
        return cls(blocks=blocks, tile=parse_tile(tile) if isinstance(tile, str) else tile, **others)

    @property
    def label(self) -> str:
        """Name what computes, as people are told: the engine, or the delegate's library."""
        return self.delegate.library if self.delegate else self.engine

    def backend(self) -> Backend:
        """Import the engine; for another one than ``auto``."""
        return backend_named(self.engine, self.delegate)

    def applied_to(self, plan: Plan) -> Plan:
        """Give a plan in which what was asked for is as it was asked for."""
        still_tile = REUSE_TILE if self.reuse and self.tile is None else None
        return Plan(self.blocks or plan.blocks, self.tile or plan.tile, self.threads or plan.threads, still_tile)
