"""Keep the chatter of native libraries ("Created TensorFlow Lite XNNPACK delegate") off the terminal."""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

_STDERR = 2


@contextmanager
def quiet_native_code() -> Iterator[None]:
    """Send what native code writes to standard error into the log, at DEBUG.

    Python's own ``sys.stderr`` keeps working meanwhile when it is not file descriptor 2; otherwise it is
    flushed first, and what other threads write in between goes into the log too.

    Yields
    ------
    Nothing.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as caught:
        kept = os.dup(_STDERR)
        try:
            os.dup2(caught.fileno(), _STDERR)
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, _STDERR)
            os.close(kept)
            caught.seek(0)
            for line in caught.read().decode(errors="replace").splitlines():
                log.debug("%s", line)


def drop_native_log() -> None:
    """Drop, until the process ends, what native code writes to standard error; Python's own goes on as before."""
    sys.stderr.flush()
    ours = os.fdopen(os.dup(_STDERR), "w", buffering=1)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr:
            handler.setStream(ours)
    sys.stderr = ours
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDERR)
    os.close(nowhere)
