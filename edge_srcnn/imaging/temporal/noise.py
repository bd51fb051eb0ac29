"""Learn how noisy a picture is, place by place, from what changes between its frames, whatever moves in it.

Noise is the mean absolute difference of the spots of two frames by the root of 2, in 1/256 level: 102 for white noise
of a standard deviation of 1 level in each pixel. A place is usually as noisy as the others of its brightness, and the
quietest quarter of those tells how noisy they are: it does not move.

A coder of video repeats places that change little, and codes the whole picture anew once in a while. Only such an intra
frame tells how noisy a coded picture is: it is a pulse among quieter frames.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from edge_srcnn.imaging.temporal.grid import Grid, Whole

PER_LEVEL = 102
TONES = 8
"""Classes of brightness."""
FLOOR = 96
"""Less noise than this is not believed where motion is looked for: rounding alone makes differences."""

_LOUD = 2560  # more than 10 levels is no noise but an event
_SCALE, _SCALE_BITS = 195, 6  # of a block's sum: 256 / 64 / root of 2, and 8 % for what is taken off as light
_ENOUGH = 24  # blocks that can tell of a class
_LEARNING, _FALLING = 4, 4  # a place learns a sixteenth a frame; a class that gets quieter falls by a sixteenth
_FIRST = 48  # frames after which only places that rest may be found to be much noisier than others
_SIDE = 8  # quiet frames on either side of an intra frame
_TRIAL, _TRUST, _LONGEST = 100, 4, 1200  # frames that a first pulse is believed; intervals that the next ones are


@dataclass(frozen=True)
class Change:
    """Hold what changed between two frames.

    Attributes
    ----------
    cells
        int32, of every cell: sum of its spots' absolute differences.
    light
        int32, of every block: absolute difference of its sums, as far as its neighbours share it.
    """

    cells: Whole
    light: Whole


@dataclass(frozen=True)
class _Heard:
    """Keep what was seen in a frame: the lower quartile of all blocks, every block and its class, and every cell."""

    quartile: int
    blocks: Whole
    tone: Whole
    cells: Whole


class NoiseLevel:
    """Follows how noisy every cell is.

    Parameters
    ----------
    grid
        Of the picture.

    Attributes
    ----------
    cells
        int32, of every cell: its noise.
    usual
        int32, of every block: what is usual for its brightness.
    learned
        Whether they mean anything yet.
    coded
        Whether intra frames were seen lately.
    """

    def __init__(self, grid: Grid) -> None:
        self._grid, self.learned, self.coded = grid, False, False
        self.cells, self.usual = np.zeros(grid.cells, np.int32), np.zeros(grid.blocks, np.int32)
        self._level, self._pulse = np.zeros(TONES, np.int32), np.zeros(TONES, np.int32)
        self._past: deque[_Heard] = deque(maxlen=2 * _SIDE + 1)
        self._believed, self._since, self._frames = 0, 0, 0

    def learn(self, last: Change, before: Change | None, tone: Whole, settled: Whole) -> Whole:
        """Take in a frame.

        Parameters
        ----------
        last
            What changed since the last sample of each block.
        before
            The same since the last but one; None: it is not known.
        tone
            Class of brightness of every block, 0 to 7.
        settled
            bool, of every cell: nothing has moved there for long.

        Returns
        -------
        bool, of every block: it is a new sample; others a coder has but repeated.
        """
        whole = self._grid.block_sums(last.cells)
        seen = _noise_of(whole - last.light)
        # what moves differs more from the last frame but one; noise as much
        steady = seen
        if before is not None:
            moved = _noise_of(self._grid.block_sums(before.cells) - before.light) - seen * 23 // 16
            steady = np.maximum(seen - 2 * np.maximum(moved, 0), 0)
        common = quartiles(steady, tone)[0]
        fallen = self._level - (self._level >> _FALLING)
        self._level = np.where(common <= _LOUD, np.maximum(common, fallen), fallen)
        cells = _noise_of(last.cells * 4 - self._grid.cells_of(last.light))
        self._watch(_Heard(quantile(seen, 1), seen, tone, cells))
        self.usual = np.maximum(self._level, self._pulse)[tone]
        self._follow(cells, self._grid.cells_of(common[tone] * 2 >= self.usual), settled)
        self._frames += 1
        return np.asarray(_noise_of(whole) * 4 >= self.usual)

    def news(self, last: Change) -> Whole:
        """Tell which blocks of a frame are new samples, and learn nothing from it; as ``learn`` does."""
        return np.asarray(_noise_of(self._grid.block_sums(last.cells)) * 4 >= self.usual)

    def _follow(self, cells: Whole, heard: Whole, settled: Whole) -> None:
        """Let the noise of cells follow what was seen, within what is usual; only pulses tell of coded pictures."""
        usual = self._grid.cells_of(self.usual)
        if not self.learned:
            self.cells, self.learned = usual, True
        elif self.coded:
            self.cells = np.clip(self.cells, usual * 3 // 4, usual * 2)
        else:
            least = usual // 2
            most = np.where(settled, usual * 2, usual * 5 // 4) if self._frames > _FIRST else usual * 2
            change = np.where(heard, np.clip(cells, least, most) - self.cells >> _LEARNING, 0)
            self.cells = np.clip(self.cells + change, least, usual * 2)

    def _watch(self, heard: _Heard) -> None:
        """Look for a frame that is noisier than those around it."""
        self._past.append(heard)
        self._believed, self._since = max(self._believed - 1, 0), self._since + 1
        self.coded = self._believed > 0
        if not self.coded:
            self._pulse[:] = 0
        if len(self._past) <= 2 * _SIDE:
            return
        centre, levels = self._past[_SIDE], [each.quartile for each in self._past]
        before, after = levels[:_SIDE], levels[_SIDE + 1 :]
        alone = centre.quartile >= max(after) and 5 * centre.quartile >= 6 * max(*before, min(after))
        if not alone or not FLOOR // 2 < centre.quartile <= _LOUD:
            return
        common = quartiles(centre.blocks, centre.tone)[0]
        if self.coded:
            self._believed = max(self._believed, min(_TRUST * self._since, _LONGEST))
            self._pulse = self._pulse + common >> 1
            self.cells = self.cells + (centre.cells - self.cells >> 2)
        else:
            self._believed, self._pulse, self.cells = _TRIAL, common, centre.cells
        self._since, self.coded = 0, True


def _noise_of(sums: Whole) -> Whole:
    """Scale sums over a block's spots to noise."""
    return np.maximum(sums, 0) * _SCALE >> _SCALE_BITS


def quantile(values: Whole, quarter: int) -> int:
    """Give a quartile: 1 for the lower one, 2 for the median, 3 for the upper one."""
    at = values.size * quarter // 4
    return int(np.partition(values, at, axis=None)[at])


def quartiles(values: Whole, tone: Whole) -> tuple[Whole, Whole, Whole]:
    """Give the quartiles of every class of brightness; those of all blocks where a class has but few.

    Parameters
    ----------
    values
        int32, of every block.
    tone
        Class of every block.

    Returns
    -------
    Lower quartile, median and upper one: int32, one for each class.
    """
    keys = np.sort((tone.astype(np.int64) << 32) + values, axis=None)  # by class, then by value
    ends = np.searchsorted(keys, (np.arange(TONES + 1, dtype=np.int64) << 32) - (1 << 31))
    counts, quarters = np.diff(ends), np.arange(1, 4)[:, None]
    places = np.minimum(ends[:-1] + counts * quarters // 4, keys.size - 1)
    found = (keys[places] - (np.arange(TONES, dtype=np.int64) << 32)).astype(np.int32)
    few = counts < _ENOUGH
    if few.any():
        for quarter, row in enumerate(found, 1):
            row[few] = quantile(values, quarter)
    return found[0], found[1], found[2]
