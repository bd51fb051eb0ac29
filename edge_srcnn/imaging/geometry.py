"""Crop, flip and rotate frames, plane by plane: luma exactly, chroma with the place where it lies."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from edge_srcnn.imaging.colour import Chroma, refine_chroma
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.imaging.luma import Samples

Region = tuple[int, int, int, int]
"""Left, top, width and height in pixels."""

_FLIPS = {(True, False): 1, (False, True): 0, (True, True): -1}  # OpenCV's codes, by what is mirrored


@dataclass(frozen=True)
class Orientation:
    """Say how a picture is to be turned: first transposed, then mirrored, across (``flip_x``) and down (``flip_y``)."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def of(cls, degrees: int = 0, *, hflip: bool = False, vflip: bool = False) -> "Orientation":
        """Mirror left to right (``hflip``) and top to bottom (``vflip``), then rotate clockwise by ``degrees``."""
        if degrees in (90, 270):  # what was mirrored across before it was transposed is then mirrored down
            return cls(True, vflip != (degrees == 90), hflip != (degrees == 270))
        return cls(False, hflip != (degrees == 180), vflip != (degrees == 180))

    def upright(self, plane: Samples) -> Samples:
        """Turn a plane ``[h, w]``; contiguous, where it is not as it was."""
        turned = np.asarray(cv2.transpose(plane), plane.dtype) if self.transpose else plane
        code = _FLIPS.get((self.flip_x, self.flip_y))
        return turned if code is None else np.asarray(cv2.flip(turned, code), plane.dtype)

    def siting(self, siting: tuple[float, float]) -> tuple[float, float]:
        """Tell where chroma lies in turned planes of even sides, see ``Frame.siting``."""
        across, down = reversed(siting) if self.transpose else siting
        return -across if self.flip_x else across, -down if self.flip_y else down


UPRIGHT = Orientation()


def oriented(frame: Frame, orientation: Orientation) -> Frame:
    """Turn a frame.

    Parameters
    ----------
    frame
        Of any size and subsampling.
    orientation
        How it is turned.

    Returns
    -------
    A frame whose chroma lies where it was; 4:2:2 on its side becomes 4:4:4.
    """
    if orientation == UPRIGHT:
        return frame
    turned = replace(frame, luma=orientation.upright(frame.luma), siting=orientation.siting(frame.siting))
    if frame.chroma is None:
        return turned
    cb, cr = (orientation.upright(plane) for plane in frame.chroma)
    turned = replace(turned, chroma=(cb, cr))
    flips, coarser = (orientation.flip_y, orientation.flip_x), turned.subsampling
    # the last sample of an odd side lies half outside of the picture, and is the first one now
    starts = [flip * (size % fold) for flip, size, fold in zip(flips, turned.luma.shape, coarser, strict=True)]
    return _aligned(turned, coarser, starts)


def cropped(frame: Frame, region: Region) -> Frame:
    """Cut a region out of a frame.

    Parameters
    ----------
    frame
        Of any size and subsampling.
    region
        Lies within the frame; its sides and corner may be odd.

    Returns
    -------
    A frame whose planes are views of those that were, where no colour is missing at the edge.
    """
    left, top, width, height = region
    cut = replace(frame, luma=frame.luma[top : top + height, left : left + width])
    return _aligned(cut, frame.subsampling, (top, left))


def _aligned(frame: Frame, coarser: tuple[int, int], starts: Sequence[int]) -> Frame:
    """Let chroma begin with its sample that lies nearest to where luma begins, and be as large as it has to be.

    Parameters
    ----------
    frame
        Its ``siting`` is that in the grid in which chroma begins.
    coarser
        By how much chroma is coarser than luma, down and across.
    starts
        So many pixels down and across in that grid luma begins.

    Returns
    -------
    A frame in which both begin together; never 4:4:0, which no sink takes.
    """
    chroma, siting = frame.chroma, list(frame.siting)
    if chroma is None:
        return frame
    for axis, (size, fold, start) in enumerate(zip(frame.luma.shape, coarser, starts, strict=True)):
        first = start
        if fold == 2:
            first = math.ceil((start - siting[1 - axis] - 1) / 2)
            siting[1 - axis] += 2 * first - start  # sample k lies at 2 k + 1/2 + siting; now from -1 to below 1
        chroma = _samples(chroma, axis, first, -(-size // fold))
    frame = replace(frame, chroma=chroma, siting=(siting[0], siting[1]))
    return refine_chroma(frame) if frame.subsampling == (2, 1) else frame


def _samples(chroma: Chroma, axis: int, first: int, count: int) -> Chroma:
    """Take ``count`` samples of both planes along an axis; at an edge, where there are no more, its samples again."""
    size = chroma[0].shape[axis]
    if first >= 0 and first + count <= size:
        within = [slice(None)] * 2
        within[axis] = slice(first, first + count)
        cb, cr = (plane[tuple(within)] for plane in chroma)
    else:
        numbers = np.clip(np.arange(first, first + count), 0, size - 1)
        cb, cr = (plane.take(numbers, axis) for plane in chroma)
    return cb, cr
