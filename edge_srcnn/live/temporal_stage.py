"""Average a source's frames over time before anybody takes them, as long as the machine has the time for it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from time import monotonic

from edge_srcnn.imaging.frame import Frame
from edge_srcnn.imaging.temporal import TemporalMean, TemporalStrength
from edge_srcnn.live.bounded_log import BoundedLog
from edge_srcnn.live.statistics import Durations
from edge_srcnn.system.backoff import Backoff

log = logging.getLogger(__name__)

LOOK_S = 2.0
"""Every so often it is found out whether there is time enough."""

MOST = 0.5
"""More than this part of a live source's time is not spent on averaging: its frames would wait, or get lost."""

REST_FIRST_S, REST_MOST_S = 10.0, 600.0
"""After rests that grow so it is tried again."""

_LEFT = 1 / 13
"""Of the noise's variance, where the picture has been still: measured after 16 frames, at 3 to 10 grey levels."""

_MOVING = "everything moves all the time"


@dataclass(frozen=True)
class Taken:
    """A frame as it is taken, and as the camera gave it: where it is no mean over time, the same one."""

    frame: Frame
    camera: Frame


@dataclass(frozen=True)
class TemporalState:
    """A look at the mean over time.

    Attributes
    ----------
    strength
        How much is averaged: ``weak``, ``normal`` or ``strong``; None: nothing.
    passing
        Why frames pass as they are at the moment, in words; None while they are averaged, or nothing is to be.
    noise
        Standard deviation of the sensor's noise in the luma of one frame, in grey levels; None: not known.
    still
        The part of the picture that has been still for a while, 0 to 1.
    median_ms
        What it takes for a frame.
    """

    strength: str | None = None
    passing: str | None = None
    noise: float | None = None
    still: float = 0.0
    median_ms: float = 0.0


class TemporalStage:
    """Averages the frames of one source after another; one thread gives frames, any thread looks.

    Parameters
    ----------
    clock
        Gives the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._strength: TemporalStrength | None = None
        self._mean: TemporalMean | None = None
        self._cost = Durations()
        self._too_slow: str | None = None
        self._told: str | None = None
        self._changes = BoundedLog(log)
        self._backoff = Backoff(REST_MOST_S, first_s=REST_FIRST_S)
        self._rest_until_s = self._looked_s = 0.0
        self._spent_s, self._frames = 0.0, 0

    def begin_anew(self) -> None:
        """Forget what was seen: the frames that come are of another time, or another camera."""
        self._mean, self._too_slow, self._rest_until_s = None, None, 0.0
        self._backoff.reset()

    def filter(self, frame: Frame, strength: TemporalStrength | None, *, live: bool) -> Taken:
        """Average a frame with those before it.

        Parameters
        ----------
        frame
            The next one.
        strength
            How much is averaged; another one begins anew. None: it passes as it is.
        live
            Its source does not wait: where there is too little time, frames pass as they are for a while.

        Returns
        -------
        The mean, and the frame.
        """
        if strength != self._strength:
            self._strength = strength
            self.begin_anew()
        if strength is None or self._clock() < self._rest_until_s:
            return Taken(frame, frame)
        if self._mean is None:
            self._mean, self._too_slow = TemporalMean(strength), None
            self._look_anew()
        began_s = self._clock()
        averaged = self._mean.filter(frame)
        now_s = self._clock()
        self._cost.add(now_s - began_s)
        if live:
            self._mind(now_s, now_s - began_s)
        self._tell()
        return Taken(averaged, frame)

    def state(self) -> TemporalState:
        """Look at it, from any thread."""
        strength, mean = self._strength, self._mean
        if strength is None:
            return TemporalState()
        noise, still = (None, 0.0) if mean is None else (mean.noise, mean.still)
        return TemporalState(strength.value, self._passing(), noise, still, self._cost.percentiles().median_ms)

    @property
    def noise_left(self) -> float | None:
        """Tell the noise of what is taken, over the whole picture, in grey levels; None where it is not known."""
        mean = self._mean
        noise = None if mean is None else mean.noise
        if mean is None or noise is None or mean.moving:
            return noise
        return noise * sqrt(1.0 - (1.0 - _LEFT) * mean.still)

    def _passing(self) -> str | None:
        mean = self._mean
        return self._too_slow or (_MOVING if mean is not None and mean.moving else None)

    def _look_anew(self) -> None:
        self._looked_s, self._spent_s, self._frames = self._clock(), 0.0, 0

    def _mind(self, now_s: float, taken_s: float) -> None:
        """Rest for a while where it takes too much of the time between two frames."""
        self._spent_s += taken_s
        self._frames += 1
        seconds = now_s - self._looked_s
        if seconds < LOOK_S:
            return
        if self._spent_s > MOST * seconds:
            took_ms, between_ms = (1000 * each / self._frames for each in (self._spent_s, seconds))
            self._too_slow = f"it takes {took_ms:.0f} ms a frame, of {between_ms:.0f} ms"
            self._rest_until_s = now_s + self._backoff.next_s()
            self._mean = None
        self._look_anew()

    def _tell(self) -> None:
        """Log whether frames are averaged, where that changed."""
        passing = self._passing()
        if passing == self._told:
            self._changes.catch_up()
            return
        self._told = passing
        if passing is None:
            self._changes.tell(logging.INFO, "frames are averaged over time again")
        elif self._too_slow:
            cure = "what helps: a smaller size= or fps= of the source; temporal=off ends this"
            self._changes.tell(logging.WARNING, f"frames are not averaged over time: {passing}; {cure}")
        else:
            self._changes.tell(logging.INFO, f"frames are not averaged over time: {passing}")
