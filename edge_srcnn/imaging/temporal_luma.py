"""Average luma over time where nothing moves, and tell what moved."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_srcnn.imaging.luma import Samples, UInt8Array

Whole = NDArray[Any]

_BLOCK, _SPOTS, _BOX = 16, 8, 7  # pixels, spots, spots
_WEAK, _STRONG = (25, 112), (32, 144)  # share of the noise that the mean of a box and a single spot may have, 1/16
_FLOOR, _LOUD = 96, 1536  # 1/256 level: less noise is not believed; more is not noise but an event
STEADY, AGAIN, _OLD = 16, 40, 200  # frames; stillness is counted no further than the last one
_DEAD, _LATE = 26, 160  # 1/8 of the noise; 1/256 level
_SIDE, _TONES, _ENOUGH = 8, 8, 24  # frames; brightness classes; blocks


def ramp_to(deepest: int) -> NDArray[np.int16]:
    """Make a ramp: the new frame counts ``2 ** -ramp[n]`` where nothing has moved for n frames."""
    steps = [0, 1, 1, 2, 2, 2, 2] + [3] * 8 + [4] * 16 + [5] * 225
    return np.minimum(np.array(steps, np.int16), np.int16(deepest))


def _fresh(ramp: NDArray[np.int16]) -> NDArray[np.int32]:
    """Give, for every count of stillness, 256 times the noise of a frame by that of its difference to the mean."""
    variance, out = 1.0, []
    for shift in ramp:
        share = 0.5 ** int(shift)
        variance = variance * (1 - share) ** 2 + share * share
        out.append(round(256 / (1 + variance) ** 0.5))
    return np.array(out, np.int32)


class LumaMean:
    """Averages luma, and knows what moved.

    Parameters
    ----------
    frame
        The first one, uint8 ``[h, w]``.
    ramp
        How much is averaged, see ``ramp_to``.

    Attributes
    ----------
    still
        uint8, of every 2x2 pixels: frames since it moved.
    noise
        int32, of every 16x16 pixels: mean difference of the 2x2 means of two frames by the root of 2, 1/256 level.
    learned
        Whether the noise is known.
    share
        Of the picture that has been still for a while.
    """

    def __init__(self, frame: Samples, ramp: NDArray[np.int16]) -> None:
        self._size, self._ramp, self._fresh, self.share = frame.shape, ramp, _fresh(ramp), 0.0
        self._height, self._width = height, width = tuple(-(-side // _BLOCK) * _BLOCK for side in frame.shape)
        self._rows, self._columns, padded = height // _BLOCK, width // _BLOCK, self._padded(frame)
        self._mean, self._out = np.left_shift(padded, 7, dtype=np.int16), padded.copy()
        half = height // 2, width // 2
        self.still, self._weak = np.zeros(half, np.uint8), np.zeros(half, np.uint8)
        self._box, self._shift = np.zeros(half, np.uint16), np.zeros(half, np.int16)
        self._small = self._half(padded)
        self._total = self._sums(self._small, np.uint16)
        self.noise, self.learned = np.zeros((self._rows, self._columns), np.int32), False
        self._level, self._tops = np.zeros(_TONES, np.int32), [0] * (2 * _SIDE + 1)
        self._t, self._u = np.empty((height, width), np.int16), np.empty((height, width), np.int16)
        self._new, self._gap, self._mask = (np.empty((height, width), np.uint8) for _ in range(3))

    def _padded(self, frame: Samples) -> UInt8Array:
        below, right = self._height - frame.shape[0], self._width - frame.shape[1]
        return np.asarray(cv2.copyMakeBorder(frame, 0, below, 0, right, cv2.BORDER_REPLICATE), np.uint8)

    def _half(self, plane: Whole) -> Whole:
        size = (self._width // 2, self._height // 2)
        return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA))  # (a + b + c + d + 2) >> 2

    def _blocks(self, plane: Whole) -> Whole:
        return plane.reshape(self._rows, -1, plane.shape[1])

    def _sums(self, plane: Whole, column: Any) -> Whole:
        """Add up blocks; ``column`` is a dtype that holds the sum of a block's column."""
        sums: Whole = self._blocks(plane).sum(1, dtype=column)
        return np.asarray(sums.reshape(self._rows, self._columns, -1).sum(2, dtype=np.int32))

    def _each(self, values: Whole, kind: Any, width: int = _SPOTS) -> Whole:
        """Repeat a value of every block, to meet ``_blocks`` that are ``width`` wide."""
        return np.repeat(values.astype(kind), width, 1)[:, None, :]

    def _pairs(self, plane: Whole) -> Whole:
        return plane.reshape(self._height // 2, 2, self._width)

    def _twice(self, values: Whole) -> Whole:
        """Repeat a value of every spot, to meet ``_pairs``."""
        factor, double = (257, np.uint16) if values.itemsize == 1 else (65537, np.uint32)
        wide: Whole = np.multiply(values.view(f"u{values.itemsize}"), factor, dtype=double)
        return wide.view(values.dtype)[:, None, :]

    def _learn(self, small: Whole) -> Whole:
        """Learn the noise from two frames; tell which blocks are new samples, and not the coder's repetition."""
        total = self._sums(small, np.uint16)
        difference = self._sums(np.asarray(cv2.absdiff(small, self._small)), np.uint16)
        seen = (difference - np.abs(total - self._total)) * 212 >> 6
        self._small, self._total, tone = small, total, total * _TONES >> 14
        common = np.full(_TONES, np.sort(seen.ravel())[seen.size // 4])
        for at in range(_TONES):
            some = seen[tone == at]
            if some.size >= _ENOUGH:
                common[at] = np.sort(some)[some.size // 4]
        self._level = np.where(common <= _LOUD, np.maximum(common, self._level * 127 // 128), self._level)
        tops = self._tops = [*self._tops[1:], int(np.sort(seen.ravel())[seen.size * 3 // 4])]
        pulse, quiet = tops[_SIDE], max(min(tops[:_SIDE]), min(tops[_SIDE + 1 :]))
        noise = self.noise
        if self._level.max() < pulse <= _LOUD and 4 * quiet <= pulse == max(tops):
            self._level = np.full_like(self._level, pulse)
            self.learned = False
        level = self._level[tone]
        noise = noise if self.learned else level
        self.learned = True
        heard = np.where(common[tone] * 2 >= level, np.clip(seen, level // 2, level * 3 // 2) - noise >> 4, 0)
        self.noise = np.clip(noise + heard, level // 2, level * 3 // 2)
        return np.asarray(seen * 4 >= self.noise)

    def _evidence(self, difference: Whole, noise: Whole, box: int, spot: int) -> Whole:
        found = np.greater(self._blocks(self._box), self._each(noise * (box * _BOX * _BOX) >> 12, np.uint16))
        found |= np.greater(self._blocks(difference), self._each(np.minimum(noise * spot >> 12, 255), np.uint8))
        return found.reshape(difference.shape).view(np.uint8)

    def _moved(self, small: Whole) -> Whole:
        """Find the spots that moved, uint8 0 or 1."""
        difference = np.asarray(cv2.absdiff(small, self._half(self._out)))
        cv2.boxFilter(difference, cv2.CV_16U, (_BOX, _BOX), self._box, normalize=False, borderType=cv2.BORDER_REFLECT)
        middle = self.still[_SPOTS // 2 :: _SPOTS, _SPOTS // 2 :: _SPOTS]
        noise = (np.maximum(self.noise, _FLOOR) << 8) // self._fresh[middle]
        weak = self._evidence(difference, noise, *_WEAK)
        young = np.less(self.still, STEADY).view(np.uint8)
        moved = weak & (self._weak | young) | self._evidence(difference, noise, *_STRONG)
        self._weak = weak
        return np.asarray(moved)

    def __call__(self, frame: Samples) -> Samples:
        """Average a frame with those before it; a new array of its size."""
        f, t, u, still, blocks, pairs = self._padded(frame), self._t, self._u, self.still, self._blocks, self._pairs
        new, gap, mask, mean = self._new, self._gap, self._mask, self._mean
        small = self._half(f)
        news = self._learn(small)
        moved = self._moved(small)
        noise = self.noise
        np.minimum(still, _OLD, out=still)
        np.add(blocks(still), self._each(news, np.uint8), out=blocks(still))
        still *= 1 - moved
        self.share = cv2.countNonZero(np.greater_equal(still, STEADY).view(np.uint8)) / still.size
        # light that drifts
        np.left_shift(f, 7, out=t, dtype=np.int16)
        np.subtract(t, mean, out=t)
        np.clip(t, -15 * 128, 15 * 128, out=u)
        np.bitwise_and(pairs(u), self._twice(moved.astype(np.int16) - 1), out=pairs(u))
        off, edge = self._sums(u, np.int16) >> 8, noise >> 3
        push = (off - np.clip(off, -edge, edge) >> 1) * news
        if push.any():
            np.add(blocks(mean), self._each(push, np.int16, _BLOCK), out=blocks(mean))
            np.clip(mean, 0, 255 << 7, out=mean)
            np.left_shift(f, 7, out=t, dtype=np.int16)
            np.subtract(t, mean, out=t)
        # the mean
        shift = np.asarray(cv2.LUT(still, self._ramp, self._shift))
        if not news.all():
            np.bitwise_or(blocks(shift), self._each(~news * 15, np.int16), out=blocks(shift))
            shift *= 1 - moved
        np.add(pairs(t), self._twice(np.left_shift(1, shift, dtype=np.int16) >> 1), out=pairs(t))
        np.right_shift(pairs(t), self._twice(shift), out=pairs(t))
        np.add(mean, t, out=mean)
        # what is handed out settles
        np.add(mean, 64, out=t)
        np.right_shift(t, 7, out=new, casting="unsafe")
        cv2.absdiff(new, self._out, gap)
        dead = self._each(np.clip(noise * _DEAD >> 11, 1, 255), np.uint8, _BLOCK)
        np.greater(blocks(gap), dead, out=blocks(mask.view(np.bool_)))
        young = self._twice((np.less(still, STEADY) | np.equal(still, AGAIN)).view(np.uint8))
        np.bitwise_or(pairs(mask), young, out=pairs(mask))
        lag = np.subtract(new, self._out, out=gap).view(np.int8)
        np.multiply(lag, np.subtract(1, mask).view(np.int8), out=lag)
        late = np.abs(self._sums(lag, np.int16)) > _LATE
        if late.any():
            np.bitwise_or(blocks(mask), self._each(late, np.uint8, _BLOCK), out=blocks(mask))
        cv2.copyTo(new, np.negative(mask, out=mask), self._out)
        return self._out[: self._size[0], : self._size[1]].copy()
