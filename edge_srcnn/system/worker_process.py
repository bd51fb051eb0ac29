"""Run work that may hang or crash in native code in a process of its own; its owner waits for a bounded time."""

import faulthandler
import importlib
import os
import signal
import socket
import struct
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from edge_srcnn.errors import EdgeSrcnnError
from edge_srcnn.errors.masking import without_secrets

START_S = 30.0
"""A slow computer takes so long to import what the work needs."""

_GRACE_S = 0.5
_MAIN = "import sys; from edge_srcnn.system.worker_process import serve; serve(int(sys.argv[1]), sys.argv[2])"
_CRASHES = frozenset({*map(int, (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV))})
_SECRET_VARIABLES = frozenset({"EDGE_SRCNN_SOURCE", "EDGE_SRCNN_SINKS"})
"""Addresses, which may hold passwords, and are no business of a child."""

_TIME_VALUE = "@ll"  # struct timeval


class ChildDied(ConnectionError):
    """Report a child that is no more.

    Parameters
    ----------
    status
        Its exit status; a signal's number is negative.

    Attributes
    ----------
    crashed
        Its own code ended it, and nobody from outside.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"its process died ({_cause(status)})")
        self.crashed = -status in _CRASHES


class Child:
    """Keep a process that answers one request at a time.

    Parameters
    ----------
    worker
        ``module:function``; called once in the child, and gives the function that answers requests.
    pass_fds
        Descriptors that the child inherits, under the same numbers.
    **settings
        What the worker is called with; anything that can be pickled.

    Raises
    ------
    TimeoutError, ConnectionError
        It did not start.
    EdgeSrcnnError
        Of the worker.
    """

    def __init__(self, worker: str, /, *, pass_fds: Sequence[int] = (), **settings: Any) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _MAIN, str(theirs.fileno()), worker],
                pass_fds=[theirs.fileno(), *pass_fds],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C is for the owner
                env={name: value for name, value in os.environ.items() if name not in _SECRET_VARIABLES},
            )
        self._socket = ours
        self._connection: Connection[Any, Any] = Connection(ours.fileno())
        try:
            self.call(START_S, **settings)
        except BaseException:
            self.close()
            raise

    def call(self, timeout_s: float, /, *arguments: Any, **named: Any) -> Any:
        """Ask, and wait for the answer.

        Parameters
        ----------
        timeout_s
            Seconds to wait.
        *arguments
            Of the worker's function; anything that can be pickled.
        **named
            The same, by name.

        Returns
        -------
        What the worker's function gave.

        Raises
        ------
        TimeoutError
            None came in time; the child is no more.
        ConnectionError
            The child died.
        EdgeSrcnnError
            Of the worker; the child lives on.
        """
        seconds, rest = divmod(timeout_s, 1)
        limit = struct.pack(_TIME_VALUE, int(seconds), max(int(rest * 1e6), 1))
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
            self._connection.send((timeout_s, arguments, named))
            if not self._connection.poll(timeout_s):
                raise TimeoutError(f"no answer for {timeout_s:.3g} s")
            error, value = self._connection.recv()
        except BlockingIOError as late:  # a child that is stopped does not even read
            self.kill()
            raise TimeoutError(f"nothing was taken for {timeout_s:.3g} s") from late
        except TimeoutError:
            self.kill()
            raise
        except (EOFError, OSError) as gone:
            self.close()
            raise ChildDied(self._process.returncode) from gone
        if error is not None:
            raise error
        return value

    def close(self) -> None:
        """End it; more than once."""
        self._drop()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE_S)
        self.kill()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        self._drop()

    def _drop(self) -> None:
        if self._socket.fileno() >= 0:
            self._socket.detach()
            self._connection.close()


def serve(descriptor: int, worker: str) -> None:
    """Serve requests in the child until its owner is gone; one that takes far too long ends it by itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.excepthook = _tell_uncaught
    module, _, function = worker.partition(":")
    answer: Callable[..., Any] | None = None
    owner: Connection[Any, Any] = Connection(descriptor)
    with open(os.devnull, "wb") as nothing:
        while (request := _request(owner)) is not None:
            timeout_s, arguments, named = request
            faulthandler.dump_traceback_later(timeout_s + START_S, exit=True, file=nothing)
            error, value = None, None
            try:
                if answer is None:  # the first request says what the worker is made with
                    answer = getattr(importlib.import_module(module), function)(**named)
                else:
                    value = answer(*arguments, **named)
            except EdgeSrcnnError as ours:
                error = ours
            with suppress(OSError):  # the next request will not come
                owner.send((error, value))
            faulthandler.cancel_dump_traceback_later()
    os._exit(0)  # native code that hangs would hang the interpreter's end


def _tell_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Write the traceback that ends the child to its owner's standard error, without secrets."""
    sys.stderr.write(without_secrets("".join(traceback.format_exception(kind, error, trace))))


def _request(owner: "Connection[Any, Any]") -> Any:
    """Receive time limit and arguments; None when the owner is gone."""
    try:
        return owner.recv()
    except (EOFError, OSError):
        return None


def _cause(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"
