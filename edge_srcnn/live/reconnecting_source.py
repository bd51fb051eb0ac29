"""A camera that may be missing, get lost and come back: frames whenever it is there, patience when it is not."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from time import monotonic

from edge_srcnn.errors import EdgeSrcnnError, SourceLost, describe, is_retryable
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.live.backoff import Backoff
from edge_srcnn.sources import Source
from edge_srcnn.uri import without_secrets

log = logging.getLogger(__name__)

_LEAST_STEP_S = 0.001
_STEADY_S = 5.0
"""A camera that worked for so long is tried again at once when it gets lost."""


class SteadySource:
    """Opens a source again and again.

    Parameters
    ----------
    open_source
        Opens it.
    backoff
        How long to wait between tries.

    Attributes
    ----------
    trouble
        Why there are no frames; None while they come.
    losses
        How often it was lost.
    beat_s
        When it was last seen to do something, in seconds of ``time.monotonic()``.
    """

    live = True
    frames: int | None = None

    def __init__(self, open_source: Callable[[], Source], backoff: Backoff) -> None:
        self.rate: Fraction | None = None
        self.trouble: str | None = None
        self.losses = 0
        self.beat_s = monotonic()
        self._open, self._backoff = open_source, backoff
        self._before: Callable[[], Source] | None = None
        self._source: Source | None = None
        self._lock = threading.Lock()
        self._closed, self._again = threading.Event(), threading.Event()
        self._next_index, self._first_s, self._last_s = 0, 0.0, 0.0
        self._since_s: float | None = None

    def __iter__(self) -> Iterator[Frame]:
        """Frames, counted and timed across all losses, until the source ends by itself or is closed.

        Raises
        ------
        UsageError
            The source makes no sense: it will never come. Once a frame came it is a camera that is lost.
        """
        while not self._closed.is_set():
            opened_s = monotonic()
            try:
                yield from self._frames(self._opened())
                if not self._again.is_set():
                    return
            except Exception as error:  # a driver's or library's is no reason to end
                if not is_retryable(error) and self._before is not None:
                    log.error("%s; the source before it stays", without_secrets(str(error)))
                    self._open, self._before = self._before, None
                    continue
                if not is_retryable(error) and self._next_index == 0:
                    raise  # later it is a camera that made sense: half gone, or back as another
                if not isinstance(error, EdgeSrcnnError):
                    log.exception("the source failed")
                self._lost(describe(error))
            if monotonic() - opened_s > _STEADY_S:
                self._backoff.reset()
            if not self._again.is_set():
                wait_s = self._backoff.next_s()
                self.beat_s = monotonic() + wait_s  # that long it does nothing, and that is well
                self._again.wait(wait_s)
            self._again.clear()

    def replace(self, open_source: Callable[[], Source]) -> None:
        """Go on with another source, from any thread; with the one before, if the other makes no sense."""
        self._before, self._open = self._open, open_source
        self._backoff.reset()
        self._wake()

    def close(self) -> None:
        """End the iteration."""
        self._closed.set()
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            self._again.set()
            source = self._source
        if source is not None:
            source.close()

    def _opened(self) -> Source:
        self.beat_s = monotonic()
        source = self._open()
        with self._lock:
            self._source = source
            stale = self._again.is_set() or self._closed.is_set()
        if stale:
            source.close()
        return source

    def _frames(self, source: Source) -> Iterator[Frame]:
        self.rate = source.rate
        begins, offset_s = self._next_index, None
        try:
            for frame in source:
                if offset_s is None:
                    offset_s = self._offset_s(frame)
                    self._found()
                self.beat_s = monotonic()
                self._next_index = begins + frame.index + 1
                self._last_s = offset_s + frame.time_s
                yield replace(frame, index=begins + frame.index, time_s=self._last_s)
        finally:
            with self._lock:
                self._source = None
            with suppress(EdgeSrcnnError):
                source.close()
        if source.live and not self._again.is_set():
            raise SourceLost("the source ended")

    def _offset_s(self, frame: Frame) -> float:
        """What to add to the times of a source that begins anew, so that they go on."""
        if self._next_index == 0:
            self._first_s = frame.captured_s - frame.time_s
            return 0.0
        now_s = max(frame.captured_s - self._first_s, self._last_s + _LEAST_STEP_S)
        return now_s - frame.time_s

    def _found(self) -> None:
        if self.trouble is not None and self._since_s is not None:
            log.warning("frames come again after %.1f s", monotonic() - self._since_s)
        self.trouble = self._since_s = self._before = None

    def _lost(self, why: str) -> None:
        self.beat_s = monotonic()
        if self._closed.is_set():
            return
        why = without_secrets(why)
        if self._since_s is None:
            self._since_s = monotonic()
            self.losses += 1
        if why != self.trouble:
            log.warning("%s; trying again", why)
        self.trouble = why
