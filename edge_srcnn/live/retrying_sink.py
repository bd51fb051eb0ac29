"""A sink that may fail and come back: it pauses, tries again by itself, and never stops the others."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from edge_srcnn.errors import EdgeSrcnnError, describe, is_retryable
from edge_srcnn.errors.masking import without_secrets
from edge_srcnn.sinks import Result, Sink, Stream, kind_of
from edge_srcnn.system.backoff import Backoff
from edge_srcnn.uri import parse_uri

log = logging.getLogger(__name__)

_JOIN_S = 1.0

_GOOD_S = 30.0
"""One that worked for so long is tried again at once when it fails."""


class RetryingSink(Sink):
    """Opens a sink again and again.

    Parameters
    ----------
    name
        For messages, without secrets.
    open_sink
        Opens it.
    live
        It shows the newest frame, and may miss others.
    blocking
        Writing to it may wait for a disk or a peer.
    connects
        To begin waits for a peer: nobody waits for that.
    records
        It can be switched off and on.
    backoff
        How long to wait between tries.
    """

    def __init__(
        self,
        name: str,
        open_sink: Callable[[], Sink],
        *,
        live: bool,
        blocking: bool = True,
        connects: bool = False,
        records: bool = False,
        backoff: Backoff,
    ) -> None:
        self.name, self.live, self.blocking, self.records = name, live, blocking, records
        self.missed = 0
        self._open, self._connects, self._backoff = open_sink, connects, backoff
        self._error: str | None = None
        self._sink: Sink | None = None
        self._opened_s = 0.0
        self._closed = threading.Event()
        self._mending: threading.Thread | None = None
        self._lock = threading.Lock()

    @classmethod
    def of(cls, uri: str, backoff: Backoff) -> "RetryingSink":
        """Open what a name says; ``UsageError`` where it makes no sense."""
        parsed = parse_uri(uri)
        kind = kind_of(parsed)
        name = without_secrets(uri)
        how = {"live": kind.live, "blocking": kind.blocking, "connects": kind.connects, "records": kind.records}
        return cls(name, lambda: kind.open(parsed), **how, backoff=backoff)

    @property
    def address(self) -> str:  # type: ignore[override]  # of the sink that is open
        """Where it can be looked at, or empty."""
        return "" if self._sink is None else self._sink.address

    @property
    def last_error(self) -> str | None:  # type: ignore[override]  # as above
        """Why it does not write at the moment, or None."""
        sink = self._sink
        return self._error or (None if sink is None else sink.last_error)

    def begin(self, stream: Stream) -> None:
        """Open it, or begin to try; what makes no sense is raised: trying again will not help."""
        self._stream = stream
        try:
            sink = self._opened()
            if self._connects:
                self._in_background(lambda: self._connect(sink))
            else:
                self._start(sink)
        except Exception as error:  # whatever it is, the others go on
            if not is_retryable(error):
                raise
            self._pause(error, trial=False)

    def write(self, result: Result) -> None:
        """Write a frame, or miss it."""
        sink = self._sink
        if sink is None:
            self.missed += result.enhanced
            return
        try:
            sink.write(result)
        except Exception as error:  # as above
            self.missed += result.enhanced
            self._pause(error, trial=True)
            return
        if monotonic() - self._opened_s > _GOOD_S:
            self._backoff.reset()

    def finish_file(self) -> None:
        """Finish its file, or miss that, as a frame is missed."""
        sink = self._sink
        if sink is not None:
            try:
                sink.finish_file()
            except Exception as error:  # as above
                self._pause(error, trial=True)

    def wants_frames(self) -> bool:
        """Tell whether anybody takes enhanced frames; one that is to work again is given some to try."""
        sink = self._sink
        return sink.wants_frames() if sink is not None else not self.on_demand

    def close(self) -> None:
        """Finish it; an error at the end is told in the log."""
        self._closed.set()
        with self._lock:
            sink, self._sink = self._sink, None
        if sink is not None:
            try:
                sink.close()
            except EdgeSrcnnError as error:
                log.error("%s", error)
        if self._mending is not None:
            self._mending.join(_JOIN_S)

    def _opened(self) -> Sink:
        sink = self._open()
        self.on_demand, self.occasional = sink.on_demand, sink.occasional
        return sink

    def _start(self, sink: Sink) -> Sink | None:
        """Begin with it; None where it is too late for that."""
        try:
            sink.begin(self._stream)
        except BaseException:
            sink.close()
            raise
        with self._lock:
            if not self._closed.is_set():
                self._sink, self._opened_s = sink, monotonic()
                return sink
        sink.close()
        return None

    def _pause(self, error: Exception, *, trial: bool) -> None:
        with self._lock:
            failed, self._sink = self._sink, None
        self._tell(error)
        self._in_background(lambda: self._mend(failed, trial))

    def _in_background(self, work: Callable[[], None]) -> None:
        self._mending = threading.Thread(target=work, name=f"retry {self.name}", daemon=True)
        self._mending.start()

    def _connect(self, sink: Sink) -> None:
        """Begin with it, or try until it opens."""
        try:
            self._start(sink)
        except Exception as error:  # as above
            self._tell(error)
            self._mend(None, trial=False)

    def _mend(self, failed: Sink | None, trial: bool) -> None:
        """Try until it opens; one that failed to write must then go on for as long as it had to wait."""
        if failed is not None:
            with suppress(Exception):  # it has failed already, and that was told
                failed.close()
        while not self._closed.wait(wait_s := self._backoff.next_s()):
            try:
                sink = self._start(self._opened())
            except Exception as error:  # as above
                self._tell(error)
                continue
            if not trial or not self._closed.wait(wait_s):
                self._works(sink)
            return

    def _works(self, sink: Sink | None) -> None:
        with self._lock:
            if sink is None or sink is not self._sink:
                return
            self._error = None
        log.warning("%s: works again", self.name)

    def _tell(self, error: Exception) -> None:
        """Write one line, however often the same happens."""
        why = describe(error)
        if why != self._error:
            log.error("%s; trying again", why, exc_info=None if isinstance(error, EdgeSrcnnError) else error)
        self._error = why
