"""Change the colour of planes: chroma coarser or finer, another range or matrix, RGB and back."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.frame import BT709, BT2020, CENTRE, Frame, nearest_named
from edge_srcnn.imaging.luma import Samples, UInt8Array

Chroma = tuple[Samples, Samples]
"""Cb and Cr, of one shape."""

_WEIGHTS = {BT709: (0.2126, 0.0722), BT2020: (0.2627, 0.0593)}
_JFIF_WEIGHTS = (0.299, 0.114)
"""Shares of R and B in luma, by the code point of the matrix: ITU-R BT.709-6, BT.2020-2, ITU-T T.871."""

_BAND = 64
_ZERO = 128
"""The level that stands for no colour."""


def upscale_chroma(frame: Frame, scale: int, height: int, width: int) -> Chroma | None:
    """Upscale a frame's Cb and Cr bicubically; what rounding made too large is cut off. Scale 1 leaves them alone.

    Parameters
    ----------
    frame
        Its chroma lies where its ``siting`` says; that of the result, where ``nearest_named`` says.
    scale
        Whole factor.
    height
        Of the result.
    width
        Of the result.

    Returns
    -------
    Cb and Cr ``[height, width]``; None for grey.
    """
    if frame.chroma is None:
        return None
    offsets, named = reversed(frame.siting), reversed(nearest_named(frame.siting))
    shifts = [
        (new / scale - offset) / 2 if coarser == 2 else 0.0
        for offset, new, coarser in zip(offsets, named, frame.subsampling, strict=True)
    ]
    if scale == 1 and not any(shifts):
        return frame.chroma
    cb, cr = (_upscale_shifted(plane, scale, *shifts)[:height, :width] for plane in frame.chroma)
    return cb, cr


def refine_chroma(frame: Frame) -> Frame:
    """Interpolate chroma that is coarser down, but not across (4:4:0), to 4:4:4."""
    if frame.chroma is None:
        return frame
    rows = len(frame.luma)
    cb, cr = (_stretch_down(plane, 2, -frame.siting[1] / 2)[:rows] for plane in frame.chroma)
    return replace(frame, chroma=(cb, cr), siting=CENTRE)


def _upscale_shifted(plane: Samples, scale: int, down: float, across: float) -> Samples:
    """Upscale bicubically from places that lie so many pixels of the plane further down and across."""
    if not (down or across):
        return upscale_bicubic(plane, scale)
    tall = _stretch_down(plane, scale, down)
    out = np.empty((tall.shape[0], tall.shape[1] * scale), plane.dtype)
    for phase, taps in enumerate(_taps(scale, across)):
        out[:, phase::scale] = cv2.filter2D(tall, -1, taps[None], borderType=cv2.BORDER_REPLICATE)
    return out


def _stretch_down(plane: Samples, scale: int, shift: float) -> Samples:
    tall = np.empty((plane.shape[0] * scale, plane.shape[1]), plane.dtype)
    for phase, taps in enumerate(_taps(scale, shift)):
        tall[phase::scale] = cv2.filter2D(plane, -1, taps[:, None], borderType=cv2.BORDER_REPLICATE)
    return tall


@cache
def _taps(scale: int, shift: float) -> tuple[NDArray[np.float32], ...]:
    """Weigh the pixels around each of the larger ones in a pixel, by Keys' cubic with OpenCV's a = -0.75.

    At scale 1 there is but one place in a pixel, whose error no other makes up for: a = -0.5 there, right for ramps.
    """
    places = (np.arange(scale) + 0.5) / scale - 0.5 + shift
    a = -0.5 if scale == 1 else -0.75
    return tuple(_cubic(np.arange(-2, 3) - place, a).astype(np.float32) for place in places)


def _cubic(distance: NDArray[np.floating[Any]], a: float) -> NDArray[np.float64]:
    """Weigh taps by their distance in pixels. Source: Keys, "Cubic Convolution Interpolation" (1981), equation 4."""
    x = np.abs(distance)
    near, far = (a + 2) * x**3 - (a + 3) * x**2 + 1, a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def resample_chroma(chroma: Chroma, height: int, width: int) -> Chroma:
    """Resample Cb and Cr to ``height`` x ``width``, by area where that is coarser and linearly where it is finer."""
    if chroma[0].shape == (height, width):
        return chroma
    finer = height * width > chroma[0].size
    how = cv2.INTER_LINEAR if finer else cv2.INTER_AREA
    cb, cr = (np.asarray(cv2.resize(plane, (width, height), interpolation=how), plane.dtype) for plane in chroma)
    return cb, cr


def jfif_planes(frame: Frame) -> tuple[UInt8Array, Chroma | None]:
    """Expand a frame to full range (if that is not what it has), and change it into BT.601. Source: ITU-T T.871.

    Parameters
    ----------
    frame
        A range that is not told is taken to be limited, a matrix that is not known to be BT.601.

    Returns
    -------
    Luma, and Cb and Cr; None for grey.
    """
    luma, chroma = frame.luma, frame.chroma
    if not frame.colour.full_range:
        luma, chroma = _expanded(luma, chroma)
    if chroma is not None and frame.colour.matrix in _WEIGHTS:
        luma, chroma = _to_bt601(luma, chroma, *_WEIGHTS[frame.colour.matrix])
    return luma, chroma


def video_planes(frame: Frame) -> tuple[UInt8Array, Chroma | None]:
    """Give a frame the range and matrix that programs assume of a camera: limited, BT.601. Source: ITU-R BT.601-7.

    Parameters
    ----------
    frame
        A range that is not told is taken to be limited, a matrix that is not known to be BT.601.

    Returns
    -------
    Luma 16 to 235, and Cb and Cr 16 to 240; None for grey. What is so already stays as it is.
    """
    if not frame.colour.full_range and frame.colour.matrix not in _WEIGHTS:
        return frame.luma, frame.chroma
    luma, chroma = jfif_planes(frame)
    luma = np.asarray(cv2.LUT(luma, _limited(16, 219, 0)), np.uint8)
    if chroma is None:
        return luma, None
    cb, cr = (np.asarray(cv2.LUT(plane, _limited(_ZERO, 224, _ZERO)), np.uint8) for plane in chroma)
    return luma, (cb, cr)


def rgb_picture(frame: Frame) -> UInt8Array:
    """Convert a frame to a picture: uint8 ``[h, w]`` grey or ``[h, w, 3]`` RGB."""
    return jfif_planes(frame)[0] if frame.chroma is None else three_channels(frame)


def three_channels(frame: Frame, *, bgr: bool = False) -> UInt8Array:
    """Convert a frame, a grey one too, to uint8 ``[h, w, 3]`` in the order R, G, B, or B, G, R as OpenCV has it."""
    if frame.chroma is None:
        return np.asarray(cv2.cvtColor(jfif_planes(frame)[0], cv2.COLOR_GRAY2RGB), np.uint8)
    conversion = cv2.COLOR_YCrCb2BGR if bgr else cv2.COLOR_YCrCb2RGB
    out = np.empty((*frame.luma.shape, 3), np.uint8)
    for rows, luma, cb, cr in _bands(frame):  # further pictures in memory would cost more than the conversion
        cv2.cvtColor(cv2.merge((luma, cr, cb)), conversion, out[rows])
    return out


def _bands(frame: Frame) -> Iterator[tuple[slice, UInt8Array, Samples, Samples]]:
    """Give rows, and what ``jfif_planes`` makes of them, chroma as fine as luma, band by band from top to bottom."""
    whole = frame.colour.full_range or frame.colour.matrix in _WEIGHTS
    luma, chroma = jfif_planes(frame) if whole else (frame.luma, _full_chroma(frame.chroma))
    cb, cr = resample_chroma(chroma or (luma, luma), *luma.shape)
    for top in range(0, len(luma), _BAND):
        rows = slice(top, top + _BAND)
        yield rows, luma[rows] if whole else _full_luma(luma[rows]), cb[rows], cr[rows]


def planes_of_rgb(pixels: UInt8Array, conversion: int = cv2.COLOR_RGB2YCrCb) -> tuple[UInt8Array, Chroma | None]:
    """Convert a picture to luma and chroma (4:4:4), full range, BT.601.

    Parameters
    ----------
    pixels
        uint8 ``[h, w, 3]``, or ``[h, w]`` grey.
    conversion
        OpenCV's; another one for the order B, G, R.

    Returns
    -------
    Luma, and Cb and Cr; None for grey.
    """
    if pixels.ndim == 2:
        return pixels, None
    luma, cr, cb = (np.asarray(plane, np.uint8) for plane in cv2.split(cv2.cvtColor(pixels, conversion)))
    return luma, (cb, cr)


def _expanded(luma: UInt8Array, chroma: Chroma | None) -> tuple[UInt8Array, Chroma | None]:
    """Expand luma 16..235 and chroma 16..240 to 0..255. Source: ITU-R BT.601-7, section 2.5.3."""
    return _full_luma(luma), _full_chroma(chroma)


def _full_luma(luma: Samples) -> UInt8Array:
    return np.asarray(cv2.LUT(luma, _table(16, 219, 0)), np.uint8)


def _full_chroma(chroma: Chroma | None) -> Chroma | None:
    if chroma is None:
        return None
    cb, cr = (np.asarray(cv2.LUT(plane, _table(_ZERO, 224, _ZERO)), np.uint8) for plane in chroma)
    return cb, cr


@cache
def _table(zero_in: int, span: int, zero_out: int) -> UInt8Array:
    levels = (np.arange(256) - zero_in) * (255 / span) + zero_out
    return np.asarray(np.rint(np.clip(levels, 0, 255)), np.uint8)


@cache
def _limited(zero_out: int, span: int, zero_in: int) -> UInt8Array:
    return np.asarray(np.rint((np.arange(256) - zero_in) * (span / 255) + zero_out), np.uint8)


def _to_bt601(luma: UInt8Array, chroma: Chroma, red: float, blue: float) -> tuple[UInt8Array, Chroma]:
    """Change full-range planes of another matrix to BT.601; luma's gain is computed at chroma's resolution."""
    planes = cv2.transform(cv2.merge(chroma), _to_bt601_matrix(red, blue))
    gain, cb, cr = (np.asarray(plane, np.uint8) for plane in cv2.split(planes))
    height, width = luma.shape
    if gain.shape != luma.shape:
        gain = np.asarray(cv2.resize(gain, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    return np.asarray(cv2.addWeighted(luma, 1, gain, 1, -_ZERO), np.uint8), (cb, cr)


@cache
def _to_bt601_matrix(red: float, blue: float) -> NDArray[np.float64]:
    """Compute ``[3, 3]``: from Cb, Cr and 1 to the gain of luma, Cb and Cr, all as levels around 128."""
    change = (_from_rgb(*_JFIF_WEIGHTS) @ np.linalg.inv(_from_rgb(red, blue)))[:, 1:]
    return np.hstack([change, _ZERO * (1 - change.sum(axis=1, keepdims=True))])


def _from_rgb(red: float, blue: float) -> NDArray[np.float64]:
    """Compute ``[3, 3]``: R, G, B to Y, Cb, Cr. Source: ITU-T H.273, section 8.3, for a non-constant luminance."""
    luma = np.array([red, 1 - red - blue, blue])
    cb, cr = (([0, 0, 1] - luma) / (2 * (1 - blue)), ([1, 0, 0] - luma) / (2 * (1 - red)))
    return np.stack([luma, cb, cr])
