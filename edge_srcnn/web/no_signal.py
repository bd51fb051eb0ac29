"""What viewers see while no pictures come: the last one, greyed, with words on it; never one that looks live."""

from dataclasses import replace
from time import localtime, strftime

import cv2
import numpy as np

from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.sinks import Result
from edge_srcnn.web.views import bicubic_frame

_EMPTY_SIZE = (640, 360)
_CONTRAST, _BRIGHTNESS = 0.35, 50
_NEUTRAL, _DARK, _LIGHT = 128, 16, 235
_TEXT_SHARE = 0.7  # of the width
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def stale_picture(last: Result | None, since_s: float) -> Result:
    """Grey the last result, or give an empty picture before there was one; ``since_s`` in seconds since 1970."""
    if last is None:
        width, height = _EMPTY_SIZE
        empty = Frame(np.full((height, width), 2 * _DARK, np.uint8), None, Colour(), 0, 0.0, 0.0)
        return Result(_with_text(empty, "waiting for the camera"), empty, 1)
    text = f"no signal since {strftime('%H:%M:%S', localtime(since_s))}"
    large = last.frame if last.enhanced else bicubic_frame(last)
    return Result(_with_text(_greyed(large), text), _with_text(_greyed(last.original), text), last.scale)


def _greyed(frame: Frame) -> Frame:
    luma = cv2.convertScaleAbs(frame.luma, alpha=_CONTRAST, beta=_BRIGHTNESS)
    chroma = None
    if frame.chroma is not None:
        cb, cr = (np.full_like(plane, _NEUTRAL) for plane in frame.chroma)
        chroma = (cb, cr)
    return replace(frame, luma=np.asarray(luma, np.uint8), chroma=chroma)


def _with_text(frame: Frame, text: str) -> Frame:
    luma: UInt8Array = frame.luma.copy()
    width, height = frame.size
    (text_width, _), _ = cv2.getTextSize(text, _FONT, 1.0, 2)
    size = width * _TEXT_SHARE / text_width
    thick = max(round(2 * size), 1)
    place = (round(width * (1 - _TEXT_SHARE) / 2), height // 2)
    cv2.putText(luma, text, place, _FONT, size, _DARK, thick * 3, cv2.LINE_AA)
    cv2.putText(luma, text, place, _FONT, size, _LIGHT, thick, cv2.LINE_AA)
    return replace(frame, luma=luma)
