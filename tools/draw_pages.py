#!/usr/bin/env python3
"""Draw pages of text, lines and shapes to train on beside photographs, which hold few sharp edges and no print.

usage: tools/draw_pages.py FOLDER [NUMBER]
"""

import sys
from pathlib import Path

import cv2
import numpy as np

SIDE = 384  # pixels: below what a training shrinks
NUMBER = 24
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_PLAIN,
    cv2.FONT_HERSHEY_COMPLEX_SMALL,
)
CHARACTERS = list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;()-+=%&    ")


def draw_page(random: np.random.Generator) -> np.ndarray:
    """Draw a page: shapes of any colour, and lines of print across them, uint8 ``[SIDE, SIDE, 3]``."""

    def colour() -> list[int]:
        return [int(level) for level in random.integers(0, 256, 3)]

    page = np.full((SIDE, SIDE, 3), colour() if random.random() < 0.5 else (255, 255, 255), np.uint8)
    for _ in range(random.integers(4, 10)):
        x, y = (int(place) for place in random.integers(-20, SIDE, 2))
        width, height = (int(size) for size in random.integers(10, 200, 2))
        line, shape = int(random.integers(1, 4)), random.integers(4)
        if shape < 2:
            cv2.rectangle(page, (x, y), (x + width, y + height), colour(), line if shape else cv2.FILLED)
        elif shape == 2:
            cv2.line(page, (x, y), (x + width, y + height - 100), colour(), line, cv2.LINE_AA)
        else:
            inside = random.random() < 0.25
            cv2.circle(page, (x, y), width // 2, colour(), cv2.FILLED if inside else line, cv2.LINE_AA)
    y = 0
    while y < SIDE:
        size, font = random.uniform(0.35, 1.1), FONTS[random.integers(len(FONTS))]
        text, ink = "".join(random.choice(CHARACTERS, 40)), colour() if random.random() < 0.5 else (0, 0, 0)
        y += int(14 + 26 * size)
        place = int(random.integers(0, 60)), y
        cv2.putText(page, text, place, font, size, ink, int(random.integers(1, 3)), cv2.LINE_AA)
    return page


def main() -> None:
    """Write the pages, the same ones each time."""
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    folder, number = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) == 3 else NUMBER
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(7)
    for page in range(number):
        cv2.imwrite(str(folder / f"page-{page:02}.png"), draw_page(random))


if __name__ == "__main__":
    main()
