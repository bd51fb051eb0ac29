"""Scale pictures with transparency: premultiplied, so that what nobody sees does not shine through at the rim.

Porter & Duff, "Compositing Digital Images" (1984), section 3: an average of colours is one of colours times alpha.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_srcnn.imaging.bicubic import CONTEXT_PX, upscale_band
from edge_srcnn.imaging.luma import Samples, UInt8Array, luma_full_range, to_8_bits


def upscale_with_alpha(pixels: Samples, scale: int, start: int, stop: int) -> Samples:
    """Upscale rows of a picture with transparency bicubically.

    Parameters
    ----------
    pixels
        uint8 or uint16 ``[h, w, channels]``, alpha last, not premultiplied.
    scale
        Whole factor.
    start
        First row of ``pixels``, of one of ``bands``.
    stop
        The row after its last one.

    Returns
    -------
    Rows of the result, of the same kind: those of ``upscale_band`` where all is opaque, and at scale 1; where all is
    transparent, colours are 0.
    """
    top, bottom = max(start - CONTEXT_PX, 0), min(stop + CONTEXT_PX, pixels.shape[0])
    most = np.iinfo(pixels.dtype).max
    if scale == 1 or pixels[top:bottom, :, -1].min() == most:
        return upscale_band(pixels, scale, start, stop)
    rows = pixels[top:bottom].astype(np.float32)
    rows[..., :-1] *= rows[..., -1:]
    size = (pixels.shape[1] * scale, (bottom - top) * scale)
    scaled = np.asarray(cv2.resize(rows, size, interpolation=cv2.INTER_CUBIC))
    band = scaled[(start - top) * scale : (stop - top) * scale]
    alpha = np.clip(np.rint(band[..., -1:]), 0, most)
    colours = np.divide(band[..., :-1], band[..., -1:], out=np.zeros_like(band[..., :-1]), where=alpha > 0)
    return np.concatenate([np.clip(np.rint(colours), 0, most), alpha], axis=-1).astype(pixels.dtype)


def visible_luma(pixels: Samples) -> UInt8Array:
    """Compute the luma that a network reads: in 8 bits, and filled where the picture is wholly transparent.

    Parameters
    ----------
    pixels
        uint8 or uint16: grey ``[h, w]``, grey and alpha ``[h, w, 2]``, RGB ``[h, w, 3]`` or RGBA ``[h, w, 4]``.

    Returns
    -------
    uint8 ``[h, w]``, full range. Grey is its own.
    """
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    colours = pixels if channels == 1 else pixels[..., 0] if channels == 2 else pixels[..., :3]
    luma = luma_full_range(to_8_bits(colours))
    if channels in (2, 4):
        luma = np.asarray(fill_transparent(luma, pixels[..., -1]), np.uint8)
    return np.ascontiguousarray(luma)


def fill_transparent(plane: Samples, alpha: Samples) -> Samples:
    """Give what is wholly transparent the value of the visible pixel next to it: a network sees no edge there.

    Parameters
    ----------
    plane
        ``[h, w]``.
    alpha
        ``[h, w]``, 0 where ``plane`` means nothing.

    Returns
    -------
    ``[h, w]``; ``plane`` itself where all of it is visible, or nothing.
    """
    hidden: NDArray[np.uint8] = (alpha == 0).astype(np.uint8)
    if not hidden.any() or hidden.all():
        return plane
    _, labels = cv2.distanceTransformWithLabels(hidden, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    visible = hidden == 0
    values = np.zeros(int(labels.max()) + 1, plane.dtype)
    values[labels[visible]] = plane[visible]
    filled: Samples = values[labels]
    return filled
