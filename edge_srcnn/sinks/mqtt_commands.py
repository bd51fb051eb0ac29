"""Follow commands in a thread of its own: some take as long as a picture takes to come."""

import logging
import threading
from collections.abc import Callable
from queue import Empty, Full, Queue
from time import monotonic

from edge_srcnn.errors import EdgeSrcnnError, InternalError, UsageError
from edge_srcnn.sinks.control import Control
from edge_srcnn.sinks.home_assistant_controls import NONE, SNAPSHOT

log = logging.getLogger(__name__)

MOST_WAITING = 16
LOG_EVERY_S = 1.0
"""Whoever publishes cannot fill the log."""
_LOOK_S = 0.5


class Commands:
    """Change settings one after the other.

    Parameters
    ----------
    name
        Of the sink, for the log.
    control
        Changes them.
    persist
        Keep them beyond the next start.
    done
        Is told of each command that was followed or refused.

    """

    def __init__(self, name: str, control: Control, *, persist: bool, done: Callable[[], None]) -> None:
        self._refused: dict[str, str] = {}
        self._log_again_s = 0.0
        self._name, self._control, self._persist, self._done = name, control, persist, done
        self._waiting: Queue[tuple[str, bytes]] = Queue(MOST_WAITING)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="mqtt commands", daemon=True)
        self._thread.start()

    @property
    def refused(self) -> str:
        """Why the last command that was not followed was not, until it is; empty: all were."""
        return next(reversed(self._refused.copy().values()), "")

    def take(self, command: str, payload: bytes) -> None:
        """Take a command, and return at once."""
        if not command.isidentifier():  # nor fit for the log
            command = "a command"
        try:
            self._waiting.put_nowait((command, payload))
        except Full:
            self._refuse(command, f"{command}: {MOST_WAITING} commands wait already")

    def close(self) -> None:
        """Follow no further command."""
        self._closing.set()

    def _work(self) -> None:
        while not self._closing.is_set():
            try:
                command, payload = self._waiting.get(timeout=_LOOK_S)
            except Empty:
                continue
            try:
                self._follow(command, payload)
                self._refused.pop(command, None)
            except EdgeSrcnnError as error:
                self._refuse(command, str(error))
            except Exception as error:  # whatever it is, the next command may be followed
                self._refuse(command, str(InternalError.of(error, command)))
            self._done()

    def _follow(self, command: str, payload: bytes) -> None:
        if command == SNAPSHOT:
            log.info("%s: a snapshot was written: %s", self._name, self._control.snapshot())
            return
        try:
            text = payload.decode()
        except UnicodeDecodeError as error:
            raise UsageError(f"{command}: not a text in UTF-8") from error
        setting = next((each for each in self._control.settings() if each.name == command), None)
        value = text if setting is None else setting.read("" if text.lower() == NONE else text)
        self._control.change({command: value}, persist=self._persist)

    def _refuse(self, command: str, why: str) -> None:
        """Write one line, however often the same command comes; others may have written what it tells."""
        why = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in why)
        if self._refused.pop(command, "") != why and monotonic() >= self._log_again_s:
            self._log_again_s = monotonic() + LOG_EVERY_S
            log.warning("%s: a command was refused: %s", self._name, why)
        while len(self._refused) >= MOST_WAITING:  # names are whatever somebody publishes
            self._refused.pop(next(iter(self._refused)))
        self._refused[command] = why
