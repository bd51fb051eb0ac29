"""Keep the chatter of native libraries ("Created TensorFlow Lite XNNPACK delegate") off the terminal."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from edge_srcnn.system.standard_streams import forgiving

log = logging.getLogger(__name__)

_STDERR = 2


@contextmanager
def quiet_native_code() -> Iterator[None]:
    """Send what native code writes to standard error into the log, at DEBUG.

    Python's own ``sys.stderr`` keeps working meanwhile when it is not file descriptor 2; otherwise it is
    flushed first, and what other threads write in between goes into the log too. No temporary folder is needed.

    Yields
    ------
    Nothing.
    """
    _flush()
    try:
        kept = os.dup(_STDERR)
    except OSError:  # it is closed, so that nobody hears native code
        yield
        return
    caught = _memory()
    try:
        os.dup2(caught, _STDERR)
        yield
    finally:
        _flush()
        os.dup2(kept, _STDERR)
        os.close(kept)
        with os.fdopen(caught, "rb") as file:
            with suppress(OSError):
                file.seek(0)
            for line in file.read().decode(errors="replace").splitlines():
                log.debug("%s", line)


def drop_native_log() -> None:
    """Drop, until the process ends, what native code writes to standard error; Python's own goes on as before."""
    _flush()
    with suppress(OSError):  # it is closed
        ours = forgiving(os.dup(_STDERR))
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr:
                handler.setStream(ours)
        sys.stderr = ours
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, _STDERR)
        os.close(nowhere)


def _memory() -> int:
    """Open a file that no disk holds; one that holds nothing where the system has none, or no memory."""
    with suppress(OSError, AttributeError):
        return os.memfd_create("native-stderr")
    return os.open(os.devnull, os.O_RDWR)


def _flush() -> None:
    with suppress(OSError, ValueError, AttributeError):  # it is broken, closed or None
        sys.stderr.flush()
