"""``test:``: a moving test card, any size and rate; a camera that every machine has."""

import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import cv2
import numpy as np

from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.sources import Source
from edge_srcnn.sources.testcard import draw_test_card
from edge_srcnn.uri import Uri, frame_rate, frame_size, read_options, whole_number

SIZE = (640, 480)
RATE = Fraction(15)
_FULL_SPEED = "max"
_PAN_PX = 2
_BALL = 0.06  # of the width
_TURN_S = 4.0


def options(uri: Uri) -> dict[str, Any]:
    """Read them: size (640x480), fps (15, or ``max``: as fast as frames are taken, none is lost), frames (no end)."""
    return read_options(uri, size=frame_size, fps=_rate_or_full_speed, frames=whole_number)


def open(uri: Uri) -> "MovingCard":
    """Draw it; for the options see ``options``."""
    given = options(uri)
    return MovingCard(given.get("size", SIZE), given.get("fps", RATE), given.get("frames"))


class MovingCard(Source):
    """The card, panning slowly, with a ball that circles on it and the number of the frame."""

    def __init__(self, size: tuple[int, int], rate: Fraction | None, frames: int | None) -> None:
        self.live = rate is not None
        self._pace = rate or RATE
        self.rate: Fraction | None = self._pace
        self.frames = frames
        self._size = size
        self._closed = threading.Event()
        self._pictures = self._draw_all()
        ycc = cv2.cvtColor(cv2.resize(draw_test_card(), size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2YCrCb)
        luma, cr, cb = cv2.split(ycc)
        half = ((size[0] + 1) // 2, (size[1] + 1) // 2)
        # twice side by side: panning is then a window that moves
        self._luma, self._cb, self._cr = (
            np.hstack([plane, plane])
            for plane in (luma, *(cv2.resize(c, half, interpolation=cv2.INTER_AREA) for c in (cb, cr)))
        )

    def read(self) -> Frame | None:
        """Draw a frame when its time has come; one that nobody took in time is left out, and counted by ``index``."""
        return next(self._pictures, None)

    def wake(self) -> None:
        """End the wait."""
        self._closed.set()

    def close(self) -> None:
        """End."""
        self._closed.set()

    def _draw_all(self) -> Iterator[Frame]:
        began, index = time.monotonic(), 0
        while (self.frames is None or index < self.frames) and not self._closed.is_set():
            due = began + float(index / self._pace)
            if self.live and self._closed.wait(max(due - time.monotonic(), 0)):
                return
            yield self._draw(index, time.monotonic())
            index += 1
            if self.live:
                index = max(index, int((time.monotonic() - began) * self._pace))

    def _draw(self, index: int, now: float) -> Frame:
        width, height = self._size
        rate = float(self._pace)
        left = index * _PAN_PX % width // 2 * 2
        luma = self._luma[:, left : left + width].copy()
        chroma_width = (width + 1) // 2
        cb, cr = (c[:, left // 2 : left // 2 + chroma_width].copy() for c in (self._cb, self._cr))
        self._draw_ball(luma, cb, cr, 2 * np.pi * index / rate / _TURN_S)
        text = f"{index:06d}  {index / rate:8.2f} s"
        scale = max(width / 900, 0.3)
        cv2.putText(luma, text, (8, height - 8), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 3, cv2.LINE_AA)
        cv2.putText(luma, text, (8, height - 8), cv2.FONT_HERSHEY_SIMPLEX, scale, 16, 1, cv2.LINE_AA)
        return Frame(luma, (cb, cr), Colour(), index, index / rate, now)

    def _draw_ball(self, luma: UInt8Array, cb: UInt8Array, cr: UInt8Array, angle: float) -> None:
        width, height = self._size
        centre = width * (0.5 + 0.3 * np.cos(angle)), height * (0.5 + 0.3 * np.sin(angle))
        for plane, value, factor in ((luma, 110, 1.0), (cb, 90, 0.5), (cr, 220, 0.5)):
            at = (round(centre[0] * factor), round(centre[1] * factor))
            cv2.circle(plane, at, max(round(width * _BALL * factor), 1), value, -1, cv2.LINE_AA)


def _rate_or_full_speed(text: str) -> Fraction | None:
    return None if text == _FULL_SPEED else frame_rate(text)
