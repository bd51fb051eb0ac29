"""Fail over between engines: a frame is left out, ten in a row begin the engine anew, then comes the next candidate."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from edge_srcnn.errors import DelegateLost, Unavailable, describe
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.live.backoff import Backoff
from edge_srcnn.live.forwarding import Forwarding
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
class Candidate:
    """An engine, and how to make it.

    Attributes
    ----------
    may_be_missing
        At the start the next one may take its place.
    """

    name: str
    make: Callable[[], FrameUpscaler]
    may_be_missing: bool = False


class FailoverUpscaler(Forwarding):
    """Enhances by the best candidate that works.

    Parameters
    ----------
    candidates
        Engines, the best first; the last should not be able to fail.

    Attributes
    ----------
    failures, restarts
        Frames that were left out, and engines that were begun anew.
    busy_since_s
        Since when the engine computes a frame, in seconds of ``time.monotonic()``; None while it has none.
    last_error
        Why it is not the best engine that computes; None while it is.
    failing
        Frames that failed in a row, whatever was tried.

    Raises
    ------
    EdgeSrcnnError
        What was asked for does not exist here.
    """

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self.failures = self.restarts = 0
        self.busy_since_s: float | None = None
        self.last_error: str | None = None
        self.failing = 0
        self._candidates, self._number = tuple(candidates), 0
        self._wanted: tuple[Candidate, ...] | None = None
        self._streak = 0
        self._fresh = True  # no good frame since it was begun anew
        self._backoff = Backoff(RETRY_MOST_S, first_s=RETRY_FIRST_S)
        self._retry_s = self._stood_s = monotonic()
        self._trial: threading.Thread | None = None
        self._better: FrameUpscaler | None = None
        self._closed = False
        self._upscaler = self._first()

    @property
    def ladder(self) -> LadderState | None:
        """Tell the models that the present engine chooses from; None where it has no choice."""
        upscaler = self._upscaler
        return upscaler.ladder if isinstance(upscaler, OnLadder) else None

    def replace(self, candidates: Sequence[Candidate]) -> None:
        """Go on with other engines from the next frame on; from any thread."""
        self._wanted = tuple(candidates)

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
        if self._number:
            self._fail_back()
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
        if (trial := self._trial) is not None:
            trial.join(_JOIN_S)  # one that takes longer lets go of what it made by itself
        self._drop_better()

    def _first(self) -> FrameUpscaler:
        for number, candidate in enumerate(self._candidates):
            try:
                return candidate.make()
            except Unavailable as error:
                if not candidate.may_be_missing:
                    raise
                self._settle_on(number + 1, str(error))
        raise Unavailable("no engine can be made")

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        self._streak += 1
        self.failing += 1
        why = describe(error)
        if isinstance(error, DelegateLost):  # there is nothing left to fail again
            self._fail_over(min(self._number + 1, len(self._candidates) - 1), why)
            return
        if self._streak == 1:
            log.error("engine %s: a frame was left out (%s)", self._candidates[self._number].name, why)
        if self._streak >= MOST_FAILURES:
            self._fail_over(min(self._number + self._fresh, len(self._candidates) - 1), why)

    def _fail_over(self, candidate: int, why: str) -> None:
        """Begin the same engine again, or a lesser one; if that cannot begin, the next."""
        self.restarts += 1
        for number in range(candidate, len(self._candidates)):
            made = self._made(self._candidates[number])
            if made is None:
                continue
            if number > self._number:
                self._settle_on(number, why)
            else:
                log.error("engine %s: begun anew after %d failures", self._candidates[number].name, self._streak)
            self._take(made)
            return
        self._streak = 0  # nothing can be made: go on with what there is

    def _settle_on(self, number: int, why: str) -> None:
        if monotonic() - self._stood_s > _GOOD_S:
            self._backoff.reset()
        self._number, self._retry_s = number, monotonic() + self._backoff.next_s()
        if number < len(self._candidates):
            self.last_error = f"{self._candidates[number].name} computes, since {self._candidates[0].name} fails: {why}"
            log.error("%s", self.last_error)

    def _fail_back(self) -> None:
        """Try the best engine again, in a thread of its own, since that may take long."""
        if self._better is not None:
            log.warning("engine %s: tried again", self._candidates[0].name)
            made, self._better, self._trial = self._better, None, None
            self._take(made)
            self._number, self.last_error, self._stood_s = 0, None, monotonic()
            self._streak = MOST_FAILURES - 1  # one failure is enough to fall again
        elif self._trial is None and monotonic() >= self._retry_s:
            self._trial = threading.Thread(
                target=self._try_best, args=(self._candidates[0],), name="fail back", daemon=True
            )
            self._trial.start()

    def _try_best(self, candidate: Candidate) -> None:
        made = self._made(candidate)
        if made is None:
            self._retry_s, self._trial = monotonic() + self._backoff.next_s(), None
        elif self._closed or candidate is not self._candidates[0]:  # meanwhile
            made.close()
        else:
            self._better = made

    def _drop_better(self) -> None:
        better, self._better, self._trial = self._better, None, None
        if better is not None:
            better.close()

    def _made(self, candidate: Candidate) -> FrameUpscaler | None:
        try:
            return candidate.make()
        except Exception as error:  # as above
            log.error("engine %s: cannot begin (%s)", candidate.name, error)
            return None

    def _take(self, made: FrameUpscaler) -> None:
        before, self._upscaler, self._streak, self._fresh = self._upscaler, made, 0, True
        before.close()

    def _begin(self, candidates: tuple[Candidate, ...]) -> None:
        self._wanted = None
        made = self._made(candidates[0])
        if made is not None:
            self._take(made)
            self._candidates, self._number, self.last_error = candidates, 0, None
            self._drop_better()
        elif candidates[0].may_be_missing:  # a device that the engine of now holds cannot be taken yet
            self._candidates, self._number = candidates, 0
            self._drop_better()
            self._fail_over(1, "it is not there, or in use")
