"""Planes of chroma: coarser or finer, larger, rotated."""

import cv2
import numpy as np

from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.luma import UInt8Array

Chroma = tuple[UInt8Array, UInt8Array]


def upscale_chroma(chroma: Chroma, scale: int, height: int, width: int) -> Chroma:
    """Cb and Cr, upscaled bicubically to ``height`` x ``width``; what rounding made too large is cut off."""
    cb, cr = (upscale_bicubic(plane, scale)[:height, :width] for plane in chroma)
    return cb, cr


def resample_chroma(chroma: Chroma, height: int, width: int) -> Chroma:
    """Cb and Cr of another subsampling, by area where it becomes coarser and linearly where it becomes finer."""
    if chroma[0].shape == (height, width):
        return chroma
    finer = height * width > chroma[0].size
    how = cv2.INTER_LINEAR if finer else cv2.INTER_AREA
    cb, cr = (np.asarray(cv2.resize(plane, (width, height), interpolation=how), np.uint8) for plane in chroma)
    return cb, cr


def quarter_turns(degrees: float) -> int:
    """How often a picture must be rotated left by 90 degrees that is to be shown rotated by ``degrees``."""
    return round(degrees / 90) % 4


def rotate(plane: UInt8Array, turns: int) -> UInt8Array:
    """Turn a plane left ``turns`` times; contiguous."""
    return np.ascontiguousarray(np.rot90(plane, turns)) if turns else plane
