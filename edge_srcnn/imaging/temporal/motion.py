"""Tell which spots of a picture move, and how long the others have been still."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from edge_srcnn.imaging.temporal.grid import Grid, Whole, any_of
from edge_srcnn.imaging.temporal.noise import FLOOR

STEADY = 16
"""Frames after which a spot has settled."""
_STEPS = [0, 1, *[2] * 3, *[3] * 6, *[4] * 11, *[5] * 23, *[6] * 211]

_BOX = 7  # spots
_ROUNDING = 66 * 66 // 2 // np.arange(8, 1024, 16, dtype=np.int32)
"""What was handed out is rounded: sqrt(n^2 + 66^2) is nearly n + 66^2 / 2n. In 1/256 level, for every sixteen of n."""
_BITS = 6 + 8
ONE = 64
"""What thresholds, and factors of them, are parts of."""


@dataclass(frozen=True)
class Threshold:
    """Say how much larger than noise a difference must be, in 1/64.

    Attributes
    ----------
    box
        The mean of the 7x7 spots around one.
    spot
        One alone.
    """

    box: int
    spot: int


_WEAK, _STRONG, _ANY = Threshold(100, 448), Threshold(128, 576), Threshold(80, 300)
"""Settled spots move where evidence is strong, or weak in two frames running; others where it is weak in one. While the
camera itself moves, any evidence counts."""
_RESTLESS = 26  # of 256: share of the picture that moves when the camera does


def ramp_to(deepest: int) -> Whole:
    """Make a ramp: a new frame counts ``2 ** -ramp[n]`` after n samples of a place that is still."""
    return np.minimum(np.array(_STEPS, np.uint8), np.uint8(deepest))


def _scales_of(ramp: Whole) -> Whole:
    """Give, for every number of samples, 256 times the noise of a frame's difference to the mean by that of a frame."""
    variance, scales = 1.0, []
    for shift in ramp:
        share = 0.5 ** int(shift)
        variance = variance * (1 - share) ** 2 + share * share
        scales.append(round(256 * math.sqrt(1 + variance)))
    return np.array(scales, np.int32)


class Stillness:
    """Counts how long spots have been still.

    Parameters
    ----------
    grid
        Of the picture.
    ramp
        See ``ramp_to``.
    eager
        Factor of all thresholds, in 1/64: less finds more.

    Attributes
    ----------
    age
        uint8, of every spot: frames since it moved.
    samples
        uint8, of every spot: new samples since it moved.
    moved
        uint8, of every spot: 1 where it moves in this frame.
    """

    def __init__(self, grid: Grid, ramp: Whole, eager: int = ONE) -> None:
        self._grid, self._scales, self._eager, self._restless = grid, _scales_of(ramp), eager, 0
        self.age, self.samples, self.moved, self._weak, self._last_weak, self._found, self._one = (
            np.zeros(grid.spots, np.uint8) for _ in range(7)
        )
        self._box = np.zeros(grid.spots, np.uint16)
        self._box_limit = np.zeros((grid.cells[0], grid.spots[1]), np.uint16)
        self._spot_limit = np.zeros(self._box_limit.shape, np.uint8)

    def find(self, difference: Whole, noise: Whole, caution: Whole | None, fresh: Whole | None) -> None:
        """Find the spots that move, into ``moved``.

        Parameters
        ----------
        difference
            uint8, of every spot: how far it is from what was handed out.
        noise
            int32, of every cell, see ``NoiseLevel``.
        caution
            int32, of every cell: factor of the thresholds of settled spots, in 1/64; None: 1.
        fresh
            uint8, of every spot: 255 where the frame is a new sample; None: everywhere. Elsewhere nothing moves.
        """
        cv2.boxFilter(difference, cv2.CV_16U, (_BOX, _BOX), self._box, normalize=False, borderType=cv2.BORDER_REFLECT)
        samples = np.minimum(self._grid.middles(self.samples), STEADY)
        expected = np.maximum(_smooth(noise), FLOOR) * self._scales[samples] >> 8
        expected = (expected + _ROUNDING[np.minimum(expected >> 4, _ROUNDING.size - 1)]) * self._eager >> 6
        self._weak, self._last_weak = self._last_weak, self._weak
        self._exceed(difference, expected, _WEAK, self._weak)
        self._find_settled(difference, expected, caution)
        share = cv2.countNonZero(self.moved) * 256 // self.moved.size
        if max(share, self._restless) > _RESTLESS:
            self._exceed(difference, expected, _ANY, self.moved)
        self._restless += share - self._restless >> (1 if share > self._restless else 3)
        if fresh is not None:
            np.bitwise_and(self.moved, fresh, out=self.moved)
            np.subtract(255, fresh, out=self._found)
            cv2.copyTo(self._last_weak, self._found, self._weak)

    def _find_settled(self, difference: Whole, expected: Whole, caution: Whole | None) -> None:
        """Find what moves before a camera that rests."""
        if caution is None and not any_of(self._weak):  # strong evidence is weak, too
            self.moved[:] = 0
            return
        np.less(self.age, STEADY, out=self.moved.view(np.bool_))
        np.bitwise_and(self.moved, self._weak, out=self.moved)
        if caution is not None:
            expected = expected * caution >> 6
            self._exceed(difference, expected, _WEAK, self._weak)
        np.bitwise_and(self._weak, self._last_weak, out=self._found)
        np.bitwise_or(self.moved, self._found, out=self.moved)
        self._exceed(difference, expected, _STRONG, self._found)
        np.bitwise_or(self.moved, self._found, out=self.moved)

    def count(self, news: Whole | None) -> None:
        """Count this frame.

        Parameters
        ----------
        news
            uint8, of every spot: 1 where the frame is a new sample; None: everywhere.
        """
        rest = np.subtract(self.moved, 1, out=self._found)  # 255 where nothing moves
        for counter, more in ((self.age, None), (self.samples, news)):
            np.minimum(counter, 254, out=counter)
            np.add(counter, 1 if more is None else more, out=counter)
            np.bitwise_and(counter, rest, out=counter)

    def settled_share(self) -> float:
        """Tell what share of the spots has settled, 0 to 1."""
        np.greater_equal(self.age, STEADY, out=self._found.view(np.bool_))
        return cv2.countNonZero(self._found) / self._found.size

    def _exceed(self, difference: Whole, expected: Whole, threshold: Threshold, out: Whole) -> None:
        """Find the spots whose difference exceeds a threshold: 1 into ``out``."""
        grid, found, one = self._grid, self._grid.of_cells(out.view(np.bool_)), self._one.view(np.bool_)
        limit = np.minimum(expected * (threshold.box * _BOX * _BOX) >> _BITS, 0xFFFF)
        np.greater(grid.of_cells(self._box), grid.across_cells(limit, self._box_limit), out=found)
        limit = np.minimum(expected * threshold.spot >> _BITS, 0xFF)
        np.greater(grid.of_cells(difference), grid.across_cells(limit, self._spot_limit), out=grid.of_cells(one))
        np.logical_or(out.view(np.bool_), one, out=out.view(np.bool_))


def _smooth(noise: Whole) -> Whole:
    """Average every cell with its neighbours, as what is around a spot is."""
    down = 2 * noise
    down[1:] += noise[:-1]
    down[:-1] += noise[1:]
    down[[0, -1]] += noise[[0, -1]]
    summed = 2 * down
    summed[:, 1:] += down[:, :-1]
    summed[:, :-1] += down[:, 1:]
    summed[:, [0, -1]] += down[:, [0, -1]]
    summed >>= 4
    return summed
