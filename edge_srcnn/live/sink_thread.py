"""A sink in a thread of its own, with a slot or a queue before it: one that stalls or fails holds up nobody."""

import logging
import threading
from dataclasses import dataclass
from time import monotonic

from edge_srcnn.errors import CannotWrite, EdgeSrcnnError
from edge_srcnn.live.capture import FILE_DEPTH
from edge_srcnn.live.queue import BoundedQueue
from edge_srcnn.sinks import Abandonable, Pausable, Result, Sink, Stream, Watched

log = logging.getLogger(__name__)

RECORDER_DEPTH = 32
STALL_S = 30.0
"""A sink that takes nothing for so long, while others wait for it, is given up."""

_CLOSE_S = 5.0
_STEP_S = 0.1


@dataclass(frozen=True)
class SinkState:
    """One sink: frames it took, frames it missed, and what ended it."""

    name: str
    written: int
    dropped: int
    error: str | None


class SinkWorker:
    """A sink in a thread of its own."""

    def __init__(self, sink: Sink, *, live: bool, alone: bool) -> None:
        self.error: BaseException | None = None
        self._sink, self._alone, self._missed = sink, alone, 0
        self._lossless = not live and not sink.live
        depth = FILE_DEPTH if self._lossless else 1 if sink.live else RECORDER_DEPTH
        self._results: BoundedQueue[Result] = BoundedQueue(depth, block=self._lossless)
        self._written = 0
        self._ending = False
        self._thread = threading.Thread(target=self._work, name=f"sink {sink.name}", daemon=True)

    def start(self, stream: Stream) -> None:
        """Get ready."""
        self._sink.begin(stream)
        self._thread.start()

    def offer(self, result: Result) -> None:
        """Hand a result on; of a file's frames none is lost, so this may wait. One that is not enhanced may be lost."""
        if not (result.enhanced or self._results.wait_empty(0)):
            return
        end = monotonic() + STALL_S
        while self.error is None and not self._results.put(result, _STEP_S):
            stalled = monotonic() > end
            if stalled and self.error is None:
                self._fail(
                    CannotWrite(f"{self._sink.name}: took nothing for {STALL_S:.0f} s; it is left out from now on")
                )
            if stalled or self._ending:
                self._missed += 1
                return

    def wants_frames(self) -> bool:
        """Tell whether enhanced frames are of use to it."""
        return self.error is None and (not isinstance(self._sink, Watched) or self._sink.wants_frames())

    def stop_taking(self) -> None:
        """Wait no more for a sink that is full; what it has is written."""
        self._ending = True

    def finish(self, *, whole: bool, patient: bool) -> None:
        """Let it write what it has, and close it; a file that would look whole and is not is given up."""
        self._results.close(drop=self.error is not None)
        if self._thread.ident is not None:
            self._thread.join(STALL_S if self._lossless and patient else _CLOSE_S)
        if self._thread.is_alive():
            self._fail(CannotWrite(f"{self._sink.name}: does not end; it is left as it is"))
            return
        try:
            if isinstance(self._sink, Abandonable) and (not whole or self.error is not None):
                self._sink.abandon()
            self._sink.close()
        except Exception as error:  # the others are to be closed too; raised again when the pipeline ends
            self._fail(error)

    def state(self) -> SinkState:
        """A look at it."""
        error = None if self.error is None else str(self.error)
        missed = self._results.dropped + self._missed
        if isinstance(self._sink, Pausable):
            paused = self._sink.missed
            return SinkState(self._sink.name, self._written - paused, missed + paused, error or self._sink.trouble)
        return SinkState(self._sink.name, self._written, missed, error)

    def _work(self) -> None:
        try:
            while (result := self._results.take()) is not None:
                self._sink.write(result)
                self._written += result.enhanced
        except BaseException as error:  # raised again when the pipeline ends
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self.error is None:
            self.error = error
            if not self._alone:  # the others go on; one that is alone ends the run, which raises it
                log.error("%s", error, exc_info=not isinstance(error, EdgeSrcnnError))
        self._results.close(drop=True)
