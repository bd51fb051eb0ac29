"""Write the camera's name and the time on pictures: white on a dark box at the top left, of every size and range."""

import re
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_srcnn.imaging.colour import Chroma
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.imaging.luma import LEVELS_VIDEO, Samples

if TYPE_CHECKING:  # imported where something is drawn, which few want
    from PIL.ImageFont import FreeTypeFont

USUAL = "{name} %Y-%m-%d %H:%M:%S"
MAX_LETTERS = 200

_NAME = "{name}"
_SWITCHES = dict.fromkeys(("1", "yes", "true", "on"), USUAL) | dict.fromkeys(("0", "no", "false", "off"), "")
_BRACES = re.compile(r"[{}]")
_BLACK, _WHITE = {True: 0, False: 16}, {True: 255, False: 235}  # by full range; what is not told is limited
_NEUTRAL = 128
_SHADE = 0.35  # what is left of the picture in the box
_SHARE, _LEAST_PX = 24, 10  # letters are so many times smaller than the picture, and no smaller than this
_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf")
"""Files of fonts that systems have, for letters that Pillow's own font lacks, which is English."""


def read_overlay(text: str) -> str:
    """Read what is to be written on pictures; ``ValueError`` says what to give instead.

    Parameters
    ----------
    text
        ``yes`` for name and time, ``no`` for nothing, or a text in which ``{name}`` stands for the camera's name, and
        ``%H:%M`` and its like for the time, as ``date`` and strftime(3) have them.

    Returns
    -------
    The text; empty where nothing is written.
    """
    if text.lower() in _SWITCHES:
        return _SWITCHES[text.lower()]
    if _BRACES.search(text.replace(_NAME, "")):
        raise ValueError(f"the only word in braces is {_NAME}; give yes, no, or a text such as {USUAL!r}")
    if not text.strip() or not text.isprintable() or len(text) > MAX_LETTERS:
        raise ValueError(f"give yes, no, or one line of up to {MAX_LETTERS} letters, such as {USUAL!r}")
    return text


@dataclass(frozen=True)
class Overlay:
    """Hold what is written on pictures.

    Attributes
    ----------
    template
        As ``read_overlay`` gives it.
    name
        Of the camera, or None.
    """

    template: str = ""
    name: str | None = None

    def text(self, frame: Frame) -> str:
        """Write name and time for a frame: when it was captured, by this machine's clock and in its zone."""
        if not self.template:
            return ""
        when = time.localtime(time.time() - (time.monotonic() - frame.captured_s))
        told = [time.strftime(part, when) if part else "" for part in self.template.split(_NAME)]
        return " ".join((self.name or "").join(told).split())


def with_text(frame: Frame, text: str) -> Frame:
    """Write a text on a copy of a frame; its other pixels stay as they are.

    Parameters
    ----------
    frame
        Of any size, range, depth and subsampling.
    text
        One line; empty: the frame is given as it is.

    Returns
    -------
    A frame whose text is as wide as it needs, and no wider than the picture: smaller, or cut off, where it is long.
    """
    if not text:
        return frame
    height, width = frame.luma.shape
    letters = _letters(text, height, width)
    full, levels = bool(frame.colour.full_range), 1 if frame.luma.dtype == np.uint8 else LEVELS_VIDEO
    luma = _written(frame.luma, letters, _BLACK[full] * levels, _WHITE[full] * levels)
    if frame.chroma is None:
        return replace(frame, luma=luma)
    rows, columns = (-(-side // coarser) for side, coarser in zip(letters.shape, frame.subsampling, strict=True))
    coarse = np.asarray(cv2.resize(letters, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)
    cb, cr = (_written(plane, coarse, _NEUTRAL * levels, _NEUTRAL * levels) for plane in frame.chroma)
    chroma: Chroma = (cb, cr)
    return replace(frame, luma=luma, chroma=chroma)


def _written(plane: Samples, letters: NDArray[np.float32], dark: int, light: int) -> Samples:
    """Shade a plane's corner towards ``dark``, and make it ``light`` where letters are."""
    out = plane.copy()
    corner = out[: letters.shape[0], : letters.shape[1]]
    shaded = dark + (corner.astype(np.float32) - dark) * _SHADE
    corner[:] = np.rint(shaded + (light - shaded) * letters)
    return out


@lru_cache(maxsize=4)
def _letters(text: str, height: int, width: int) -> NDArray[np.float32]:
    """Draw the box for a picture of that size: 0 where it is dark, 1 where letters are; of even sides, if it can be."""
    size = max(height // _SHARE, _LEAST_PX)
    drawn = _drawn(text, size)
    if drawn.shape[1] > width:
        drawn = _drawn(text, max(size * width // drawn.shape[1], _LEAST_PX))
    return drawn[:height, :width]


def _drawn(text: str, size: int) -> NDArray[np.float32]:
    from PIL import Image, ImageDraw

    margin = max(size // 4, 2)
    font = next((font for font in _fonts(size) if all(_has(font, letter) for letter in set(text))), None)
    if font is None:
        return _padded(_of_bitmaps(text, size), margin)
    ascent, descent = font.getmetrics()
    # as wide as with the widest digits, so that the box does not change each second
    widest = max("0123456789", key=font.getlength)
    width = max(font.getlength(re.sub("[0-9]", widest, text)), font.getlength(text))
    picture = Image.new("L", (int(width) + 1, ascent + descent))
    ImageDraw.Draw(picture).text((0, 0), text, 255, font)
    return _padded(np.asarray(picture), margin)


def _padded(mask: NDArray[Any], margin: int) -> NDArray[np.float32]:
    """Add a margin on all sides, and at the right and below one more for even sides."""
    height, width = mask.shape
    ends = (margin, margin + height % 2), (margin, margin + width % 2)
    return np.pad(mask.astype(np.float32) / 255, ends)


def _of_bitmaps(text: str, size: int) -> NDArray[Any]:
    """Draw by Pillow's bitmap font, enlarged; letters that it lacks, which is Western European, are question marks."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default_imagefont()
    known = text.encode("latin-1", "replace").decode("latin-1")
    left, top, right, bottom = (int(side) for side in font.getbbox(known))
    picture = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(picture).text((0, 0), known, 255, font)
    times = max(round(size / picture.height), 1)
    return np.asarray(picture).repeat(times, axis=0).repeat(times, axis=1)


@lru_cache(maxsize=4)
def _fonts(size: int) -> "tuple[FreeTypeFont, ...]":
    """Find fonts, the usual one first; none where Pillow was built without FreeType."""
    from PIL import ImageFont, features

    if not features.check("freetype2"):
        return ()
    found = [ImageFont.load_default(size)]
    for file in _FONTS:
        with suppress(OSError):
            found.append(ImageFont.truetype(file, size))
    return tuple(font for font in found if isinstance(font, ImageFont.FreeTypeFont))


@lru_cache(maxsize=1024)
def _has(font: "FreeTypeFont", letter: str) -> bool:
    """Tell whether a font has a letter: what it lacks, it draws as it does what is none."""
    return letter == " " or bytes(font.getmask(letter)) != bytes(font.getmask("\uffff"))
