"""What a frame takes with a model: remembered, or measured beside the live picture."""

import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from statistics import median
from time import sleep
from typing import Protocol

import numpy as np

from edge_srcnn.imaging.frame import Frame
from edge_srcnn.live.pipeline import FrameUpscaler

_TIMED = (2, 1, 2)
"""Each timed frame has other bits than the one before it, so that no tile of it is reused."""

_MOST_HELD_UP_S = 0.4
"""A model whose frame takes longer is not timed alone: that would hold up the live picture."""

_HELD_UP_BUDGETS = 3
_BREATH_S = 0.01


class Times(Protocol):
    """Keeps what a frame takes, between runs."""

    def get_s(self, model: str, size: tuple[int, int]) -> float | None:
        """Give the seconds for a frame of that size (width, height), or None."""
        ...

    def put_s(self, model: str, size: tuple[int, int], seconds: float) -> None:
        """Keep them, if that is possible."""
        ...


@dataclass(frozen=True)
class FrameTime:
    """What frames took: the fastest, which other programs held up least; and the median, as things are now."""

    least_s: float
    usual_s: float


class FrameTimer:
    """Time frames, of which no part can be reused.

    Parameters
    ----------
    times
        Where measured times are kept.
    computing
        Held while a frame is computed.

    Attributes
    ----------
    seconds
        What is known, by model: the fastest frame.
    """

    def __init__(self, times: Times, computing: threading.Lock, clock: Callable[[], float]) -> None:
        self.seconds: dict[str, float] = {}
        self._times, self._computing, self._clock = times, computing, clock

    def known_s(self, name: str, size: tuple[int, int]) -> float | None:
        """Look up a model's seconds for frames of that size (width, height)."""
        seconds = self._times.get_s(name, size)
        if seconds is not None:
            self.seconds[name] = seconds
        return seconds

    def time(
        self, name: str, upscaler: FrameUpscaler, frame: Frame, limit_s: float, *, live: bool = False
    ) -> FrameTime:
        """Time a few frames, and keep what the fastest took.

        Parameters
        ----------
        name
            The model's.
        upscaler
            Computes them.
        frame
            What they are like.
        limit_s
            Where the first takes much longer, no more are timed.
        live
            Whether it is the upscaler of the live picture, which must not be used twice at a time.
        """
        with self._computing if live else nullcontext():
            upscaler.upscale_frame(frame)
            taken = [self._timed(upscaler, frame, _TIMED[-2])]
        if taken[0] <= min(limit_s * _HELD_UP_BUDGETS, _MOST_HELD_UP_S):
            taken.clear()
            for bits in _TIMED:
                with self._computing:
                    taken.append(self._timed(upscaler, frame, bits))
                sleep(_BREATH_S)  # the live picture has its turn
        self._times.put_s(name, frame.size, min(taken))
        self.seconds[name] = min(taken)
        return FrameTime(min(taken), median(taken))

    def _timed(self, upscaler: FrameUpscaler, frame: Frame, bits: int) -> float:
        other = replace(frame, luma=frame.luma ^ np.uint8(bits))
        began_s = self._clock()
        upscaler.upscale_frame(other)
        return self._clock() - began_s
