"""An engine that may fail: a frame is left out, ten in a row begin it anew, and there is always a lesser one."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from edge_srcnn.errors import DelegateLost, Unavailable, describe
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.live.backoff import Backoff
from edge_srcnn.live.governor import LadderState
from edge_srcnn.live.pipeline import FrameUpscaler, OnLadder, Resting

log = logging.getLogger(__name__)

MOST_FAILURES = 10
"""So many frames in a row that fail begin the engine anew."""

RETRY_FIRST_S, RETRY_MOST_S = 1.0, 60.0
"""While a lesser engine computes, the best one is tried again after waits that grow so."""

_JOIN_S = 2.0
_GOOD_S = 60.0
"""An engine that worked for so long is tried again soon when it fails."""


@dataclass(frozen=True)
class Rung:
    """An engine, and how to make it.

    Attributes
    ----------
    may_be_missing
        At the start the next one may take its place.
    """

    name: str
    make: Callable[[], FrameUpscaler]
    may_be_missing: bool = False


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
    failing
        Frames that failed in a row, whatever was tried.

    Raises
    ------
    EdgeSrcnnError
        What was asked for does not exist here.
    """

    def __init__(self, rungs: Sequence[Rung]) -> None:
        self.failures = self.restarts = 0
        self.busy_since_s: float | None = None
        self.trouble: str | None = None
        self.failing = 0
        self._rungs, self._rung = tuple(rungs), 0
        self._wanted: tuple[Rung, ...] | None = None
        self._streak = 0
        self._fresh = True  # no good frame since it was begun anew
        self._backoff = Backoff(RETRY_MOST_S, first_s=RETRY_FIRST_S)
        self._retry_s = self._stood_s = monotonic()
        self._climber: threading.Thread | None = None
        self._better: FrameUpscaler | None = None
        self._closed = False
        self._upscaler = self._first()

    @property
    def scale(self) -> int:
        """Factor of up-scaling."""
        return self._upscaler.scale

    @property
    def engine(self) -> str:
        """What computes."""
        return self._upscaler.engine

    @property
    def model(self) -> str | None:
        """The model's name; None for bicubic alone."""
        return self._upscaler.model

    @property
    def share(self) -> float:
        """The part of the picture that the network sees."""
        return self._upscaler.share

    @property
    def ladder(self) -> LadderState | None:
        """Tell the models that the present engine chooses from; None where it has no choice."""
        upscaler = self._upscaler
        return upscaler.ladder if isinstance(upscaler, OnLadder) else None

    def replace(self, rungs: Sequence[Rung]) -> None:
        """Go on with other engines from the next frame on; from any thread."""
        self._wanted = tuple(rungs)

    def rest(self) -> None:
        """Take note that nobody takes frames; other engines take over meanwhile, too."""
        if self._wanted is not None:
            self._begin(self._wanted)
        if isinstance(self._upscaler, Resting):
            self._upscaler.rest()

    def upscale_frame(self, frame: Frame) -> Frame | None:
        """Enhance a frame; None when it failed."""
        if self._wanted is not None:
            self._begin(self._wanted)
        if self._rung:
            self._climb()
        self.busy_since_s = monotonic()
        try:
            enhanced = self._upscaler.upscale_frame(frame)
        except Exception as error:  # of the engine, or of the driver below it
            self._failed(error)
            return None
        finally:
            self.busy_since_s = None
        self._streak, self._fresh, self.failing = 0, False, 0
        return enhanced

    def close(self) -> None:
        """Let go of the engine, and of one that was to take its place."""
        self._closed = True
        self._upscaler.close()
        if (climber := self._climber) is not None:
            climber.join(_JOIN_S)  # one that takes longer lets go of what it made by itself
        self._drop_better()

    def _first(self) -> FrameUpscaler:
        for number, rung in enumerate(self._rungs):
            try:
                made = rung.make()
            except Unavailable as error:
                if not rung.may_be_missing:
                    raise
                self._fall_to(number + 1, str(error))
                continue
            return made
        raise Unavailable("no engine can be made")

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        self._streak += 1
        self.failing += 1
        why = describe(error)
        if isinstance(error, DelegateLost):  # there is nothing left to fail again
            self._descend(min(self._rung + 1, len(self._rungs) - 1), why)
            return
        if self._streak == 1:
            log.error("engine %s: a frame was left out (%s)", self._rungs[self._rung].name, why)
        if self._streak >= MOST_FAILURES:
            self._descend(min(self._rung + self._fresh, len(self._rungs) - 1), why)

    def _descend(self, rung: int, why: str) -> None:
        """The same engine again, or a lesser one; if that cannot even begin, the next."""
        self.restarts += 1
        for number in range(rung, len(self._rungs)):
            made = self._made(self._rungs[number])
            if made is None:
                continue
            if number > self._rung:
                self._fall_to(number, why)
            else:
                log.error("engine %s: begun anew after %d failures", self._rungs[number].name, self._streak)
            self._take(made)
            return
        self._streak = 0  # nothing can be made: go on with what there is

    def _fall_to(self, number: int, why: str) -> None:
        if monotonic() - self._stood_s > _GOOD_S:
            self._backoff.reset()
        self._rung, self._retry_s = number, monotonic() + self._backoff.next_s()
        if number < len(self._rungs):
            self.trouble = f"{self._rungs[number].name} computes, since {self._rungs[0].name} fails: {why}"
            log.error("%s", self.trouble)

    def _climb(self) -> None:
        """Try the best engine again, in a thread of its own, since that may take long."""
        if self._better is not None:
            log.warning("engine %s: tried again", self._rungs[0].name)
            made, self._better, self._climber = self._better, None, None
            self._take(made)
            self._rung, self.trouble, self._stood_s = 0, None, monotonic()
            self._streak = MOST_FAILURES - 1  # one failure is enough to fall again
        elif self._climber is None and monotonic() >= self._retry_s:
            self._climber = threading.Thread(target=self._try_best, args=(self._rungs[0],), name="climb", daemon=True)
            self._climber.start()

    def _try_best(self, rung: Rung) -> None:
        made = self._made(rung)
        if made is None:
            self._retry_s, self._climber = monotonic() + self._backoff.next_s(), None
        elif self._closed or rung is not self._rungs[0]:  # meanwhile
            made.close()
        else:
            self._better = made

    def _drop_better(self) -> None:
        better, self._better, self._climber = self._better, None, None
        if better is not None:
            better.close()

    def _made(self, rung: Rung) -> FrameUpscaler | None:
        try:
            return rung.make()
        except Exception as error:  # as above
            log.error("engine %s: cannot begin (%s)", rung.name, error)
            return None

    def _take(self, made: FrameUpscaler) -> None:
        before, self._upscaler, self._streak, self._fresh = self._upscaler, made, 0, True
        before.close()

    def _begin(self, rungs: tuple[Rung, ...]) -> None:
        self._wanted = None
        made = self._made(rungs[0])
        if made is not None:
            self._take(made)
            self._rungs, self._rung, self.trouble = rungs, 0, None
            self._drop_better()
        elif rungs[0].may_be_missing:  # a device that the engine of now holds cannot be taken yet
            self._rungs, self._rung = rungs, 0
            self._drop_better()
            self._descend(1, "it is not there, or in use")
