"""Keep a program alive whose standard streams are closed, full or broken: what it says is lost then, not its work."""

import io
import os
import select
import sys
from contextlib import suppress
from typing import Any

from edge_srcnn.errors import reason

_STDIN, _STDOUT, _STDERR = range(3)
# what is open in the wrong direction refuses data, as a closed one does
_INSTEAD = {_STDIN: os.O_WRONLY, _STDOUT: os.O_RDONLY, _STDERR: os.O_RDWR}
_PATIENCE_S = 1.0
_AT_ONCE_BYTES = 4096  # a pipe that takes anything takes so much without a wait: PIPE_BUF of Linux


def guard_standard_streams() -> None:
    """Give numbers 0 to 2 to nothing else where they are closed, and let no line on standard error raise an error.

    Without that the next file that is opened gets the number of a closed one, and messages go into it.
    """
    for number, flags in _INSTEAD.items():
        if not _is_open(number):
            nowhere = os.open(os.devnull, flags)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            os.set_inheritable(number, True)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - until the program ends
    elif _number_of(sys.stdout) == _STDOUT:
        raw = _RememberingFile(_STDOUT, "w", closefd=False)
        encoding, on_terminal = sys.stdout.encoding, sys.stdout.isatty()
        # names of files may hold bytes that are no text
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=on_terminal)
    if sys.stderr is None or _number_of(sys.stderr) == _STDERR:
        sys.stderr = forgiving(_STDERR)


def forgiving(descriptor: int) -> io.TextIOWrapper:
    """Open a descriptor for text; lines that cannot be written are lost, without an error."""
    raw = _ForgivingFile(descriptor, "w", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(raw), errors="backslashreplace", line_buffering=True)


def never_wait_for_stderr() -> None:
    """Lose lines, too, that a full pipe or a stopped terminal does not take within a second: live pictures go on."""
    raw = getattr(getattr(sys.stderr, "buffer", None), "raw", None)
    if isinstance(raw, _ForgivingFile):
        raw.waits = False


def stdout_problem() -> str | None:
    """Say why standard output did not take what was written; None where it did."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw.problem if isinstance(raw, _RememberingFile) else None


def flush_stdout() -> None:
    """Write what standard output still holds, or drop it: Python would end with a status of its own."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        with suppress(OSError, ValueError):  # one that is closed holds nothing
            os.dup2(nowhere, sys.stdout.fileno())
            sys.stdout.flush()
        os.close(nowhere)


class _RememberingFile(io.FileIO):
    """Knows why something could not be written."""

    problem: str | None = None

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.problem = reason(error)
            raise


class _ForgivingFile(io.FileIO):
    """Takes everything, and writes what can be written."""

    waits = True
    _stuck = False

    def write(self, data: Any, /) -> int:
        size = memoryview(data).nbytes
        try:
            if self.waits:
                written = super().write(data)
            else:
                patience_ms = 0 if self._stuck else 1000 * _PATIENCE_S
                poll = select.poll()
                poll.register(self.fileno(), select.POLLOUT)
                self._stuck = not poll.poll(patience_ms)
                written = None if self._stuck else super().write(memoryview(data)[:_AT_ONCE_BYTES])
        except OSError:  # nobody reads it, no room, the terminal is gone
            return size
        return size if written is None else written


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _number_of(stream: Any) -> int | None:
    try:
        number: int = stream.fileno()
    except (OSError, ValueError, AttributeError):  # no file, or a closed one
        return None
    return number
