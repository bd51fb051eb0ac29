"""Fail over between engines: a frame is left out, ten in a row begin the engine anew, then comes the next candidate."""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from time import monotonic

from edge_srcnn.errors import DelegateLost, Unavailable, describe
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.live.frame_upscaler import FrameUpscaler, SwitchingUpscaler
from edge_srcnn.live.threads import in_thread
from edge_srcnn.system.backoff import Backoff
from edge_srcnn.system.memory import return_free_memory

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
    name
        For messages.
    make
        Makes it ready.
    may_be_missing
        At the start the next one may take its place.
    """

    name: str
    make: Callable[[], FrameUpscaler]
    may_be_missing: bool = False


class FailoverUpscaler(SwitchingUpscaler):
    """Enhances by the best candidate that works.

    Parameters
    ----------
    candidates
        Engines, the best first; the last should not be able to fail.
    steady
        Fail over; False: what an engine raises is raised.

    Attributes
    ----------
    failures, restarts
        Frames that were left out, and engines that were begun anew.
    busy_since_s
        Since when the engine computes a frame, in seconds of ``time.monotonic()``; None while it has none.
    last_error
        Why it is not the best engine that computes; None while it is.
    refused
        Why another engine, which was asked for, could not take over; None where the last one could.
    failing
        Frames that failed in a row, whatever was tried.
    last_frame
        The last that it got, by which another engine can be made ready; None before there was one.

    Raises
    ------
    EdgeSrcnnError
        What was asked for does not exist here.
    """

    def __init__(self, candidates: Sequence[Candidate], *, steady: bool = True) -> None:
        self.steady = steady
        self.failures = self.restarts = 0
        self.busy_since_s: float | None = None
        self.last_error: str | None = None
        self.refused: str | None = None
        self.failing = 0
        self.last_frame: Frame | None = None
        self._candidates, self._number = tuple(candidates), 0
        self._exchanging, self._closed = threading.Lock(), False
        self._wanted: tuple[tuple[Candidate, ...], FrameUpscaler | None] | None = None
        self._streak = 0
        self._fresh = True  # no good frame since it was begun anew
        self._backoff = Backoff(RETRY_MOST_S, first_s=RETRY_FIRST_S)
        self._retry_s = self._stood_s = monotonic()
        self._trial: Future[FrameUpscaler | None] | None = None  # of the best one, while a lesser one computes
        self._upscaler = self._first()

    def replace(self, candidates: Sequence[Candidate], made: FrameUpscaler | None = None) -> None:
        """Go on with other engines from the next frame on; from any thread.

        Parameters
        ----------
        candidates
            As at the beginning.
        made
            The first of them, ready; None: it is made when the frame comes.
        """
        with self._exchanging:
            unused = made if self._closed else self._wanted and self._wanted[1]
            self._wanted = None if self._closed else (tuple(candidates), made)
            self.refused = None
        if unused is not None:
            unused.close()

    def rest(self) -> None:
        """Take note that nobody takes frames; other engines take over meanwhile, too."""
        self._begin()
        super().rest()

    def upscale_frame(self, frame: Frame) -> Frame | None:
        """Enhance a frame; None when it failed."""
        self._begin()
        self.last_frame = frame
        if self._number:
            self._fail_back()
        self.busy_since_s = monotonic()
        try:
            enhanced = self._upscaler.upscale_frame(frame)
        except Exception as error:  # of the engine, or of the driver below it
            if not self.steady:
                raise
            self._failed(error)
            return None
        finally:
            self.busy_since_s = None
        self._streak, self._fresh, self.failing = 0, False, 0
        return enhanced

    def close(self) -> None:
        """Let go of the engine, and of those that were to take its place."""
        with self._exchanging:
            self._closed, wanted, self._wanted = True, self._wanted, None
        for each in (self._upscaler, wanted and wanted[1]):
            if each is not None:
                each.close()
        trial = self._drop_trial()
        if trial is not None:
            wait([trial], _JOIN_S)

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
        if self._trial is None:
            if monotonic() >= self._retry_s:
                best = self._candidates[0]
                self._trial = in_thread("fail back", lambda: self._made(best))
            return
        if not self._trial.done():
            return
        made, self._trial = self._trial.result(), None
        if made is None:
            self._retry_s = monotonic() + self._backoff.next_s()
            return
        log.warning("engine %s: tried again", self._candidates[0].name)
        self._take(made)
        self._number, self.last_error, self._stood_s = 0, None, monotonic()
        self._streak = MOST_FAILURES - 1  # one failure is enough to fall again

    def _drop_trial(self) -> "Future[FrameUpscaler | None] | None":
        """Let go of the engine that is tried; one that takes long lets go of what it made by itself."""
        trial, self._trial = self._trial, None
        if trial is not None:
            trial.add_done_callback(_close_made)
        return trial

    def _made(self, candidate: Candidate) -> FrameUpscaler | None:
        try:
            return candidate.make()
        except Exception as error:  # as above
            log.error("engine %s: cannot begin (%s)", candidate.name, error)
            return None

    def _take(self, made: FrameUpscaler) -> None:
        before, self._upscaler, self._streak, self._fresh = self._upscaler, made, 0, True
        before.close()

    def _begin(self) -> None:
        """Let other engines take over, where they were asked for."""
        with self._exchanging:
            wanted, self._wanted = self._wanted, None
        if wanted is None:
            return
        candidates, made = wanted
        made = made or self._made(candidates[0])
        if made is not None:
            before, self._upscaler, self._streak, self._fresh = self._upscaler, made, 0, True
            threading.Thread(target=_let_go, args=(before,), name="close engine", daemon=True).start()
            self._candidates, self._number, self.last_error = candidates, 0, None
            self._drop_trial()
        elif candidates[0].may_be_missing:  # a device that the engine of now holds cannot be taken yet
            self._candidates, self._number = candidates, 0
            self._drop_trial()
            self._fail_over(1, "it is not there, or in use")


def _let_go(upscaler: FrameUpscaler) -> None:
    """Close an engine that another one has taken the place of; what it had is much, and goes back to the system."""
    upscaler.close()
    return_free_memory()


def _close_made(trial: Future[FrameUpscaler | None]) -> None:
    made = trial.result()
    if made is not None:
        made.close()
