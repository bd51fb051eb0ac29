"""Average a still camera's frames over time where nothing moves: in whole numbers, until still places do not change.

White noise falls by 10 log10((2 - a) / a) dB where each new frame counts a share ``a``; moving things pass as they are.
"""

from dataclasses import replace
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_srcnn.imaging.colour import Chroma
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.imaging.luma import Samples
from edge_srcnn.imaging.temporal_luma import AGAIN, STEADY, LumaMean, ramp_to

_OFF_FRAMES, _ON_FRAMES, _OFF_SHARE = 45, 30, 0.05
"""The mean rests where less than this share has been still for so many frames, and works again as slowly."""


class TemporalStrength(Enum):
    """Say how much is averaged over time."""

    WEAK = "weak"
    NORMAL = "normal"
    STRONG = "strong"


_RAMPS = {
    TemporalStrength.WEAK: ramp_to(3),
    TemporalStrength.NORMAL: ramp_to(5),
    TemporalStrength.STRONG: ramp_to(5),
}
"""The new frame counts ``2 ** -ramp[n]`` where nothing has moved for n frames."""


class TemporalMean:
    """Average the frames of one source; frames come in order, by one thread.

    Parameters
    ----------
    strength
        How much is averaged.
    """

    def __init__(self, strength: TemporalStrength = TemporalStrength.NORMAL) -> None:
        self._ramp = _RAMPS[strength]
        self._luma: LumaMean | None = None
        self._chroma: tuple[_ChromaMean, ...] = ()
        self._restless, self._restful, self._moving = 0, 0, False
        self._kind: object = None

    @property
    def noise(self) -> float | None:
        """Give the standard deviation of the sensor's noise in the luma of one frame, in grey levels.

        None where it is not known yet. Other threads may read it.
        """
        luma = self._luma
        return None if luma is None or not luma.learned else float(np.median(luma.noise)) / 102.4

    @property
    def still(self) -> float:
        """Give the share of the picture that has been still for a while, 0 to 1."""
        return 0.0 if self._luma is None else self._luma.share

    @property
    def moving(self) -> bool:
        """Tell whether everything moves all the time, and frames pass as they are."""
        return self._moving

    def filter(self, frame: Frame) -> Frame:
        """Average a frame with those before it.

        Parameters
        ----------
        frame
            The next one. One of another size, subsampling or colour begins anew; a deep one passes as it is.

        Returns
        -------
        A frame with planes of its own; times, index and colour are those of ``frame``.
        """
        if frame.luma.dtype != np.uint8 or (frame.chroma and frame.chroma[0].dtype != np.uint8):
            self._luma, self._chroma, self._kind = None, (), None
            return frame
        kind = (frame.luma.shape, frame.chroma and frame.chroma[0].shape, frame.colour)
        mean = self._luma
        if mean is None or kind != self._kind:
            self._kind, self._restless, self._restful, self._moving = kind, 0, 0, False
            self._luma = LumaMean(frame.luma, self._ramp)
            self._chroma = tuple(_ChromaMean(plane, frame.subsampling, self._ramp) for plane in frame.chroma or ())
            return frame
        luma = mean(frame.luma)
        chroma = tuple(each(plane, mean) for each, plane in zip(self._chroma, frame.chroma or (), strict=True))
        self._judge()
        if self._moving:
            return frame
        both: Chroma | None = (chroma[0], chroma[1]) if chroma else None
        return replace(frame, luma=luma, chroma=both)

    def _judge(self) -> None:
        rests = self.still >= _OFF_SHARE
        self._restless = 0 if rests else self._restless + 1
        self._restful = self._restful + 1 if rests else 0
        self._moving = self._restful < _ON_FRAMES if self._moving else self._restless >= _OFF_FRAMES


class _ChromaMean:
    """Averages a plane of chroma where luma is still and it is, too."""

    def __init__(self, plane: Samples, subsampling: tuple[int, int], ramp: NDArray[np.int16]) -> None:
        self._mean = np.left_shift(plane, 7, dtype=np.int16)
        self._out, self._ramp, self._subsampling = plane.copy(), ramp, subsampling

    def __call__(self, plane: Samples, luma: LumaMean) -> Samples:
        height, width = plane.shape
        spots = luma.still
        down, across = 2 // self._subsampling[0], 2 // self._subsampling[1]
        if down > 1 or across > 1:
            size = (spots.shape[1] * across, spots.shape[0] * down)
            spots = np.asarray(cv2.resize(spots, size, interpolation=cv2.INTER_NEAREST))
        still = spots[:height, :width]
        limit = max(int(np.median(luma.noise)) * 2, 512)
        off = cv2.boxFilter(cv2.absdiff(plane, self._out), cv2.CV_16U, (3, 3), normalize=False)
        still = np.where(np.asarray(off) > limit * 9 * 2 >> 8, 0, still).astype(np.uint8)
        shift = self._ramp[still]
        change = np.left_shift(plane, 7, dtype=np.int16) - self._mean
        self._mean += change + (np.left_shift(1, shift, dtype=np.int16) >> 1) >> shift
        new = (self._mean + 64 >> 7).astype(np.uint8)
        dead = np.asarray(cv2.absdiff(new, self._out)) > max(limit >> 8, 1)
        np.copyto(self._out, new, where=dead | (still < STEADY) | (still == AGAIN))
        return self._out.copy()
