"""Read standard input and named pipes (FIFOs), and write to them, waiting for the other end, but not for ever."""

import errno
import os
import select
import stat
import threading
from time import monotonic, sleep
from typing import BinaryIO

from edge_srcnn.errors import NoInput, reason

_POLL_S = 0.1
_LOOK_S = 0.02


class Pipe:
    """Read standard input or a FIFO as a file for PyAV; reads end at a time limit or when it is closed.

    Parameters
    ----------
    path
        A FIFO; empty or ``-``: standard input.
    timeout_s
        Seconds that a read may take.

    Attributes
    ----------
    began
        Something came.
    """

    def __init__(self, path: str, timeout_s: float) -> None:
        self.name = path
        self._timeout_s = timeout_s
        self._closed = threading.Event()
        self.began = False
        self._may_begin_late = path not in ("", "-")  # standard input that ends never goes on
        try:
            self._descriptor = os.dup(0) if path in ("", "-") else os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise NoInput(f"{path or '-'}: cannot be read ({reason(error)})") from error

    def read(self, size: int) -> bytes:
        """Read up to ``size`` bytes; none at the end."""
        end = monotonic() + self._timeout_s
        while not self._closed.is_set():
            ready, _, _ = select.select([self._descriptor], [], [], _POLL_S)
            if ready:
                data = os.read(self._descriptor, size)
                self.began = self.began or bool(data)
                if self.began or not self._may_begin_late:
                    return data
                self._closed.wait(_POLL_S)  # a FIFO that nobody writes to yet
            if monotonic() > end:
                raise TimeoutError(errno.ETIMEDOUT, "nothing came")
        return b""

    def wake(self) -> None:
        """End a read that waits; from any thread."""
        self._closed.set()

    def close(self) -> None:
        """Let go of the descriptor; nothing is read any more."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def is_fifo(path: str) -> bool:
    """Tell whether it is a named pipe that can be reached."""
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except OSError:
        return False


def open_fifo(path: str, patience_s: float) -> BinaryIO:
    """Open a named pipe to write into; ``OSError``, ``ENXIO`` where nobody reads it within ``patience_s`` seconds."""
    deadline = monotonic() + patience_s
    while True:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO or monotonic() >= deadline:
                raise
            sleep(_LOOK_S)
            continue
        os.set_blocking(descriptor, True)
        return os.fdopen(descriptor, "wb")
