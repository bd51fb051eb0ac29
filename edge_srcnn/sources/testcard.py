"""``test:``: draw a test card that moves at any size and rate; a camera that every machine has."""

import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import cv2
import numpy as np

from edge_srcnn.errors import UsageError
from edge_srcnn.imaging.colour import planes_of_rgb, resample_chroma
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.sources import Source
from edge_srcnn.uri import Uri, frame_rate, frame_size, read_options, whole_number

WIDTH, HEIGHT = 640, 480
PAPER, INK = 232, 24
_COLOURS = ((200, 60, 50), (230, 160, 40), (70, 150, 70), (50, 110, 190), (120, 80, 160), (90, 90, 90))
_TEXT = (
    ("edge-srcnn", 1.5, 3),
    ("The quick brown fox jumps over the lazy dog.", 0.62, 1),
    ("0123456789 +-*/= (){}[] @#% sharper, on the device", 0.5, 1),
    ("Small print tells a good lens from a soft one: il1I O0 rn m cl d", 0.4, 1),
)

RATE = Fraction(15)
_FULL_SPEED = "max"
_PAN_PX = 2
_BALL = 0.06  # of the width
_TURN_S = 4.0


def options(uri: Uri) -> dict[str, Any]:
    """Read size (640x480), fps (15, or ``max``: as fast as frames are taken, none is lost), frames (no end)."""
    if uri.target:
        raise UsageError(f"{uri.text}: options are name=value behind test:, such as test:?size=640x480&fps=30")
    return read_options(uri, size=frame_size, fps=_rate_or_full_speed, frames=whole_number)


def open(uri: Uri, **given: Any) -> "MovingCard":
    """Draw the card."""
    return MovingCard(**given)


def _rate_or_full_speed(text: str) -> Fraction | None:
    return None if text == _FULL_SPEED else frame_rate(text)


class MovingCard(Source):
    """Pan the card slowly, with a ball that circles on it and the number of the frame.

    Parameters
    ----------
    size
        Width and height.
    fps
        Frames a second; None: as fast as they are taken, none is lost.
    frames
        How many; None: no end.
    """

    def __init__(
        self, *, size: tuple[int, int] = (WIDTH, HEIGHT), fps: Fraction | None = RATE, frames: int | None = None
    ) -> None:
        self.live = fps is not None
        self.rate: Fraction | None = fps or RATE
        self.frames, self._size, self._pace = frames, size, float(fps or RATE)
        self._closed = threading.Event()
        self._pictures = self._draw_all()
        card = np.asarray(cv2.resize(draw_test_card(), size, interpolation=cv2.INTER_AREA), np.uint8)
        luma, chroma = planes_of_rgb(card)
        cb, cr = resample_chroma(chroma or (luma, luma), (size[1] + 1) // 2, (size[0] + 1) // 2)
        # twice side by side: panning is then a window that moves
        self._luma, self._cb, self._cr = (np.hstack([plane, plane]) for plane in (luma, cb, cr))

    def read(self) -> Frame | None:
        """Draw a frame when its time has come; one that nobody took in time is left out, and counted by ``index``."""
        return next(self._pictures, None)

    def wake(self) -> None:
        """End the wait."""
        self._closed.set()

    def _draw_all(self) -> Iterator[Frame]:
        began, index = time.monotonic(), 0
        while (self.frames is None or index < self.frames) and not self._closed.is_set():
            due = began + index / self._pace
            if self.live and self._closed.wait(max(due - time.monotonic(), 0)):
                return
            yield self._draw(index, time.monotonic())
            index += 1
            if self.live:
                index = max(index, int((time.monotonic() - began) * self._pace))

    def _draw(self, index: int, now: float) -> Frame:
        width, height = self._size
        left = index * _PAN_PX % width // 2 * 2
        luma = self._luma[:, left : left + width].copy()
        chroma_width = (width + 1) // 2
        cb, cr = (c[:, left // 2 : left // 2 + chroma_width].copy() for c in (self._cb, self._cr))
        self._draw_ball(luma, cb, cr, 2 * np.pi * index / self._pace / _TURN_S)
        text = f"{index:06d}  {index / self._pace:8.2f} s"
        scale = max(width / 900, 0.3)
        cv2.putText(luma, text, (8, height - 8), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 3, cv2.LINE_AA)
        cv2.putText(luma, text, (8, height - 8), cv2.FONT_HERSHEY_SIMPLEX, scale, 16, 1, cv2.LINE_AA)
        return Frame(luma, (cb, cr), Colour(), index, index / self._pace, now)

    def _draw_ball(self, luma: UInt8Array, cb: UInt8Array, cr: UInt8Array, angle: float) -> None:
        width, height = self._size
        centre = width * (0.5 + 0.3 * np.cos(angle)), height * (0.5 + 0.3 * np.sin(angle))
        for plane, value, factor in ((luma, 110, 1.0), (cb, 90, 0.5), (cr, 220, 0.5)):
            at = (round(centre[0] * factor), round(centre[1] * factor))
            cv2.circle(plane, at, max(round(width * _BALL * factor), 1), value, -1, cv2.LINE_AA)


def draw_test_card() -> UInt8Array:
    """Draw the card, uint8 ``[HEIGHT, WIDTH, 3]`` in R, G, B. 640 is no multiple of 3: who divides by 3 crops."""
    card = np.full((HEIGHT, WIDTH, 3), PAPER, np.uint8)
    _text(card[0:190])
    card[196:206, 16:-16] = np.linspace(0, 255, WIDTH - 32).astype(np.uint8)[:, None]
    _zone_plate(card[216:464, 16:264])
    _fine_lines(card[216:344, 280:464])
    _star(card[216:344, 480:624])
    _colours(card[360:464, 280:624])
    return card


def _text(area: UInt8Array) -> None:
    baseline = 0
    for line, size, weight in _TEXT:
        baseline += int(38 * size) + 14
        cv2.putText(area, line, (16, baseline), cv2.FONT_HERSHEY_DUPLEX, size, (INK,) * 3, weight, cv2.LINE_AA)


def _zone_plate(area: UInt8Array) -> None:
    """Draw rings whose frequency grows outwards to half a cycle in two pixels at the rim."""
    h, w = area.shape[:2]
    y, x = np.mgrid[:h, :w] - np.array([h / 2, w / 2])[:, None, None]
    rings = np.cos(np.pi * (x * x + y * y) / (2 * max(h, w)))
    area[:] = np.round(128 + 100 * rings)[..., None].astype(np.uint8)


def _fine_lines(area: UInt8Array) -> None:
    """Draw line gratings upright, flat and slanted, with periods of 2 to 8 pixels."""
    y, x = np.mgrid[: area.shape[0], : area.shape[1]]
    period = 2 + (x * 4 // area.shape[1]) * 2
    third = y * 3 // area.shape[0]
    phase = np.choose(third, (x % period, y % period, (x + y) % period))
    area[:] = np.where(phase * 2 < period, INK, PAPER)[..., None]


def _star(area: UInt8Array) -> None:
    """Draw a Siemens star of 36 spokes."""
    h, w = area.shape[:2]
    y, x = np.mgrid[:h, :w] - np.array([h / 2, w / 2])[:, None, None]
    wave = np.clip(128 + 260 * np.sin(18 * np.arctan2(y, x)), INK, PAPER)
    inside = np.hypot(x, y) < min(h, w) / 2
    area[:] = np.where(inside, wave, PAPER)[..., None].astype(np.uint8)


def _colours(area: UInt8Array) -> None:
    """Draw colour patches with a disc and a thin diagonal in each."""
    width = area.shape[1] // len(_COLOURS)
    for number, colour in enumerate(_COLOURS):
        patch = np.ascontiguousarray(area[:, number * width : (number + 1) * width])
        patch[:] = colour
        centre = (width // 2, area.shape[0] // 3)
        cv2.circle(patch, centre, width // 3, (245, 240, 225), -1, cv2.LINE_AA)
        cv2.line(patch, (4, area.shape[0] - 6), (width - 5, area.shape[0] // 2 + 12), (250, 250, 250), 1, cv2.LINE_AA)
        area[:, number * width : (number + 1) * width] = patch
