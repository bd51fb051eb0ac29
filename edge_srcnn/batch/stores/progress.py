"""Hear how a transfer goes on, and end it when nobody waits for it any more."""

import threading

from edge_srcnn.batch.stores.failures import Cancelled


class Progress:
    """Take what fsspec tells while bytes go, and end the transfer when nobody waits for it any more.

    Parameters
    ----------
    stop
        Set when it is to end.
    """

    def __init__(self, stop: threading.Event | None) -> None:
        self._stop = stop

    def set_size(self, size: int | None) -> None:
        """Hear how many bytes there are."""

    def relative_update(self, more: int = 1) -> None:
        """Hear that more bytes went."""
        if self._stop is not None and self._stop.is_set():
            raise Cancelled

    def absolute_update(self, done: int) -> None:
        """Hear how many bytes went."""
        self.relative_update()
