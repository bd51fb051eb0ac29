"""Pixels as cameras lay them out in memory, taken apart into planes; no conversion, no RGB."""

import numpy as np

from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.planes import Chroma

LAYOUTS = ("YUV420", "YVU420", "NV12", "NV21", "YUYV", "UYVY", "GREY")
"""By libcamera's names: planar 4:2:0, Y and then CbCr pairs 4:2:0, packed 4:2:2, grey."""


def bytes_per_row(layout: str, width: int) -> int:
    """Bytes of a row of luma (or of packed pixels) without padding."""
    return 2 * width if layout in ("YUYV", "UYVY") else width


def take_apart(
    layout: str, buffer: UInt8Array, size: tuple[int, int], stride: int | None = None
) -> tuple[UInt8Array, Chroma | None]:
    """Luma and chroma of a camera's buffer.

    Parameters
    ----------
    layout
        One of ``LAYOUTS``.
    buffer
        uint8, any shape, at least as many bytes as the picture needs; what follows is ignored.
    size
        Width and height in pixels, both even where chroma is coarser.
    stride
        Bytes from row to row, padding included. Planar chroma has half of it. None: no padding.

    Returns
    -------
    Contiguous planes without padding: views of the buffer where that is possible, copies otherwise.

    Raises
    ------
    ValueError
        The buffer is too short.
    """
    width, height = size
    stride = stride or bytes_per_row(layout, width)
    flat = buffer.reshape(-1)
    packed = layout in ("YUYV", "UYVY", "GREY")
    needed = stride * height if packed else stride * height + stride // 2 * (height // 2) * 2
    if flat.size < needed:
        raise ValueError(f"{flat.size} bytes, {needed} are needed for {width}x{height} of {layout} in rows of {stride}")
    rows = flat[: stride * height].reshape(height, stride)
    rest = flat[stride * height : needed]
    if layout == "GREY":
        return np.ascontiguousarray(rows[:, :width]), None
    if packed:
        luma, cb, cr = (0, 1, 3) if layout == "YUYV" else (1, 0, 2)
        used = rows[:, : 2 * width]
        return _dense(used[:, luma::2]), (_dense(used[:, cb::4]), _dense(used[:, cr::4]))
    if layout in ("NV12", "NV21"):
        pairs = rest.reshape(height // 2, stride)[:, : width // 2 * 2]
        first, second = _dense(pairs[:, 0::2]), _dense(pairs[:, 1::2])
    else:
        first, second = (_dense(plane[:, : width // 2]) for plane in rest.reshape(2, height // 2, stride // 2))
    swapped = layout in ("NV21", "YVU420")
    return _dense(rows[:, :width]), (second, first) if swapped else (first, second)


def _dense(plane: UInt8Array) -> UInt8Array:
    return np.ascontiguousarray(plane)
