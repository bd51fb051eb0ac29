"""Read a source in a thread of its own; where retrying is the policy, open it again and again."""

import logging
import threading
from fractions import Fraction
from math import inf
from time import monotonic

from edge_srcnn.errors import EdgeSrcnnError, SourceLost, describe, is_retryable
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.imaging.temporal import TemporalStrength
from edge_srcnn.live.bounded_log import BoundedLog
from edge_srcnn.live.reader import CLOSE_S, Opener, Reader
from edge_srcnn.live.statistics import Meter
from edge_srcnn.live.temporal_stage import Taken, TemporalStage
from edge_srcnn.live.threads import FILE_DEPTH, BoundedQueue
from edge_srcnn.live.timeline import Timeline
from edge_srcnn.sources import Source
from edge_srcnn.system.backoff import Backoff

log = logging.getLogger(__name__)

_LOOK_S = 0.1
_GOOD_S = 5.0
"""A camera that worked for so long is tried again at once when it gets lost."""


class Capture:
    """Reads a source in one thread, and holds its newest frame, or a few of a file's.

    When the driver hangs, only that thread does: it is abandoned, and ends when the driver lets it. Until then the
    camera is not opened again, so that there is never more than one such thread a camera. Whoever takes frames
    enforces the time limits.

    Parameters
    ----------
    opener
        Opens the source.
    retry
        How long to wait between tries; None: a source that fails or ends is not opened again.

    Attributes
    ----------
    live, rate, frames, stream_copy
        Of the source; one that is opened again and again is live.
    error
        What ended it; None while it goes on, and where the source came to its end.
    last_error
        Why there are no frames at the moment; None while they come.
    retries
        Whether the source is opened again and again.
    losses
        How often the source was lost.
    heartbeat_s
        When it was last seen to do something, in seconds of ``time.monotonic()``.
    came, skipped
        Frames that were read, and those that the source itself left out.
    temporal
        Averages them over time.
    """

    def __init__(self, opener: Opener, retry: Backoff | None = None) -> None:
        self.live = True
        self.rate: Fraction | None = None
        self.frames: int | None = None
        self.stream_copy: str | None = None
        self.error: BaseException | None = None
        self.last_error: str | None = None
        self.retries = retry is not None
        self.losses = self.skipped = 0
        self.came, self.heartbeat_s, self.temporal = Meter(), monotonic(), TemporalStage()
        self.opener, self._retry = opener, retry
        self._before: Opener | None = None
        self._exchanging = threading.Lock()
        self._given: Source | None = None  # open, while no thread has it
        self._queue: BoundedQueue[Taken] = BoundedQueue(1, block=False)
        self._reader: Reader | None = None
        self._opened, self._wanted = threading.Event(), threading.Event()
        self._closed, self._replaced = threading.Event(), threading.Event()
        self._timeline = Timeline()
        self._since_s: float | None = None
        self._changes, self._asked_to_wait_s = BoundedLog(log), 0.0

    @classmethod
    def of(cls, source: Source, temporal: TemporalStrength | None = None) -> "Capture":
        """Read a source that is open already, and average its frames over time if that is asked for."""
        capture = cls(Opener("source", lambda: source, temporal=lambda: temporal))
        capture._given = source
        capture._take_over(source)
        return capture

    @property
    def dropped(self) -> int:
        """Frames that a newer one overtook."""
        return self._queue.dropped

    @property
    def ended(self) -> bool:
        """Whether no more frames come."""
        return self._queue.closed

    def open(self) -> "Capture":
        """Open the source now, and wait for that; nothing is read before ``begin``.

        What opening it raised is raised here; ``Unavailable`` where it did not return in time.
        """
        self._start()
        while not self._opened.wait(_LOOK_S):
            self._enforce_limit()
        if self.error is not None:
            raise self.error
        return self

    def begin(self) -> None:
        """Begin to read."""
        self._wanted.set()
        if self._reader is None and not self._closed.is_set():
            self._start()

    def take(self, timeout_s: float = inf) -> Taken | None:
        """Take the newest frame, of a file the next one; None when there are no more, or none came in time."""
        end_s = monotonic() + timeout_s
        while True:
            left_s = max(end_s - monotonic(), 0.0)
            taken = self._queue.take(min(left_s, _LOOK_S))
            if taken is not None or self._queue.closed:
                return taken
            self._enforce_limit()
            if left_s <= _LOOK_S:
                return None

    def replace(self, opener: Opener) -> None:
        """Go on with another source, from any thread; with the one before, if the other makes no sense."""
        with self._exchanging:
            self._before, self.opener = self.opener, opener
        if self._retry is not None:
            self._retry.reset()
        self._replaced.set()
        self._wake()

    def close(self) -> None:
        """End soon; from any thread, more than once."""
        self._closed.set()
        self._replaced.set()
        self._wanted.set()
        self._queue.close(drop=True)
        self._wake()

    def join(self, limit_s: float = CLOSE_S) -> None:
        """Wait until the source is closed; one that hangs is abandoned."""
        reader = self._reader
        if reader is None:
            if self._given is not None:
                self._given.close()
            return
        reader.join(limit_s)
        if reader.is_alive():
            log.warning("%s: the camera is still busy; it is released when its library returns", reader.opener.name)
            reader.abandon()

    def _start(self, *, wait: bool = False) -> None:
        self._reader = Reader(self.opener, lambda reader: self._work(reader, wait=wait))
        self._reader.start()

    def _wake(self) -> None:
        reader = self._reader
        if reader is not None and (source := reader.source) is not None:
            reader.hurry(CLOSE_S)
            source.wake()

    def _enforce_limit(self) -> None:
        """Abandon a thread that is stuck; by the thread that takes frames."""
        reader = self._reader
        if reader is None or not reader.is_overdue():
            return
        reader.abandon()
        if self._closed.is_set():
            return
        late = reader.late_error()
        if self._retry is None:
            self.error = self.error or late
            self._queue.close()
            self._opened.set()
            return
        if late is not None and not self._replaced.is_set():
            self._lose(late)
        self._start(wait=True)

    def _is_over(self, reader: Reader) -> bool:
        return self._closed.is_set() or reader.abandoned

    def _work(self, reader: Reader, *, wait: bool) -> None:
        """Read until the end; where retrying is the policy, again and again."""
        if wait:
            self._pause()
        again = True
        while again and not self._is_over(reader):
            self._replaced.clear()
            began_s = monotonic()
            try:
                again = self._read_to_the_end(reader)
            except BaseException as error:  # a driver's or library's, too; raised again by whoever takes frames
                again = not self._is_over(reader) and (self._replaced.is_set() or self._goes_on_after(error))
            reader.let_go()
            if again and not self._is_over(reader):
                self._pause(monotonic() - began_s)
        if not reader.abandoned:
            self._queue.close()
            self._opened.set()

    def _pause(self, worked_s: float = 0.0) -> None:
        self.temporal.begin_anew()
        if self._retry is None or self._replaced.is_set():
            return
        if worked_s > _GOOD_S:
            self._retry.reset()
        wait_s = max(self._retry.next_s(), self._asked_to_wait_s)
        self.heartbeat_s = monotonic() + wait_s  # that long it does nothing, as it should
        self._replaced.wait(wait_s)

    def _read_to_the_end(self, reader: Reader) -> bool:
        """Open the source and read it; tell whether it is to be opened again."""
        self.heartbeat_s = monotonic()
        reader.source = source = reader.open(self.opener)
        if self._is_over(reader):
            return False
        found = False
        if not self.retries:
            self._take_over(source)
            self._wanted.wait()
        while not (self._is_over(reader) or self._replaced.is_set()):
            self.rate, self.heartbeat_s = source.rate, monotonic() + (source.timeout_s or 0.0)  # it may wait
            with reader.within(source.timeout_s, "read"):
                frame = source.read()
            if self._is_over(reader) or self._replaced.is_set():
                break
            if frame is None:
                if self.retries and source.live:
                    raise SourceLost("the source ended")
                return False
            if not found:
                found = True
                self._find(frame, reader.opener)
            self._give(frame, reader.opener)
        return True

    def _take_over(self, source: Source) -> None:
        """Take from the only source what is known of it."""
        if not self._opened.is_set():
            self.live, self.rate = source.live, source.rate
            self.frames, self.stream_copy = source.frames, source.stream_copy
            self._queue = BoundedQueue(1 if source.live else FILE_DEPTH, block=not source.live)
            self._opened.set()

    def _find(self, frame: Frame, opener: Opener) -> None:
        """Take note of the first frame."""
        self._timeline.begin(frame)
        if self._since_s is not None:
            self._changes.tell(logging.WARNING, f"frames come again after {monotonic() - self._since_s:.1f} s")
        self.last_error = self._since_s = None
        with self._exchanging:
            if opener is self.opener:  # another may just have been asked for, and make no sense
                self._before = None

    def _give(self, frame: Frame, opener: Opener) -> None:
        self.heartbeat_s = monotonic()
        self._changes.catch_up()
        self.came.tick()
        frame, skipped = self._timeline.place(frame)
        self.skipped += skipped
        self._queue.put(self.temporal.filter(frame, opener.temporal(), live=self.live))

    def _goes_on_after(self, error: BaseException) -> bool:
        if self._retry is None:
            self.error = error
            return False
        if not is_retryable(error):
            if self._before is not None:
                log.error("%s; the source before it stays", describe(error))
                self.opener, self._before = self._before, None
                self._replaced.set()
                return True
            if self._timeline.is_empty:  # later it is a camera that made sense: half gone, or back as another
                self.error = error
                return False
        if not isinstance(error, EdgeSrcnnError):
            log.error("the source failed", exc_info=error)
        self._lose(error)
        return True

    def _lose(self, error: BaseException) -> None:
        self.heartbeat_s = monotonic()
        self._asked_to_wait_s = error.retry_after_s if isinstance(error, SourceLost) else 0.0
        self._changes.catch_up()
        why = describe(error)
        if self._since_s is None:
            self._since_s, self.losses = monotonic(), self.losses + 1
        if why != self.last_error:
            self._changes.tell(logging.WARNING, f"{why}; trying again")
        self.last_error = why
