"""Tell when a recording needs a picture that stands by itself."""

from fractions import Fraction

KEY_FRAME_S = 2
"""Seconds between two of them."""


class KeyFrames:
    """Tell every 2 seconds that a key frame is due, by the times of the pictures, whatever their rate.

    A picture that stands by itself is what a power cut leaves. What came before it is written when the encoder gives
    it out.

    Parameters
    ----------
    time_base
        Seconds, the unit of the pictures' times.
    """

    def __init__(self, time_base: Fraction) -> None:
        self._every = max(round(KEY_FRAME_S / time_base), 1)
        self._last: int | None = None
        self._awaited: int | None = None

    def is_due(self, pts: int) -> bool:
        """Tell whether the picture of this time is to be one; called once for each, in order."""
        if self._last is not None and pts - self._last < self._every:
            return False
        self._last = pts
        if self._awaited is None:  # else the encoder holds back more than 2 s
            self._awaited = pts
        return True

    def has_come(self, pts: int) -> bool:
        """Tell whether the encoder gave out, with the packet of this time, one that was due; true once."""
        if self._awaited is None or pts < self._awaited:
            return False
        self._awaited = None
        return True
