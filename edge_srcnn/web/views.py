"""What a viewer may look at: the enhanced picture, the bicubic one, or half of each."""

from dataclasses import replace

from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.frame import BT601, BT709, UNSPECIFIED, Frame
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.planes import Chroma, upscale_chroma
from edge_srcnn.sinks import Result

ENHANCED, BICUBIC, SPLIT, PAIR = "enhanced", "bicubic", "split", "pair"

VIEWS = (ENHANCED, BICUBIC, SPLIT)
"""Each is one picture."""

PARTS = {view: (view,) for view in VIEWS} | {PAIR: (BICUBIC, ENHANCED)}
"""The pictures that a stream sends of each frame; ``pair`` is for the page, whose divider needs two of one moment."""

_HD_ROWS = 720
_GREY = 128
_LINE_SHARE = 320  # the line is one part in so many of the width


def enhanced_frame(result: Result) -> Frame:
    """Give the upscaler's frame, its matrix named."""
    return replace(result.frame, colour=replace(result.frame.colour, matrix=_matrix(result)))


def bicubic_frame(result: Result) -> Frame:
    """Upscale the camera's frame by bicubic scaling alone."""
    original = result.original
    luma = upscale_bicubic(original.luma, result.scale)
    chroma = None
    if original.chroma is not None:
        height, width = (-(-side // coarser) for side, coarser in zip(luma.shape, original.subsampling, strict=True))
        chroma = upscale_chroma(original.chroma, result.scale, height, width)
    return replace(original, luma=luma, chroma=chroma, colour=replace(original.colour, matrix=_matrix(result)))


def split_frame(left: Frame, right: Frame) -> Frame:
    """Join the left half of one frame and the right half of the other, a thin line between them; sizes are the same."""
    width, across = right.luma.shape[1], right.subsampling[1]
    thick = max(width // _LINE_SHARE // 2, 1) * 2
    begin = max(width // 2 - thick // 2, 0) // 2 * 2
    white = 255 if right.colour.full_range else 235
    luma = _joined(left.luma, right.luma, begin, thick, white)
    if right.chroma is None or left.chroma is None:
        return replace(right, luma=luma, chroma=None)
    planes = zip(left.chroma, right.chroma, strict=True)
    cb, cr = (_joined(a, b, begin // across, thick // across, _GREY) for a, b in planes)
    chroma: Chroma = (cb, cr)
    return replace(right, luma=luma, chroma=chroma)


def _joined(left: UInt8Array, right: UInt8Array, begin: int, thick: int, line: int) -> UInt8Array:
    out = right.copy()
    out[:, :begin] = left[:, :begin]
    out[:, begin : begin + thick] = line
    return out


def _matrix(result: Result) -> int:
    """Choose the matrix; where the source does not say, what players assume: BT.709 from 720 rows on."""
    matrix = result.original.colour.matrix
    if matrix != UNSPECIFIED:
        return matrix
    return BT709 if result.original.luma.shape[0] >= _HD_ROWS else BT601
