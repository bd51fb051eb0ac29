"""What is asked of an engine, one record for every layer; what it comes to, and which engine takes its place."""

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from edge_srcnn.engine.backends import (
    ACCELERATORS,
    AUTO,
    BICUBIC,
    INTERPRETERS,
    Backend,
    Delegate,
    backend_named,
    installed_interpreter,
)
from edge_srcnn.engine.plan import MAX_THREADS, REUSE_TILE, Blocks, Plan, check_tile, parse_tile
from edge_srcnn.errors import ModelUnsupported, UsageError
from edge_srcnn.models.file import Model
from edge_srcnn.models.spec import LUMA_PLANE

log = logging.getLogger(__name__)


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

    def applied_to(self, plan: Plan, plane: str = LUMA_PLANE) -> Plan:
        """Give a plan in which what was asked for is as it was asked for, of a network that reads such a plane."""
        still_tile = REUSE_TILE[plane] if self.reuse and self.tile is None else None
        return Plan(self.blocks or plan.blocks, self.tile or plan.tile, self.threads or plan.threads, still_tile)


def candidates(options: EngineOptions, model: Model | None = None) -> tuple[EngineOptions, ...]:
    """List the engines to try: the one that was asked for, this machine's processor, bicubic scaling.

    ``auto`` comes to an accelerator that the model was compiled for, which may be missing; else to the first
    interpreter that is installed; else, with a warning, to bicubic scaling.

    Parameters
    ----------
    options
        What was asked for.
    model
        Counts for ``auto`` alone; None: no accelerator is considered.

    Returns
    -------
    One to three options, none of them ``auto``.
    """
    first = options
    if options.engine == AUTO:
        accelerator = None if options.delegate or model is None else _accelerator_for(model)
        first = replace(options, engine=accelerator or _usual_engine())
    plain = replace(first, isolate=False, delegate=None)
    if not first.backend().has_network:
        return (plain,)
    if may_be_missing(first):
        plain = replace(plain, engine=_usual_engine())
    return tuple(dict.fromkeys((first, plain, replace(plain, engine=BICUBIC))))


def may_be_missing(options: EngineOptions) -> bool:
    """Tell whether an engine is a device that may come later, or get lost."""
    return options.backend().accelerator is not None


def _usual_engine() -> str:
    found = installed_interpreter()
    if found is None:
        cure = backend_named(INTERPRETERS[0]).cure
        log.warning("no TFLite interpreter is installed; falling back to bicubic (%s)", cure)
    return found or BICUBIC


def _accelerator_for(model: Model) -> str | None:
    for name in ACCELERATORS:
        with suppress(ModelUnsupported):
            if backend_named(name).form_of(model) is not None:
                return name
    return None
