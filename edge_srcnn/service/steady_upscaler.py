"""An engine that may fail: a frame is left out, ten in a row begin it anew, and there is always a lesser one."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from edge_srcnn.errors import EdgeSrcnnError
from edge_srcnn.frame import Frame
from edge_srcnn.pacing import PacedUpscaler
from edge_srcnn.pipeline import FrameUpscaler

log = logging.getLogger(__name__)

MOST_FAILURES = 10
"""So many frames in a row that fail begin the engine anew."""

RETRY_S = 60.0
"""After so long with a lesser engine the best one is tried again."""


@dataclass(frozen=True)
class Rung:
    """An engine, and how to make it."""

    name: str
    make: Callable[[], FrameUpscaler]


class SteadyUpscaler:
    """Keeps pictures coming.

    Parameters
    ----------
    rungs
        Engines, the best first; the last should not be able to fail.

    Attributes
    ----------
    failures, restarts
        Frames that were left out, and engines that were begun anew.
    busy_since_s
        Since when the engine computes a frame, in seconds of ``time.monotonic()``; None while it has none.
    trouble
        Why it is not the best engine that computes; None while it is.

    Raises
    ------
    EdgeSrcnnError
        The best engine cannot be made: what was asked for does not exist here.
    """

    def __init__(self, rungs: Sequence[Rung]) -> None:
        self.failures = self.restarts = 0
        self.busy_since_s: float | None = None
        self.trouble: str | None = None
        self._rungs, self._rung = tuple(rungs), 0
        self._wanted: tuple[Rung, ...] | None = None
        self._upscaler = rungs[0].make()
        self._streak = 0
        self._fresh = True  # no good frame since it was begun anew
        self._fell_s = 0.0
        self._limit = 1.0

    @property
    def scale(self) -> int:
        """Factor of up-scaling."""
        return self._upscaler.scale

    @property
    def engine(self) -> str:
        """What computes."""
        return self._upscaler.engine

    @property
    def share(self) -> float:
        """The part of the picture that the network sees."""
        return self._upscaler.share

    def limit_share(self, limit: float) -> None:
        """Shed work: the network may see so much of the picture, 0 to 1."""
        self._limit = limit
        if isinstance(self._upscaler, PacedUpscaler):
            self._upscaler.limit = limit

    def replace(self, rungs: Sequence[Rung]) -> None:
        """Go on with other engines from the next frame on; from any thread."""
        self._wanted = tuple(rungs)

    def upscale_frame(self, frame: Frame) -> Frame | None:
        """Enhance a frame; None when it failed."""
        if self._wanted is not None:
            self._begin(*self._wanted)
        elif self._rung and monotonic() - self._fell_s > RETRY_S:
            self._climb()
        self.busy_since_s = monotonic()
        try:
            enhanced = self._upscaler.upscale_frame(frame)
        except Exception as error:  # of the engine, or of the driver below it
            self._failed(error)
            return None
        finally:
            self.busy_since_s = None
        self._streak, self._fresh = 0, False
        return enhanced

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        self._streak += 1
        why = str(error) if isinstance(error, EdgeSrcnnError) else f"{type(error).__name__}: {error}"
        if self._streak == 1:
            log.error("engine %s: a frame was left out (%s)", self._rungs[self._rung].name, why)
        if self._streak >= MOST_FAILURES:
            self._anew(why)

    def _anew(self, why: str) -> None:
        """The same engine again; the next lesser one, if that has just been tried."""
        self.restarts += 1
        rung = min(self._rung + self._fresh, len(self._rungs) - 1)
        while not self._stands_on(rung):
            rung = rung + 1
            if rung >= len(self._rungs):
                self._streak = 0
                return
        if rung > self._rung:
            self._fell_s = monotonic()
            self.trouble = f"engine {self._rungs[0].name} fails ({why}); {self._rungs[rung].name} instead"
            log.error("%s", self.trouble)
        else:
            log.error("engine %s: begun anew after %d failures", self._rungs[rung].name, self._streak)
        self._rung = rung

    def _climb(self) -> None:
        self._fell_s = monotonic()
        if self._stands_on(0):
            log.warning("engine %s: tried again", self._rungs[0].name)
            self._rung, self.trouble = 0, None
            self._streak = MOST_FAILURES - 1  # one failure is enough to fall again

    def _stands_on(self, rung: int) -> bool:
        try:
            self._upscaler = self._rungs[rung].make()
        except Exception as error:  # as above
            log.error("engine %s: cannot begin (%s)", self._rungs[rung].name, error)
            return False
        self._streak, self._fresh = 0, True
        self.limit_share(self._limit)
        return True

    def _begin(self, *rungs: Rung) -> None:
        before, self._wanted = (self._rungs, self._rung), None
        self._rungs = rungs
        if self._stands_on(0):
            self._rung, self.trouble = 0, None
        else:
            self._rungs, self._rung = before
