"""Pass items from one thread to another through a bounded queue."""

import threading
from collections import deque
from time import monotonic
from typing import Generic, TypeVar

_Item = TypeVar("_Item")


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

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until everything was taken."""
        end = monotonic() + timeout_s
        with self._changed:
            return self._changed.wait_for(lambda: not self._items, max(end - monotonic(), 0))

    @property
    def closed(self) -> bool:
        """Whether it was closed, and nothing is left."""
        with self._changed:
            return self._closed and not self._items
