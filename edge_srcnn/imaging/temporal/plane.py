"""Hold the mean of one plane, and what was handed out of it, which stays to the byte where it is told to."""

import cv2
import numpy as np

from edge_srcnn.imaging.luma import Samples
from edge_srcnn.imaging.temporal.grid import BLOCK_SPOTS, Grid, Whole, all_of, any_of

_BITS = 7
"""The mean is an int16 in 1/128 level."""
_HALF = 72
"""Half a level, and 1/16: shifts to the right round down, which leaves the mean lower by about that."""
_WIDEST = 15 << _BITS
"""Sixteen of them fit an int16."""


class PlaneMean:
    """Averages a plane; nothing of its size is allocated after the first frame but what is handed out.

    Parameters
    ----------
    grid
        Of the picture.
    size
        Height and width of the plane.
    spot_px
        Pixels of a spot in this plane, down and across: 2x2 for luma, 1x1 for the chroma of 4:2:0.

    Attributes
    ----------
    spots
        uint8, of every spot: mean of what was handed out.
    """

    def __init__(self, grid: Grid, size: tuple[int, int], spot_px: tuple[int, int]) -> None:
        self._grid, self._size, self._spot_px = grid, size, spot_px
        self._strips = grid.strips(BLOCK_SPOTS**2 * spot_px[0] * spot_px[1])
        self._shape = grid.spots[0] * spot_px[0], grid.spots[1] * spot_px[1]
        self._padded = np.zeros(self._shape, np.uint8)
        self._mean, self._out = np.zeros(self._shape, np.int16), np.zeros(self._shape, np.uint8)
        self.spots = self._out if spot_px == (1, 1) else np.zeros(grid.spots, np.uint8)
        rows = max(last - first for first, last in self._strips) * BLOCK_SPOTS
        width = self._shape[1]
        strip = rows * spot_px[0], width
        self._change, self._new, self._mask = (
            np.zeros(strip, np.int16),
            np.zeros(strip, np.uint8),
            np.zeros(strip, np.uint8),
        )
        self._shifts = np.zeros((rows, grid.spots[1]), np.int16)
        self._wide = np.zeros((rows, width), np.int16)

    @property
    def out(self) -> Samples:
        """Give what is handed out, as an array of its own."""
        return self._out[: self._size[0], : self._size[1]].copy()

    def padded(self, plane: Samples) -> Whole:
        """Repeat the border of a plane up to whole blocks; valid until the next call."""
        if plane.shape == self._shape:
            return np.ascontiguousarray(plane)
        below, right = (whole - side for whole, side in zip(self._shape, plane.shape, strict=True))
        cv2.copyMakeBorder(plane, 0, below, 0, right, cv2.BORDER_REPLICATE, dst=self._padded)
        return self._padded

    def spots_of(self, padded: Whole, out: Whole) -> Whole:
        """Average the pixels of every spot into ``out``, to the nearest level; a plane of spots is given as it is."""
        if self._spot_px == (1, 1):
            return padded
        return np.asarray(cv2.resize(padded, out.shape[::-1], dst=out, interpolation=cv2.INTER_AREA))

    def restart(self, padded: Whole) -> None:
        """Begin anew with a frame."""
        np.left_shift(padded, _BITS, out=self._mean, dtype=np.int16)
        np.copyto(self._out, padded)
        self.spots_of(self._out, self.spots)

    def raise_blocks(self, push: Whole) -> None:
        """Raise the mean of blocks with the light, and hand it out there.

        Parameters
        ----------
        push
            int32, of every block: by how much what was handed out is too dark, 1/256 level; 0: nothing is done.
        """
        side = BLOCK_SPOTS * self._spot_px[0]
        for first, last in self._strips:
            if not push[first:last].any():
                continue
            rows, spots = slice(first * side, last * side), slice(first * BLOCK_SPOTS, last * BLOCK_SPOTS)
            mean, out = self._mean[rows], self._out[rows]
            change, new, mask = (buffer[: len(mean)] for buffer in (self._change, self._new, self._mask))
            np.left_shift(out, _BITS, out=change, dtype=np.int16)
            np.subtract(change, mean, out=change)
            np.clip(change, -_WIDEST, _WIDEST, out=change)
            by_block = (last - first, side, self._grid.columns, -1)
            sums = np.add.reduce(change.reshape(last - first, side, -1), axis=1, dtype=np.int16)
            apart = sums.reshape(last - first, self._grid.columns, -1).sum(axis=2, dtype=np.int32)
            apart //= side * sums.shape[1] // self._grid.columns
            raised = np.where(push[first:last] != 0, (push[first:last] >> 1) + apart, 0)[:, None, :, None]
            np.copyto(change.reshape(by_block), raised, casting="unsafe")
            cv2.add(mean, change, dst=mean)  # which ends where an int16 does
            np.clip(mean, 0, 255 << _BITS, out=mean)
            np.multiply(np.not_equal(change, 0, out=mask.view(np.bool_)), np.uint8(255), out=mask)
            self._rounded(mean, change, new)
            cv2.copyTo(new, mask, out)
            self.spots_of(out, self.spots[spots])

    def update(self, padded: Whole, ramp: Whole, samples: Whole, fresh: Whole | None, follow: Whole) -> None:
        """Take in a frame.

        Parameters
        ----------
        padded
            The frame's plane.
        ramp
            uint8: by the number of samples, how far to the right a difference is shifted.
        samples
            uint8, of every spot: how many there are.
        fresh
            uint8, of every spot: 255 where the frame is a new one; None: everywhere.
        follow
            uint8, of every spot: 255 where the mean is handed out; elsewhere what was handed out stays.
        """
        for first, last in self._strips:
            spots = slice(first * BLOCK_SPOTS, last * BLOCK_SPOTS)
            rows = slice(spots.start * self._spot_px[0], spots.stop * self._spot_px[0])
            new = None if fresh is None else fresh[spots]
            if new is None or any_of(new):
                self._average(padded[rows], self._mean[rows], ramp, samples[spots], new)
            if any_of(follow[spots]):
                self._hand_out(rows, follow[spots])
                self.spots_of(self._out[rows], self.spots[spots])

    def _average(self, frame: Whole, mean: Whole, ramp: Whole, samples: Whole, fresh: Whole | None) -> None:
        change = self._change[: len(frame)]
        np.left_shift(frame, _BITS, out=change, dtype=np.int16)
        np.subtract(change, mean, out=change)
        least, most, *_ = cv2.minMaxLoc(samples)
        pairs, shifts = self._pairs(change), self._shifts[: len(samples)]
        if ramp[int(least)] == ramp[int(most)]:
            np.right_shift(change, np.int16(ramp[int(least)]), out=change)
        else:
            np.copyto(shifts, cv2.LUT(samples, ramp))
            np.right_shift(pairs, self._across(shifts), out=pairs)
        if fresh is not None and not all_of(fresh):
            np.copyto(shifts, fresh.view(np.int8))  # -1 has all bits
            np.bitwise_and(pairs, self._across(shifts), out=pairs)
        np.add(mean, change, out=mean)

    def _hand_out(self, rows: slice, follow: Whole) -> None:
        mean, out = self._mean[rows], self._out[rows]
        change, new, mask = (buffer[: len(mean)] for buffer in (self._change, self._new, self._mask))
        if all_of(follow):
            self._rounded(mean, change, out)
            return
        self._rounded(mean, change, new)
        np.copyto(self._pairs(mask), self._across(follow))
        cv2.copyTo(new, mask, out)

    @staticmethod
    def _rounded(mean: Whole, spare: Whole, out: Whole) -> None:
        np.add(mean, _HALF, out=spare)
        np.right_shift(spare, _BITS, out=out, casting="unsafe")

    def _pairs(self, strip: Whole) -> Whole:
        """View a strip so that a value of every spot meets it, see ``_across``."""
        return strip.reshape(-1, self._spot_px[0], strip.shape[1])

    def _across(self, spots: Whole) -> Whole:
        """Repeat a value of every spot across its pixels, by a product of twice its width."""
        if self._spot_px[1] == 1:
            return spots[:, None, :]
        bits = 8 * spots.itemsize
        wide = self._wide.view(spots.dtype)[: len(spots), : spots.shape[1] * 2]
        double = f"u{2 * spots.itemsize}"
        np.multiply(spots.view(f"u{spots.itemsize}"), (1 << bits) + 1, out=wide.view(double), dtype=double)
        return wide[:, None, :]
