"""A test card, drawn: text, fine lines, a zone plate, a gradient and colours; the same on every call."""

import cv2
import numpy as np

from edge_srcnn.imaging.luma import UInt8Array

WIDTH, HEIGHT = 640, 480
PAPER, INK = 232, 24
_COLOURS = ((200, 60, 50), (230, 160, 40), (70, 150, 70), (50, 110, 190), (120, 80, 160), (90, 90, 90))
_TEXT = (
    ("edge-srcnn", 1.5, 3),
    ("The quick brown fox jumps over the lazy dog.", 0.62, 1),
    ("0123456789 +-*/= (){}[] @#% sharper, on the device", 0.5, 1),
    ("Small print tells a good lens from a soft one: il1I O0 rn m cl d", 0.4, 1),
)


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
    """Rings whose frequency grows outwards to half a cycle in two pixels at the rim."""
    h, w = area.shape[:2]
    y, x = np.mgrid[:h, :w] - np.array([h / 2, w / 2])[:, None, None]
    rings = np.cos(np.pi * (x * x + y * y) / (2 * max(h, w)))
    area[:] = np.round(128 + 100 * rings)[..., None].astype(np.uint8)


def _fine_lines(area: UInt8Array) -> None:
    """Line gratings upright, flat and slanted, with periods of 2 to 8 pixels."""
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
    """Colour patches with a disc and a thin diagonal in each."""
    width = area.shape[1] // len(_COLOURS)
    for number, colour in enumerate(_COLOURS):
        patch = np.ascontiguousarray(area[:, number * width : (number + 1) * width])
        patch[:] = colour
        centre = (width // 2, area.shape[0] // 3)
        cv2.circle(patch, centre, width // 3, (245, 240, 225), -1, cv2.LINE_AA)
        cv2.line(patch, (4, area.shape[0] - 6), (width - 5, area.shape[0] // 2 + 12), (250, 250, 250), 1, cv2.LINE_AA)
        area[:, number * width : (number + 1) * width] = patch
