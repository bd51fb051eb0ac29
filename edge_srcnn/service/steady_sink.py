"""A sink that may fail and come back: it pauses, tries again by itself, and never stops the others."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from edge_srcnn.errors import EdgeSrcnnError, UsageError
from edge_srcnn.service.backoff import Backoff
from edge_srcnn.sinks import Result, Sink, Stream

log = logging.getLogger(__name__)

_JOIN_S = 1.0


class SteadySink:
    """Opens a sink again and again.

    Parameters
    ----------
    name
        For messages, without secrets.
    open_sink
        Opens it.
    live
        Whether it shows the newest and may miss others.
    backoff
        How long to wait between tries.

    Attributes
    ----------
    missed, trouble
        See ``Pausable``.
    address
        Where it can be looked at, or empty.
    """

    def __init__(self, name: str, open_sink: Callable[[], Sink], *, live: bool, backoff: Backoff) -> None:
        self.name, self.live = name, live
        self.missed = 0
        self.trouble: str | None = None
        self._open, self._backoff = open_sink, backoff
        self._sink: Sink | None = None
        self._stream: Stream | None = None
        self._closed = threading.Event()
        self._mending: threading.Thread | None = None
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        """Where it can be looked at, or empty."""
        return str(getattr(self._sink, "address", ""))

    def begin(self, stream: Stream) -> None:
        """Open it, or begin to try.

        Raises
        ------
        UsageError
            It makes no sense: trying again will not help.
        """
        self._stream = stream
        try:
            self._make()
        except UsageError:
            raise
        except Exception as error:  # whatever it is, the others go on
            self._pause(error)

    def write(self, result: Result) -> None:
        """Write a frame, or miss it."""
        sink = self._sink
        if sink is None:
            self.missed += 1
            return
        try:
            sink.write(result)
            self._backoff.reset()
        except Exception as error:  # as above
            self.missed += 1
            self._pause(error)

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

    def _make(self) -> None:
        sink = self._open()
        if self._stream is not None:
            try:
                sink.begin(self._stream)
            except BaseException:
                sink.close()
                raise
        with self._lock:
            if not self._closed.is_set():
                self._sink, self.trouble = sink, None
                return
        sink.close()

    def _pause(self, error: Exception) -> None:
        with self._lock:
            sink, self._sink = self._sink, None
        expected = isinstance(error, EdgeSrcnnError)
        self.trouble = str(error) if expected else f"{type(error).__name__}: {error}"
        log.error("%s; trying again", self.trouble, exc_info=None if expected else error)
        if sink is not None:
            with suppress(Exception):  # it has failed already, and that was told
                sink.close()
        self._mending = threading.Thread(target=self._mend, name=f"mend {self.name}", daemon=True)
        self._mending.start()

    def _mend(self) -> None:
        while not self._closed.wait(self._backoff.next_s()):
            try:
                self._make()
            except Exception as error:  # as above
                if str(error) != self.trouble:
                    log.error("%s; trying again", error)
                self.trouble = str(error)
                continue
            log.warning("%s: works again", self.name)
            return
