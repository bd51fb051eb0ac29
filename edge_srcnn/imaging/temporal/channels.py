"""Average the luma of a source, and its chroma, which moves where luma does."""

import cv2
import numpy as np

from edge_srcnn.imaging.luma import Samples
from edge_srcnn.imaging.temporal.grid import SPOTS, Grid, Whole, any_of
from edge_srcnn.imaging.temporal.light import Light
from edge_srcnn.imaging.temporal.motion import STEADY, Stillness
from edge_srcnn.imaging.temporal.noise import TONES, Change, NoiseLevel
from edge_srcnn.imaging.temporal.plane import PlaneMean

_TICK = 16
"""Frames between those in which what has settled may be handed out anew: its mean is better by then."""
_CAREFUL, _BUSY = 80, 60
"""Factors of thresholds in coded pictures, in 1/64: where a block is repeated as others are, and where it never is."""
_OFTEN = 80  # of 256
_LEARN_EVERY = 4
"""Frames from one of which chroma's noise is learned, unless they are coded: it changes as slowly as luma's."""


class Refresh:
    """Tells when settled blocks are to be handed out anew."""

    def __init__(self, grid: Grid) -> None:
        self._grid, self._tick, self._shown = grid, 0, np.zeros(grid.blocks, np.int32)

    def due(self, samples: Whole) -> Whole | None:
        """Find the blocks whose means have half as many samples again as when they were handed out; or None."""
        self._tick = (self._tick + 1) % _TICK
        if self._tick:
            return None
        rows = np.minimum.reduce(self._grid.of_blocks(samples), axis=1)
        least = np.minimum.reduce(rows.reshape(*self._grid.blocks, -1), axis=2).astype(np.int32)
        self._shown = np.minimum(self._shown, least)
        due: Whole = least * 2 >= self._shown * 3 + 2
        self._shown = np.where(due, least, self._shown)
        return due


class Masks:
    """Keeps planes of spots that are made of values of blocks: nothing of a plane's size is allocated."""

    def __init__(self, grid: Grid) -> None:
        self._grid, self._wide = grid, np.zeros((grid.rows, grid.spots[1]), np.uint8)
        self.news, self.fresh, self.follow = (np.zeros(grid.spots, np.uint8) for _ in range(3))

    def spread(self, blocks: Whole, out: Whole, value: int) -> Whole:
        """Set the spots of some blocks (bool) to a value, and the others to 0."""
        np.copyto(self._grid.of_blocks(out), self._grid.across_blocks(blocks * np.uint8(value), self._wide))
        return out

    def followed(self, age: Whole, due: Whole | None) -> Whole:
        """Tell where the mean is handed out: where a spot has not settled, and in blocks that are due."""
        np.less(age, STEADY, out=self.follow.view(np.bool_))
        if due is not None:
            blocks = self._grid.of_blocks(self.follow)
            np.bitwise_or(blocks, self._grid.across_blocks(due, self._wide), out=blocks)
        return np.negative(self.follow, out=self.follow)


class LumaMean:
    """Averages luma, and knows what moves.

    Parameters
    ----------
    grid
        Of the picture.
    size
        Height and width of the plane.
    ramp
        See ``ramp_to``.
    eager
        Factor of thresholds, see ``Stillness``.
    """

    def __init__(self, grid: Grid, size: tuple[int, int], ramp: Whole, eager: int) -> None:
        self._grid, self._ramp = grid, ramp
        self.noise, self.stillness = NoiseLevel(grid), Stillness(grid, ramp, eager)
        self._plane, self._light = PlaneMean(grid, size, (2, 2)), Light(grid)
        self._refresh, self._masks = Refresh(grid), Masks(grid)
        self._small, self._last, self._before, self._difference = (np.zeros(grid.spots, np.uint8) for _ in range(4))
        self._columns = np.zeros((grid.cells[0], grid.spots[1]), np.uint16)
        self._totals = self._totals_before = self._now = np.zeros(grid.blocks, np.int32)
        self._often, self._news = np.zeros(grid.blocks, np.int32), np.ones(grid.blocks, np.bool_)
        self._padded = self._seen = self._last
        self._handed_out: Whole | None = None
        self._looked_at, self._looks, self._begun = np.zeros(grid.spots, np.uint8), 0, False

    def watch(self, plane: Samples) -> None:
        """Learn the noise of the next frame; ``average`` or ``restart`` may follow."""
        self._padded = self._plane.padded(plane)
        small = self._small = self._plane.spots_of(self._padded, self._small)
        self._now = self._sums(small)
        if not self._begun:
            self._last[:] = self._before[:] = small
            self._totals = self._totals_before = self._now
            self._begun = True
            return
        last = Change(self._changed(self._last), self._light.change(self._now - self._totals))
        before = Change(self._changed(self._before), np.abs(self._now - self._totals_before))
        settled = self._grid.middles(self.stillness.age) >= STEADY
        news = self._news = self.noise.learn(last, before, self._tone, settled)
        self._often += news * 256 - self._often >> 2
        if news.all():
            self._before, self._last, self._small = self._last, small, self._before
            self._totals_before, self._totals = self._totals, self._now
        else:  # a block that is repeated stays the sample that others are compared with
            fresh = self._masks.spread(news, self._masks.fresh, 255)
            cv2.copyTo(self._last, fresh, self._before)
            cv2.copyTo(small, fresh, self._last)
            self._totals_before = np.where(news, self._totals, self._totals_before)
            self._totals = np.where(news, self._now, self._totals)
        self._seen = small

    def restart(self) -> None:
        """Begin anew with the frame that was watched."""
        self._handed_out = None
        self._plane.restart(self._padded)
        self.stillness.age[:] = self.stillness.samples[:] = 0

    def average(self) -> Samples:
        """Average the frame that was watched with those before it.

        Returns
        -------
        uint8 of the plane's size, an array of its own.
        """
        masks, still, news = self._masks, self.stillness, self._news
        fresh = None if news.all() else masks.fresh
        tone, offset = self._tone, self._offset()
        push = self._light.common(offset, tone) * news
        if push.any():
            self._raise(push)
            offset = self._offset()
        difference = np.asarray(cv2.absdiff(self._seen, self._plane.spots, dst=self._difference))
        still.find(difference, self.noise.cells, self._caution(), fresh)
        still.count(None if fresh is None else masks.spread(news, masks.news, 1))
        rest = self._sums(still.moved) == 0 if any_of(still.moved) else np.ones_like(news)
        push = self._light.local(offset, rest, rest & news)
        if push.any():
            self._raise(push)
        follow = masks.followed(still.age, self._refresh.due(still.samples))
        if any_of(follow):
            self._handed_out = None
        self._plane.update(self._padded, self._ramp, still.samples, fresh, follow)
        return self._plane.out

    def unchanged(self, every: int, floor: int) -> float | None:
        """Tell how much of the picture is as it was a while ago.

        Parameters
        ----------
        every
            Frames between looks.
        floor
            Less noise than that is not believed.

        Returns
        -------
        The share of the cells; None where it is not the time to look.
        """
        self._looks = (self._looks + 1) % every
        if self._looks:
            return None
        apart = np.asarray(cv2.absdiff(self._seen, self._looked_at, dst=self._difference))
        changed = self._grid.cell_sums(apart, self._columns)
        self._looked_at[:] = self._seen
        limit = np.maximum(self.noise.cells, floor)
        return int(np.count_nonzero(changed * 15 <= limit * 2)) / changed.size  # 1.5 times its noise

    @property
    def _tone(self) -> Whole:
        return self._now * TONES // (SPOTS * 256)

    def _sums(self, spots: Whole) -> Whole:
        return self._grid.block_sums(self._grid.cell_sums(spots, self._columns))

    def _changed(self, spots: Whole) -> Whole:
        return self._grid.cell_sums(np.asarray(cv2.absdiff(self._small, spots, dst=self._difference)), self._columns)

    def _offset(self) -> Whole:
        if self._handed_out is None:
            self._handed_out = self._sums(self._plane.spots)
        return (self._now - self._handed_out) * (256 // SPOTS)

    def _raise(self, push: Whole) -> None:
        self._plane.raise_blocks(push)
        self._handed_out = None

    def _caution(self) -> Whole | None:
        """Tell by how much thresholds are higher in coded pictures: blocks that are never repeated, move."""
        if not self.noise.coded:
            return None
        busy = self._often > 2 * int(self._often.sum()) // self._often.size + _OFTEN
        return self._grid.cells_of(np.where(busy, _BUSY, _CAREFUL))


class ChromaMean:
    """Averages the two planes of chroma together where luma does not move, and neither do they.

    Parameters
    ----------
    grid
        Of the picture.
    size
        Height and width of a plane.
    spot_px
        Pixels of chroma in a spot, down and across.
    ramp
        See ``ramp_to``.
    eager
        Factor of thresholds, see ``Stillness``.
    """

    def __init__(self, grid: Grid, size: tuple[int, int], spot_px: tuple[int, int], ramp: Whole, eager: int) -> None:
        self._grid, self._ramp = grid, ramp
        self._noise, self._stillness = NoiseLevel(grid), Stillness(grid, ramp, eager)
        self._planes = tuple(PlaneMean(grid, size, spot_px) for _ in range(2))
        self._refresh, self._masks = Refresh(grid), Masks(grid)
        self._small, self._last = ([np.zeros(grid.spots, np.uint8) for _ in range(2)] for _ in range(2))
        self._difference, self._other = (np.zeros(grid.spots, np.uint8) for _ in range(2))
        self._columns, self._tone = np.zeros((grid.cells[0], grid.spots[1]), np.uint16), np.zeros(grid.blocks, np.int32)
        self._dark, self._turn = np.zeros(grid.blocks, np.int32), -1

    def restart(self, chroma: tuple[Samples, Samples]) -> None:
        """Begin anew with a frame."""
        for plane, mean, last in zip(chroma, self._planes, self._last, strict=True):
            mean.restart(mean.padded(plane))
            np.copyto(last, mean.spots)
        self._stillness.age[:] = self._stillness.samples[:] = 0

    def average(self, chroma: tuple[Samples, Samples], luma: LumaMean) -> tuple[Samples, Samples]:
        """Average a frame with those before it.

        Parameters
        ----------
        chroma
            Cb and Cr.
        luma
            That of the same frame, which was averaged.

        Returns
        -------
        Arrays of their own.
        """
        masks, still = self._masks, self._stillness
        padded = [mean.padded(plane) for plane, mean in zip(chroma, self._planes, strict=True)]
        small = [mean.spots_of(*each) for mean, *each in zip(self._planes, padded, self._small, strict=True)]
        change = Change(self._grid.cell_sums(self._apart(small, self._last), self._columns), self._dark)
        self._turn = (self._turn + 1) % _LEARN_EVERY
        if luma.noise.coded or not self._turn or not self._noise.learned:  # else intra frames would be missed
            settled = self._grid.middles(still.age) >= STEADY
            news = self._noise.learn(change, None, self._tone, settled)
        else:
            news = self._noise.news(change)
        fresh = None if news.all() else masks.spread(news, masks.fresh, 255)
        for spots, last in zip(small, self._last, strict=True):
            if fresh is None:
                np.copyto(last, spots)
            else:
                cv2.copyTo(spots, fresh, last)
        still.find(self._apart(small, [mean.spots for mean in self._planes]), self._noise.cells, None, fresh)
        np.bitwise_or(still.moved, luma.stillness.moved, out=still.moved)
        if fresh is not None:  # what luma says moves, is new
            np.bitwise_or(fresh, np.negative(luma.stillness.moved, out=self._other), out=fresh)
        still.count(None if fresh is None else masks.spread(news, masks.news, 1))
        follow = masks.followed(still.age, self._refresh.due(still.samples))
        for each, mean in zip(padded, self._planes, strict=True):
            mean.update(each, self._ramp, still.samples, fresh, follow)
        cb, cr = (mean.out for mean in self._planes)
        return cb, cr

    def _apart(self, some: list[Whole], others: list[Whole]) -> Whole:
        """Add up how far both planes are from others."""
        first, second = self._difference, self._other
        cv2.absdiff(some[0], others[0], dst=first)
        cv2.absdiff(some[1], others[1], dst=second)
        return np.asarray(cv2.add(first, second, dst=first))
