"""Average a still camera's frames over time where nothing moves: in whole numbers, until still places do not change.

White noise falls by 10 log10((2 - a) / a) dB where each new frame counts a share ``a``. What moves passes as it is. The
way of a frame: ``noise`` learns how noisy it is, ``light`` what the light did, ``motion`` finds what moves, ``plane``
averages, ``channels`` does this for luma and chroma.
"""

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from edge_srcnn.imaging.frame import Frame
from edge_srcnn.imaging.temporal.channels import ChromaMean, LumaMean
from edge_srcnn.imaging.temporal.grid import SPOT_PX, Grid, Whole
from edge_srcnn.imaging.temporal.motion import ONE, ramp_to
from edge_srcnn.imaging.temporal.noise import FLOOR, PER_LEVEL

_CLEAN, _NOISY, _CLEAN_FRAMES = 36, 52, 30
"""Noise below which there is nothing to average, and above which there is; frames after which that is believed."""
_MOVING, _MOVING_FRAMES = 0.05, 75
"""Share that is still, and frames after which a camera of which no more is still is believed to move all the time."""
_RESTING, _LOOK_FRAMES = 0.25, 16
"""Share that has not changed for so many frames, from which a camera rests again."""


@dataclass(frozen=True)
class _Preset:
    """Say how much is averaged: the ramp of a new frame's share, and how soon something moves, in 1/64."""

    ramp: Whole
    eager: int


class TemporalStrength(Enum):
    """Say how much is averaged over time: at last a new frame counts an eighth, 1/32 or 1/64."""

    WEAK = "weak"
    NORMAL = "normal"
    STRONG = "strong"


_PRESETS = {
    TemporalStrength.WEAK: _Preset(ramp_to(3), 56),
    TemporalStrength.NORMAL: _Preset(ramp_to(5), ONE),
    TemporalStrength.STRONG: _Preset(ramp_to(6), 70),
}


class TemporalMean:
    """Average the frames of one source; they come in order, by one thread.

    Parameters
    ----------
    strength
        How much is averaged.
    """

    def __init__(self, strength: TemporalStrength = TemporalStrength.NORMAL) -> None:
        self._preset = _PRESETS[strength]
        self._kind: object = None
        self._source: _Source | None = None

    @property
    def noise(self) -> float | None:
        """Give the standard deviation of the sensor's noise in the luma of one frame, in grey levels.

        None where it is not known yet. Other threads may read it.
        """
        source = self._source
        return None if source is None else source.noise

    @property
    def still(self) -> float:
        """Give the share of the picture that has been still for a while, 0 to 1. Other threads may read it."""
        source = self._source
        return 0.0 if source is None else source.still

    @property
    def moving(self) -> bool:
        """Tell whether everything moves all the time, and frames pass as they are. Other threads may read it."""
        source = self._source
        return source is not None and source.moving

    def filter(self, frame: Frame) -> Frame:
        """Average a frame with those before it.

        Parameters
        ----------
        frame
            The next one. One of another size, subsampling or colour begins anew; a deep one passes as it is.

        Returns
        -------
        A frame with planes of its own, or ``frame`` where nothing is to be averaged; times, index and colour stay.
        """
        if frame.luma.dtype != np.uint8 or (frame.chroma is not None and frame.chroma[0].dtype != np.uint8):
            self._source = self._kind = None
            return frame
        kind = frame.luma.shape, frame.chroma and frame.chroma[0].shape, frame.colour
        if self._source is None or kind != self._kind:
            self._kind, self._source = kind, _Source(frame, self._preset)
        return self._source.filter(frame)


class _Source:
    """Averages frames of one kind.

    Parameters
    ----------
    frame
        The first one.
    preset
        How much is averaged.

    Attributes
    ----------
    noise, still, moving
        As ``TemporalMean`` tells them.
    """

    def __init__(self, frame: Frame, preset: _Preset) -> None:
        grid, size = Grid.over(*frame.luma.shape), (frame.luma.shape[0], frame.luma.shape[1])
        self._luma = LumaMean(grid, size, preset.ramp, preset.eager)
        self._chroma: ChromaMean | None = None
        if frame.chroma is not None:
            down, across = (SPOT_PX // coarser for coarser in frame.subsampling)
            height, width = frame.chroma[0].shape
            self._chroma = ChromaMean(grid, (height, width), (down, across), preset.ramp, preset.eager)
        self.noise: float | None = None
        self.still, self.moving = 0.0, False
        self._clean, self._passing = 0, True
        self._restless = 0

    def filter(self, frame: Frame) -> Frame:
        """Average a frame with those before it, or let it pass."""
        luma = self._luma
        luma.watch(frame.luma)
        level = int(np.median(luma.noise.cells)) if luma.noise.learned else None
        self.noise = None if level is None else level / PER_LEVEL
        self._check_noise(level)
        if self.moving or self._clean >= _CLEAN_FRAMES:
            self._passing = True
            self._look()
            return frame
        if self._passing:
            self._passing = False
            luma.restart()
            if self._chroma is not None and frame.chroma is not None:
                self._chroma.restart(frame.chroma)
            return frame
        averaged, chroma = luma.average(), frame.chroma
        if self._chroma is not None and chroma is not None:
            chroma = self._chroma.average(chroma, luma)
        self._check_motion()
        return replace(frame, luma=averaged, chroma=chroma)

    def _check_noise(self, level: int | None) -> None:
        if level is None or level > (_NOISY if self._clean >= _CLEAN_FRAMES else _CLEAN):
            self._clean = 0
        else:
            self._clean += 1

    def _check_motion(self) -> None:
        self.still = self._luma.stillness.settled_share()
        self._restless = 0 if self.still >= _MOVING else self._restless + 1
        if self._restless >= _MOVING_FRAMES:
            self.moving, self._restless = True, 0

    def _look(self) -> None:
        """Look now and then, while frames pass, what has changed since the last look."""
        share = self._luma.unchanged(_LOOK_FRAMES, FLOOR)
        if share is not None:
            self.still = share
            self.moving = self.moving and share < _RESTING
