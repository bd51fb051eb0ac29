"""Less work for the network: a region of interest, and a rate that is to be kept."""

import logging
from fractions import Fraction
from math import inf, sqrt
from time import perf_counter

from edge_srcnn.errors import UsageError
from edge_srcnn.frame import Frame
from edge_srcnn.imaging.tiles import Tile
from edge_srcnn.upscaler import Upscaler

log = logging.getLogger(__name__)

LEAST_SHARE = 0.02
_BUDGET = 0.9  # of a frame's time; the rest is for everything else
_GROWTH = 1.05
_SMOOTHING = 0.2
_REPORTED_CHANGE = 0.1


class RegionUpscaler:
    """The network sees one rectangle; the rest of the picture is bicubic.

    Parameters
    ----------
    upscaler
        Does the work.
    region
        Left, top, width and height in pixels of the camera's picture; what lies outside of it is cut off.
    """

    def __init__(self, upscaler: Upscaler, region: tuple[int, int, int, int]) -> None:
        self.scale, self.engine, self.model, self.share = upscaler.scale, upscaler.engine, upscaler.model, 1.0
        self._upscaler, self._region = upscaler, region

    def upscale_frame(self, frame: Frame) -> Frame:
        """Enhance a frame.

        Raises
        ------
        UsageError
            The region lies outside of the picture.
        """
        left, top, width, height = self._region
        right, bottom = min(left + width, frame.size[0]), min(top + height, frame.size[1])
        left, top = max(left, 0), max(top, 0)
        if right <= left or bottom <= top:
            raise UsageError(
                f"region {left},{top},{width},{height} lies outside of the picture, which is"
                f" {frame.size[0]}x{frame.size[1]}"
            )
        self.share = (right - left) * (bottom - top) / (frame.size[0] * frame.size[1])
        sides = (top, left, bottom - top, right - left)
        return self._upscaler.upscale_frame(frame, Tile(*(side * self.scale for side in sides)))

    def close(self) -> None:
        """Close the upscaler."""
        self._upscaler.close()


class PacedUpscaler:
    """Keeps a rate: where the machine is too slow, the network sees the middle of the picture only.

    Parameters
    ----------
    upscaler
        Does the work.
    rate
        Frames a second that are to be kept; None: as many as there are.

    Attributes
    ----------
    limit
        The network sees no more than this part of the picture, 0 to 1.
    """

    def __init__(self, upscaler: Upscaler, rate: Fraction | None) -> None:
        self.limit = 1.0
        self.scale, self.engine, self.model, self.share = upscaler.scale, upscaler.engine, upscaler.model, 1.0
        self._upscaler, self._budget_s = upscaler, _BUDGET / float(rate) if rate else inf
        self._cost_s: float | None = None  # of a whole frame, were it enhanced
        self._reported = 1.0

    def upscale_frame(self, frame: Frame) -> Frame:
        """Enhance as much of a frame as there is time for, from its middle outwards."""
        began = perf_counter()
        enhanced = self._upscaler.upscale_frame(frame, None if self.share == 1.0 else self._middle(frame))
        self._adapt(perf_counter() - began)
        return enhanced

    def close(self) -> None:
        """Close the upscaler."""
        self._upscaler.close()

    def _middle(self, frame: Frame) -> Tile:
        width, height = (max(round(side * self.scale * sqrt(self.share)), 1) for side in frame.size)
        whole_width, whole_height = (side * self.scale for side in frame.size)
        return Tile((whole_height - height) // 2, (whole_width - width) // 2, height, width)

    def _adapt(self, seconds: float) -> None:
        cost = seconds / self.share
        self._cost_s = cost if self._cost_s is None else self._cost_s + _SMOOTHING * (cost - self._cost_s)
        affordable = min(self._budget_s / self._cost_s, self.share * _GROWTH)
        self.share = min(max(affordable, LEAST_SHARE), self.limit)
        if abs(self.share - self._reported) > _REPORTED_CHANGE:
            log.warning("%.0f %% of the picture is enhanced, to keep the rate", self.share * 100)
            self._reported = self.share
