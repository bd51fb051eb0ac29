"""Treat signals as ordinary calls: each is acted upon in a thread of its own, never amid what the main thread does.

A handler of Python's interrupts the main thread wherever it is, with whatever locks it holds: to set an event there may
wait for the very lock that the interrupted line has taken.
"""

import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress


@contextmanager
def acting_on(actions: Mapping[signal.Signals, Callable[[], None]]) -> Iterator[None]:
    """Call an action for each signal that comes, until the block ends; from the main thread only.

    Actions may run beside each other, the same one too. Child processes get their signals as ever.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    before_fd = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    before = {number: signal.signal(number, _nothing) for number in actions}
    dispatcher = threading.Thread(target=_dispatch, args=(reader, actions), name="signals", daemon=True)
    dispatcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before_fd)
        for number, handler in before.items():
            signal.signal(number, handler)
        writer.close()
        dispatcher.join()
        reader.close()


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block as Ctrl-C does, so that it cleans up; the status is 128 and the number.

    SIGHUP stays ignored where it is, as after nohup(1). From the main thread only.
    """

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    hang_up = () if is_ignored(signal.SIGHUP) else (signal.SIGHUP,)
    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, *hang_up)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def is_ignored(number: signal.Signals) -> bool:
    """Tell whether whoever started the program has a signal ignored, as nohup(1) does SIGHUP."""
    return signal.getsignal(number) == signal.SIG_IGN


def _dispatch(reader: socket.socket, actions: Mapping[signal.Signals, Callable[[], None]]) -> None:
    while numbers := reader.recv(64):
        for number in numbers:
            with suppress(KeyError):  # somebody else's signal
                threading.Thread(target=actions[signal.Signals(number)], daemon=True).start()


def _nothing(number: int, frame: object) -> None:
    """Take the place of the default, which would end the process."""
