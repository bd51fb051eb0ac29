"""Let other threads wait for the next enhanced result, which is computed for them even where nobody else wants it."""

import threading

from edge_srcnn.sinks import Result


class NextResult:
    """Holds what waiters wait for."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting, self._number = 0, 0
        self._newest: Result | None = None

    @property
    def wanted(self) -> bool:
        """Whether anybody waits."""
        return self._waiting > 0

    def give(self, result: Result) -> None:
        """Hand a result to those who wait."""
        if self.wanted:
            with self._changed:
                self._newest, self._number = result, self._number + 1
                self._changed.notify_all()

    def wait(self, limit_s: float) -> Result | None:
        """Wait for the next result; None where none came in time."""
        with self._changed:
            self._waiting += 1
            try:
                before = self._number
                came = self._changed.wait_for(lambda: self._number != before, limit_s)
                return self._newest if came else None
            finally:
                self._waiting -= 1
                if not self._waiting:
                    self._newest = None
