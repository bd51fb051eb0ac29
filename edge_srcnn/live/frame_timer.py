"""What a frame takes with a model: remembered, or measured beside the live picture."""

import threading
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from statistics import median
from time import sleep

import numpy as np

from edge_srcnn.engine.tuning_cache import TuningCache, TuningKey
from edge_srcnn.errors import CannotWrite
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.live.frame_upscaler import FrameUpscaler

KeyFor = Callable[[str, tuple[int, int]], TuningKey | None]

_TIMED = (2, 1, 2)
"""Each timed frame has other bits than the one before it, so that no tile of it is reused."""

_MOST_HELD_UP_S = 0.4
"""A model whose frame takes longer is not timed alone: that would hold up the live picture."""

_HELD_UP_BUDGETS = 3
_BREATH_S = 0.01


class FrameTimer:
    """Time frames, of which no part can be reused.

    Parameters
    ----------
    key_for
        Names what a time of a model and a size (width, height) is kept under; None where it is not kept.
    clock
        Gives the time in seconds.

    Attributes
    ----------
    computing
        Held while a frame is computed, also by whoever computes the live picture.
    seconds
        What is known, by model: the fastest frame.
    """

    def __init__(self, key_for: KeyFor, clock: Callable[[], float]) -> None:
        self.computing = threading.Lock()
        self.seconds: dict[str, float] = {}
        self._key_for, self._clock = key_for, clock

    def known_s(self, name: str, size: tuple[int, int]) -> float | None:
        """Look up a model's seconds for frames of that size (width, height)."""
        key = self._key_for(name, size)
        known_ms = None if key is None else TuningCache().get_ms(key)
        if known_ms is None:
            return None
        self.seconds[name] = known_ms / 1000
        return self.seconds[name]

    def time(self, name: str, upscaler: FrameUpscaler, frame: Frame, limit_s: float, *, live: bool = False) -> float:
        """Time a few frames, and keep what the fastest took, which other programs held up least.

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

        Returns
        -------
        The median in seconds, as things are now.
        """
        with self.computing if live else nullcontext():
            upscaler.upscale_frame(frame)
            taken = [self._timed(upscaler, frame, _TIMED[-2])]
        if taken[0] <= min(limit_s * _HELD_UP_BUDGETS, _MOST_HELD_UP_S):
            taken.clear()
            for bits in _TIMED:
                with self.computing:
                    taken.append(self._timed(upscaler, frame, bits))
                sleep(_BREATH_S)  # the live picture has its turn
        self.seconds[name] = min(taken)
        key = self._key_for(name, frame.size)
        if key is not None and min(taken) > 0:
            with suppress(CannotWrite):  # it is only a cache
                TuningCache().put(key, min(taken) * 1000)
        return median(taken)

    def _timed(self, upscaler: FrameUpscaler, frame: Frame, bits: int) -> float:
        other = replace(frame, luma=frame.luma ^ np.uint8(bits))
        began_s = self._clock()
        upscaler.upscale_frame(other)
        return self._clock() - began_s
