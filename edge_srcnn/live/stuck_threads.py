"""Remember the threads in which a camera's driver does not return: its camera is not opened again meanwhile."""

import threading
from dataclasses import dataclass
from time import monotonic


@dataclass(frozen=True)
class _Stuck:
    camera: str
    thread: threading.Thread
    since_s: float


class StuckThreads:
    """Remember threads until they end; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stuck: list[_Stuck] = []

    def add(self, camera: str, thread: threading.Thread) -> None:
        """Add a thread that nobody waits for any more; one that has ended, or is known already, changes nothing."""
        with self._lock:
            alive = self._alive()
            if thread.is_alive() and all(each.thread is not thread for each in alive):
                self._stuck.append(_Stuck(camera, thread, monotonic()))

    def holds(self, camera: str, patience_s: float) -> bool:
        """Tell whether a thread of this camera is still stuck, after so many seconds in which it may end."""
        end_s = monotonic() + patience_s
        with self._lock:
            threads = [each.thread for each in self._alive() if each.camera == camera]
        for thread in threads:
            thread.join(max(end_s - monotonic(), 0))
        return any(thread.is_alive() for thread in threads)

    def longest_s(self) -> float:
        """Tell for how many seconds the first of them has been stuck; 0 where none is."""
        with self._lock:
            return max((monotonic() - each.since_s for each in self._alive()), default=0.0)

    def _alive(self) -> list[_Stuck]:
        self._stuck = [each for each in self._stuck if each.thread.is_alive()]
        return self._stuck


STUCK_THREADS = StuckThreads()
"""Those of this process: whoever opens a camera anew meets what the one before left in the library."""
