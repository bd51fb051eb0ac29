"""Threads in which a camera library does not return: no other is begun beside them, and how long they hang is known."""

import threading
from dataclasses import dataclass
from time import monotonic


@dataclass(frozen=True)
class _Left:
    camera: str
    thread: threading.Thread
    since_s: float


class LeftBehind:
    """Remembers threads until they end; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: list[_Left] = []

    def add(self, camera: str, thread: threading.Thread) -> None:
        """Nobody waits for this thread any more; one that has ended, or is known already, changes nothing."""
        with self._lock:
            alive = self._alive()
            if thread.is_alive() and all(each.thread is not thread for each in alive):
                self._left.append(_Left(camera, thread, monotonic()))

    def busy(self, camera: str, patience_s: float) -> bool:
        """Whether a thread of this camera still hangs, after so many seconds in which it may end."""
        end_s = monotonic() + patience_s
        with self._lock:
            threads = [each.thread for each in self._alive() if each.camera == camera]
        for thread in threads:
            thread.join(max(end_s - monotonic(), 0))
        return any(thread.is_alive() for thread in threads)

    def longest_s(self) -> float:
        """For how many seconds the first of them has been left behind; 0 where none is."""
        with self._lock:
            return max((monotonic() - each.since_s for each in self._alive()), default=0.0)

    def _alive(self) -> list[_Left]:
        self._left = [each for each in self._left if each.thread.is_alive()]
        return self._left


LEFT_BEHIND = LeftBehind()
"""Of this process: whoever opens a camera anew meets what the one before left in the library."""
