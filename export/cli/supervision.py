"""Run this command again in a child, and tell how it ended.

JAX aborts a process that lost the others, without a word that a user understands.
"""

import atexit
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from edge_srcnn.errors import EdgeSrcnnError, InternalError
from export.training.cluster import LOST, ProcessLost

_PARENT = "EDGE_SRCNN_SUPERVISED"
"""Names a descriptor that is at its end when the parent is no more."""

_GRACE_S = 10.0
"""After a signal, a child that waits for the others inside JAX, and hears nothing, is killed."""

_INTERRUPTED = 128 + signal.SIGINT


def is_supervised() -> bool:
    """Tell whether this process is such a child; if so, end it with its parent."""
    parent = os.environ.pop(_PARENT, None)
    if parent is None:
        return False
    threading.Thread(target=_end_with, args=(int(parent),), daemon=True).start()
    return True


def supervise() -> int:
    """Run this command in a child, pass signals on to it, and give its exit status.

    Returns
    -------
    The exit status of the child, which has told its own errors.

    Raises
    ------
    ProcessLost
        It was aborted, because another process of the training ended.
    EdgeSrcnnError
        A signal ended it.
    """
    ends_with_us, ours = os.pipe()
    child = subprocess.Popen(
        [sys.executable, *sys.orig_argv[1:]],
        env={**os.environ, _PARENT: str(ends_with_us)},
        pass_fds=[ends_with_us],
        process_group=0,  # a terminal's Ctrl-C comes through us, once
    )
    os.close(ends_with_us)

    signalled: list[tuple[float, int]] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        signalled.append((time.monotonic(), number))
        child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        status = _wait(child, signalled)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(ours)
    if status < 0 and signalled:
        return 128 + signalled[0][1]
    if status == -signal.SIGABRT:
        raise ProcessLost(LOST)
    if status in (-signal.SIGKILL, -signal.SIGSEGV, -signal.SIGBUS):
        raise EdgeSrcnnError(f"the training was ended by {signal.Signals(-status).name}; start all processes again")
    return status if status >= 0 else 128 - status


def _wait(child: "subprocess.Popen[bytes]", signalled: list[tuple[float, int]]) -> int:
    """Wait until a child ends; some time after a signal, end it."""
    while True:
        with suppress(subprocess.TimeoutExpired):
            return child.wait(1.0)
        if signalled and time.monotonic() > signalled[0][0] + _GRACE_S:
            child.kill()


@contextmanager
def leave_at_once() -> Iterator[None]:
    """End the process, where the block fails, without JAX' wait for the others, who wait for this one.

    Yields
    ------
    Nothing.
    """
    try:
        yield
    except BaseException as error:
        known = {KeyboardInterrupt: _INTERRUPTED, SystemExit: 1}
        status = getattr(error, "exit_code", None) or known.get(type(error), InternalError.exit_code)
        atexit.register(_leave, status)  # the last one that was registered is the first to be called
        raise


def _leave(status: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _end_with(parent: int) -> None:
    os.read(parent, 1)
    os._exit(1)
