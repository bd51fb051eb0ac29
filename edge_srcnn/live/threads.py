"""What threads need of each other: bounded queues, and the memory of those that hang."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from time import monotonic
from typing import Generic, TypeVar

_Item = TypeVar("_Item")

FILE_DEPTH = 4
"""Frames of a file, or results, that wait between two threads."""


class BoundedQueue(Generic[_Item]):
    """Hold a few items between two threads.

    Parameters
    ----------
    depth
        How many it holds.
    block
        When it is full: True makes ``put`` wait, False drops the oldest and counts it.

    Attributes
    ----------
    dropped
        Items that nobody took.
    """

    def __init__(self, depth: int, *, block: bool) -> None:
        self.dropped = 0
        self._items: deque[_Item] = deque()
        self._depth, self._block = depth, block
        self._changed = threading.Condition()
        self._closed = False

    def put(self, item: _Item, timeout_s: float | None = None) -> bool:
        """Hand an item on; False when there was no room for ``timeout_s``, or nobody takes items any more."""
        with self._changed:
            if self._block:
                room = self._changed.wait_for(lambda: self._closed or len(self._items) < self._depth, timeout_s)
                if not room:
                    return False
            if self._closed:
                return False
            if len(self._items) >= self._depth:
                self._items.popleft()
                self.dropped += 1
            self._items.append(item)
            self._changed.notify_all()
            return True

    def take(self, timeout_s: float | None = None) -> _Item | None:
        """Take the oldest item; None when it is closed and empty, or nothing came for ``timeout_s``."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._items, timeout_s)
            if not self._items:
                return None
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def close(self, *, drop: bool = False) -> None:
        """Take no more items; those that are there can still be taken, unless they are to be dropped."""
        with self._changed:
            self._closed = True
            if drop:
                self._items.clear()
            self._changed.notify_all()

    @property
    def empty(self) -> bool:
        """Whether everything was taken."""
        with self._changed:
            return not self._items

    @property
    def closed(self) -> bool:
        """Whether it was closed, and nothing is left."""
        with self._changed:
            return self._closed and not self._items


class StuckThreads:
    """Remember threads in which a camera's driver does not return, until they end; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stuck: dict[threading.Thread, tuple[str, float]] = {}

    def add(self, camera: str, thread: threading.Thread) -> None:
        """Add a thread that nobody waits for any more; one that is known already changes nothing."""
        with self._lock:
            self._stuck.setdefault(thread, (camera, monotonic()))

    def holds(self, camera: str, patience_s: float) -> bool:
        """Tell whether a thread of this camera is still stuck, after so many seconds in which it may end."""
        end_s = monotonic() + patience_s
        threads = [thread for thread, (name, _) in self._alive().items() if name == camera]
        for thread in threads:
            thread.join(max(end_s - monotonic(), 0))
        return any(thread.is_alive() for thread in threads)

    def longest_s(self) -> float:
        """Tell for how many seconds the first of them has been stuck; 0 where none is."""
        return max((monotonic() - since_s for _, since_s in self._alive().values()), default=0.0)

    def _alive(self) -> dict[threading.Thread, tuple[str, float]]:
        with self._lock:
            self._stuck = {thread: about for thread, about in self._stuck.items() if thread.is_alive()}
            return self._stuck.copy()


STUCK_THREADS = StuckThreads()
"""Those of this process: whoever opens a camera anew meets what the one before left in the library."""


def in_thread(name: str, work: Callable[[], _Item]) -> Future[_Item]:
    """Do something in a thread of its own, which holds up nobody: the process ends without it.

    What it raises waits in the future: somebody has to ask for it.
    """
    future: Future[_Item] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # raised again by whoever wants the result
            future.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
