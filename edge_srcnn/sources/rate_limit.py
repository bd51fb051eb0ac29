"""Take only so many of a source's frames a second."""

from fractions import Fraction
from math import inf

_EPSILON_S = 1e-6  # what sums of times may be off by
_SLACK = Fraction(101, 100)  # a camera's clock is never exactly that of another


class RateLimit:
    """Choose frames by their times, evenly: those that lie nearest to where one is due; none is made up.

    Parameters
    ----------
    fps
        Frames a second.
    rate
        Nominal rate of what comes, or None. Where that is no more than ``fps``, only a camera that does not keep it
        loses frames, and none for times that tremble.
    """

    def __init__(self, fps: Fraction, rate: Fraction | None) -> None:
        keeps_it = rate is not None and rate <= fps * _SLACK
        self._period_s = float(1 / (fps * (_SLACK if keeps_it else 1)))
        self._credit_s = self._period_s / 2 if keeps_it else 0.0
        self._due_s, self._before_s = 0.0, inf

    def takes(self, time_s: float) -> bool:
        """Tell whether a frame of this time is wanted; times go on, or begin anew."""
        gap_s = time_s - self._before_s
        self._before_s = time_s
        if gap_s < 0 or time_s - self._due_s > self._period_s:  # the first one, or after a pause
            self._due_s = time_s - self._credit_s
        elif self._due_s - time_s > gap_s / 2 + _EPSILON_S:  # the next one will be nearer, if it comes as this one did
            return False
        self._due_s += self._period_s
        return True
