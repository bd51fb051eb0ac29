"""Tell when frames of a live stream are to be shown, and when one is overdue, whatever the stream's own clock says."""

import logging
from collections import deque
from math import isfinite
from statistics import median

log = logging.getLogger(__name__)

MOST_APART_S = 1.0
"""A stream's own times hold while they and those of arrival are no further apart."""

_LEAST_STEP_S = 0.001
_SLEW = 0.005  # clocks of cameras are off by less than 0.05 %
_DISTRUST_S, _LONGEST_DISTRUST_S = 2.0, 600.0
_FIRST = 6
_PATIENCE = 3
_INTERVALS = 5
_LONGEST_S = 300.0


class StreamClock:
    """Give frames the times of their stream, as long as these go with the clock of this machine.

    A slow drift is followed. Times that jump, stand still, go back, or go at another speed are replaced by those of
    arrival; the stream's are tried again later, each time after twice as long. What comes out always increases.

    Parameters
    ----------
    name
        Of the stream, for the one warning.
    lead_s
        Seconds of the stream that may have been waiting when the first frame was read.
    step_s
        Seconds between two frames by what the stream says of its rate; 0: it says nothing.
    """

    def __init__(self, name: str, lead_s: float = 0.0, step_s: float = 0.0) -> None:
        self._name, self._lead_s = name, lead_s
        self._step_s = step_s if step_s <= MOST_APART_S else 0.0
        self._first_s = self._last_arrival_s = 0.0
        self._shift_s = 0.0  # from an arrival to the time of its frame, where nothing else is known
        self._last_s: float | None = None
        self._last_stamp_s: float | None = None
        self._offset_s: float | None = None  # from a stamp to the time of its frame
        self._distrust_s, self._distrusted_until_s = _DISTRUST_S, float("-inf")
        self._told = False

    def time_s(self, stamp_s: float | None, arrival_s: float) -> float:
        """Tell when a frame is to be shown.

        Parameters
        ----------
        stamp_s
            What the stream says, in seconds from anywhere; None: nothing.
        arrival_s
            When the frame came, in seconds of ``time.monotonic()``.

        Returns
        -------
        Seconds from the first frame, more than for the frame before.
        """
        if stamp_s is not None and not isfinite(stamp_s):
            stamp_s = None
        if self._last_s is None:
            self._first_s, self._shift_s, time_s = arrival_s, -arrival_s, 0.0
        else:
            time_s = self._next_s(stamp_s, arrival_s)
        if stamp_s is not None:
            if self._offset_s is None or arrival_s < self._distrusted_until_s:
                self._offset_s = time_s - stamp_s
            self._last_stamp_s = stamp_s
        self._last_s, self._last_arrival_s = time_s, arrival_s
        return time_s

    def _next_s(self, stamp_s: float | None, arrival_s: float) -> float:
        last_s = self._last_s or 0.0
        waited_s = arrival_s - self._last_arrival_s
        least_s = last_s + _LEAST_STEP_S
        by_arrival_s = max(arrival_s + self._shift_s, least_s)
        if self._offset_s is None and arrival_s - self._first_s < self._lead_s:
            # the first frames of RTSP come without times, and together, since they had been waiting
            return max(by_arrival_s, last_s + self._step_s)
        if stamp_s is None or self._offset_s is None or arrival_s < self._distrusted_until_s:
            return by_arrival_s
        time_s = stamp_s + self._offset_s
        apart_s = time_s - (arrival_s - self._first_s)
        if 0 < apart_s <= self._lead_s + MOST_APART_S:  # the first frame had been waiting
            waiting_s = min(apart_s, self._lead_s)
            self._first_s, self._lead_s, apart_s = (
                self._first_s - waiting_s,
                self._lead_s - waiting_s,
                apart_s - waiting_s,
            )
        stands = self._last_stamp_s is not None and stamp_s <= self._last_stamp_s
        if stands or abs(apart_s) > MOST_APART_S:
            self._distrust(arrival_s, "stand still or go back" if stands else f"are off by {abs(apart_s):.1f} s")
            return by_arrival_s
        drift_s = max(min(apart_s, _SLEW * waited_s), -_SLEW * waited_s)
        self._offset_s -= drift_s
        time_s = max(time_s - drift_s, least_s)
        self._shift_s = time_s - arrival_s
        return time_s

    def _distrust(self, arrival_s: float, why: str) -> None:
        self._distrusted_until_s = arrival_s + self._distrust_s
        self._distrust_s = min(self._distrust_s * 2, _LONGEST_DISTRUST_S)
        if not self._told:
            self._told = True
            log.warning(
                "%s: the times that the stream gives %s; where they do so, its frames are timed by their arrival",
                self._name,
                why,
            )


class FrameLimit:
    """Tell how long to wait for the next frame: a camera may be slow by nature.

    Parameters
    ----------
    timeout_s
        The limit for a camera that gives frames more often. Six times as long for the first frames.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._last_s: float | None = None
        self._intervals: deque[float] = deque(maxlen=_INTERVALS)

    def came(self, now_s: float) -> None:
        """Take note of a frame."""
        if self._last_s is not None:
            self._intervals.append(now_s - self._last_s)
        self._last_s = now_s

    @property
    def limit_s(self) -> float:
        """Seconds until a frame is overdue."""
        if len(self._intervals) < _INTERVALS:  # the first ones may have been waiting, and say nothing of its pace
            return _FIRST * self._timeout_s
        usual_s = median(self._intervals)
        return max(self._timeout_s, min(_PATIENCE * usual_s, _LONGEST_S))
