"""Wait between tries: longer each time, up to a limit, and never in step with others."""

import random

FIRST_S = 0.25
_JITTER = 0.25


class Backoff:
    """Draw waits between tries: twice as long each time up to a limit, and never in step with others.

    Parameters
    ----------
    most_s
        The longest wait, in seconds.
    first_s
        The first one.
    """

    def __init__(self, most_s: float, *, first_s: float = FIRST_S) -> None:
        self._first_s, self._most_s = min(first_s, most_s), most_s
        self._next_s = self._first_s

    def next_s(self) -> float:
        """Draw the next wait in seconds: up to a quarter shorter than its turn."""
        wait_s, self._next_s = self._next_s, min(self._next_s * 2, self._most_s)
        return wait_s * random.uniform(1 - _JITTER, 1)

    def reset(self) -> None:
        """Make the next wait short: it works again."""
        self._next_s = self._first_s
