"""Hand results to a sink: at once where that takes no time, else in a thread that holds up nobody when it stalls."""

import logging
import threading
from dataclasses import dataclass
from time import monotonic

from edge_srcnn.errors import CannotWrite, EdgeSrcnnError
from edge_srcnn.live.threads import FILE_DEPTH, BoundedQueue
from edge_srcnn.sinks import Result, Sink, Stream

log = logging.getLogger(__name__)

RECORDER_DEPTH = 32
STALL_S = 30.0
"""A sink that takes nothing for so long, while others wait for it, is given up."""

_CLOSE_S = 5.0
_STEP_S = 0.1


class _FinishFile:
    """Stands between two frames of a recording that was switched off between them."""


_FINISH_FILE = _FinishFile()


@dataclass(frozen=True)
class SinkState:
    """One sink: frames it took, frames it missed, and what ended it or keeps it from writing."""

    name: str
    written: int
    dropped: int
    error: str | None


class SinkWriter:
    """Writes to a sink; to one that may block in a thread of its own, with a slot (live) or a queue before it.

    Parameters
    ----------
    sink
        Where results go.
    live
        Whether the source is: nobody waits for the sink then.
    alone
        There is no other sink, so that its error ends the run, and is raised instead of logged.

    Attributes
    ----------
    error
        What ended it, or None.
    """

    def __init__(self, sink: Sink, *, live: bool, alone: bool) -> None:
        self.error: BaseException | None = None
        self._sink, self._alone = sink, alone
        self._lossless = not live and not sink.live
        self._written = self._missed = 0
        depth = FILE_DEPTH if self._lossless else 1 if sink.live else RECORDER_DEPTH
        self._queue: BoundedQueue[Result | _FinishFile] = BoundedQueue(depth, block=self._lossless)
        self._thread = threading.Thread(target=self._work, name=f"sink {sink.name}", daemon=True)
        self._stopping, self._off = False, False
        self._switching = threading.Lock()
        self._finishing, self._finished = threading.Lock(), False

    def start(self, stream: Stream) -> None:
        """Get ready."""
        self._sink.begin(stream)
        if self._sink.blocking:
            self._thread.start()

    def offer(self, result: Result) -> None:
        """Hand a result on; of a file's frames none is lost, so this may wait. One that is not enhanced may be lost."""
        if not self._sink.blocking:
            self._write(result)
        elif result.enhanced or self._queue.empty:
            if self._lossless:  # of a file, which is recorded whole
                self._enqueue(result)
                return
            with self._switching:
                if not self._off:
                    self._enqueue(result)

    def record(self, wanted: bool) -> None:
        """Switch a recording on, or off, which finishes its file; from any thread. Other sinks go on."""
        with self._switching:
            if self._sink.records and not self._lossless and self._off == wanted:
                self._off = not wanted
                if self._off:
                    self._queue.put(_FINISH_FILE)

    def wants_frames(self) -> bool:
        """Tell whether enhanced frames are of use to it."""
        return self.error is None and not self._off and self._sink.wants_frames()

    @property
    def is_occasional(self) -> bool:
        """Whether it takes an enhanced frame now and then."""
        return self._sink.occasional

    def stop_taking(self) -> None:
        """Wait no more for a sink that is full; what it has is written."""
        self._stopping = True

    def finish(self, *, whole: bool, patient: bool) -> None:
        """Let it write what it has, and close it; a file that would look whole and is not is given up.

        Whoever calls it while another does waits, too.
        """
        with self._finishing:
            if not self._finished:
                self._finished = True
                self._end(whole=whole, patient=patient)

    def state(self) -> SinkState:
        """Look at it, from any thread."""
        missed, error = self._sink.missed, self._sink.last_error if self.error is None else str(self.error)
        dropped = self._queue.dropped + self._missed + missed
        return SinkState(self._sink.name, self._written - missed, dropped, error)

    def _work(self) -> None:
        while (result := self._queue.take()) is not None:
            if isinstance(result, _FinishFile):
                self._finish_file()
            else:
                self._write(result)

    def _finish_file(self) -> None:
        if self.error is None:
            try:
                self._sink.finish_file()
            except BaseException as error:  # as for a frame
                self._fail(error)

    def _write(self, result: Result) -> None:
        if self.error is None:
            try:
                self._sink.write(result)
                self._written += result.enhanced
            except BaseException as error:  # raised again when the pipeline ends
                self._fail(error)

    def _enqueue(self, result: Result) -> None:
        end = monotonic() + STALL_S
        while self.error is None and not self._queue.put(result, _STEP_S):
            stalled = monotonic() > end
            if stalled and self.error is None:
                self._fail(
                    CannotWrite(f"{self._sink.name}: took nothing for {STALL_S:.0f} s; it is left out from now on")
                )
            if stalled or self._stopping:
                self._missed += 1
                return

    def _end(self, *, whole: bool, patient: bool) -> None:
        self._queue.close(drop=self.error is not None)
        if self._thread.ident is not None:
            self._thread.join(STALL_S if self._lossless and patient else _CLOSE_S)
        if self._thread.is_alive():
            self._fail(CannotWrite(f"{self._sink.name}: does not end; it is left as it is"))
            return
        try:
            if not whole or self.error is not None:
                self._sink.abandon()
            self._sink.close()
        except Exception as error:  # the others are to be closed too; raised again when the pipeline ends
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self.error is None:
            self.error = error
            if not self._alone:
                log.error("%s", error, exc_info=not isinstance(error, EdgeSrcnnError))
        self._queue.close(drop=True)
