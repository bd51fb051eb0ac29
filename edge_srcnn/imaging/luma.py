"""RGB to luma, in the two ranges that pictures and videos use.

The coefficients are those of ITU-R BT.601-7, section 2.5.1: Y' = 0.299 R' + 0.587 G' + 0.114 B'.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_srcnn.errors import UsageError

UInt8Array = NDArray[np.uint8]
UInt16Array = NDArray[np.uint16]
Samples = NDArray[np.unsignedinteger[Any]]
"""Pixels of 8 or 16 bits a sample: uint8 or uint16."""

LEVELS_16, LEVELS_VIDEO = 257, 256
"""Steps of 16 bits in a step of 8: of pictures 65535 / 255, of video, whose black is a level, a power of 2."""

BT601 = np.array([0.299, 0.587, 0.114])
"""Weights of R', G', B' in luma (BT.601)."""

# Sums in whole numbers are the same on every processor, halves included; those of floats depend on its instructions.
_FULL = (299, 587, 114, 0), 1000
# MATLAB's rgb2ycbcr spells the studio-range weights out in units of 1/255 of full scale.
_STUDIO = (65_481, 128_553, 24_966, 16 * 255_000), 255_000
_ROWS = 256


def to_8_bits(samples: Samples) -> UInt8Array:
    """Round samples to 8 bits; those that have 8 are given as they are."""
    if samples.dtype == np.uint8:
        return np.asarray(samples, np.uint8)
    out = np.empty(samples.shape, np.uint8)
    for top in range(0, len(samples), _ROWS):
        out[top : top + _ROWS] = (samples[top : top + _ROWS].astype(np.uint32) + LEVELS_16 // 2) // LEVELS_16
    return out


def video_to_8_bits(plane: Samples) -> UInt8Array:
    """Round a plane of video, uint16 in levels times 256, to 8 bits; one that has 8 is given as it is."""
    if plane.dtype == np.uint8:
        return np.asarray(plane, np.uint8)
    return np.minimum((plane.astype(np.uint32) + LEVELS_VIDEO // 2) // LEVELS_VIDEO, 255).astype(np.uint8)


def luma_full_range(rgb: UInt8Array) -> UInt8Array:
    """Compute full-range luma (0..255), as JPEG and camera YUV420 streams have it.

    Parameters
    ----------
    rgb
        uint8 ``[h, w, 3]`` in the order R, G, B. A grey picture ``[h, w]`` is its own luma.

    Returns
    -------
    uint8 ``[h, w]``. Source: ITU-T T.871 (JFIF), section 7.
    """
    return _weigh(rgb, *_FULL)


def luma_studio_range(rgb: UInt8Array) -> UInt8Array:
    """Compute studio-range luma (16..235), as MATLAB's ``rgb2ycbcr`` gives it: the benchmarks' Y channel.

    Parameters
    ----------
    rgb
        uint8 ``[h, w, 3]`` in the order R, G, B. A grey picture ``[h, w]`` is its own luma.

    Returns
    -------
    uint8 ``[h, w]``. Source: ITU-R BT.601-7, section 2.5.3.
    """
    return _weigh(rgb, *_STUDIO)


def _weigh(rgb: UInt8Array, weights: tuple[int, int, int, int], whole: int) -> UInt8Array:
    """Add up R, G, B and 1 by their weights in parts of ``whole``; to the nearest level, halves upwards."""
    if rgb.ndim == 2:
        return rgb
    *colours, offset = (np.uint32(weight) for weight in weights)
    out = np.empty(rgb.shape[:2], np.uint8)
    for top in range(0, len(rgb), _ROWS):  # a larger copy of a whole large picture would fill the memory
        rows = rgb[top : top + _ROWS]
        total = np.full(rows.shape[:2], offset + np.uint32(whole // 2), np.uint32)
        for channel, weight in enumerate(colours):
            total += np.multiply(rows[..., channel], weight, dtype=np.uint32)
        out[top : top + _ROWS] = total // np.uint32(whole)
    return out


def shift_luma(band: Samples, sharp: UInt8Array, bicubic: UInt8Array, levels: int = LEVELS_16) -> Samples:
    """Add what the network changed in luma to a bicubic band, in place; alpha stays, and so do the colours.

    Parameters
    ----------
    band
        uint8 or uint16, ``[h, w]`` or ``[h, w, channels]``.
    sharp
        What the network made of luma in 8 bits.
    bicubic
        What bicubic scaling made of it.
    levels
        Steps of ``band`` in a step of 8 bits, where it has 16.

    Returns
    -------
    The band; a new one where it has no channels.
    """
    brighter, darker = np.asarray(cv2.subtract(sharp, bicubic)), np.asarray(cv2.subtract(bicubic, sharp))
    if band.dtype != np.uint8:
        brighter, darker = (np.multiply(change, levels, dtype=np.uint16) for change in (brighter, darker))
    if band.ndim == 2:
        return np.asarray(cv2.subtract(cv2.add(band, brighter), darker))
    for channel in range(1 if band.shape[2] == 2 else 3):
        band[..., channel] = cv2.subtract(cv2.add(band[..., channel], brighter), darker)
    return band


def checked_picture(pixels: Samples) -> Samples:
    """Give an array that is a picture, one of a single channel as ``[h, w]``; ``UsageError`` where it is none."""
    pixels = np.asarray(pixels)
    if pixels.dtype not in (np.uint8, np.uint16):
        raise UsageError(f"a picture must be uint8 or uint16, this one is {pixels.dtype}")
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (2, 3, 4)) or pixels.size == 0:
        raise UsageError(f"a picture must be [h, w] or [h, w, 2..4] and not empty, this one is {list(pixels.shape)}")
    return pixels


def checked_result(out: Samples | None, pixels: Samples, scale: int) -> Samples:
    """Give the array for what becomes of a picture, ``out`` or a new one; ``UsageError`` where ``out`` does not fit."""
    shape = (pixels.shape[0] * scale, pixels.shape[1] * scale, *pixels.shape[2:])
    if out is None:
        return np.empty(shape, pixels.dtype)
    if out.shape != shape or out.dtype != pixels.dtype or not out.flags.c_contiguous or not out.flags.writeable:
        raise UsageError(
            f"out must be a writable, contiguous {pixels.dtype} {list(shape)}, not {out.dtype} {list(out.shape)}"
        )
    if np.may_share_memory(out, pixels):
        raise UsageError("out must not lie in the picture's memory, which is read after out is written")
    return out
