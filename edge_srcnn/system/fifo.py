"""Named pipes: a writer that waits for its reader, but not for ever."""

import errno
import os
import stat
from time import monotonic, sleep
from typing import BinaryIO

_LOOK_S = 0.02


def is_fifo(path: str) -> bool:
    """Whether it is a named pipe that can be reached."""
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except OSError:
        return False


def open_fifo(path: str, patience_s: float) -> BinaryIO:
    """Open a named pipe to write into, as soon as somebody reads it.

    Raises
    ------
    OSError
        ``ENXIO`` where nobody does within ``patience_s``; another where it cannot be opened.
    """
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
