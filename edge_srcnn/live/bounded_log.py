"""Log what may change again and again, in few lines: a camera with a loose plug fills no disk."""

import logging
from time import monotonic

LINES = 6
"""So many lines at once, and then one a minute."""

EVERY_S = 60.0


class BoundedLog:
    """Write a line where there is room for it; else later, the last of them with how many there were.

    Parameters
    ----------
    logger
        Where to.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._room, self._since_s = float(LINES), monotonic()
        self._waiting: tuple[int, str] | None = None
        self._left_out = 0

    def tell(self, level: int, text: str) -> None:
        """Write a line, now or later."""
        if self._waiting is not None:
            self._left_out += 1
        self._waiting = level, text
        self.catch_up()

    def catch_up(self) -> None:
        """Write the line that waits, if there is room by now."""
        if self._waiting is None:
            return
        now_s = monotonic()
        self._room = min(self._room + (now_s - self._since_s) / EVERY_S, float(LINES))
        self._since_s = now_s
        if self._room < 1:
            return
        level, text = self._waiting
        more = f" (and {self._left_out} lines like this, which were left out)" if self._left_out else ""
        self._logger.log(level, "%s%s", text, more)
        self._room, self._waiting, self._left_out = self._room - 1, None, 0
