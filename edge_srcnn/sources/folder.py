"""Folders, globs and single pictures as a stream; also a folder that is watched for new ones."""

import logging
import os
import threading
from collections.abc import Iterator
from fractions import Fraction
from glob import glob
from pathlib import Path
from time import monotonic
from typing import Any

import cv2
import numpy as np

from edge_srcnn.errors import BadPicture, NoInput
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.planes import Chroma
from edge_srcnn.sources import Source
from edge_srcnn.sources.images import PICTURE_SUFFIXES, find_pictures, read_picture
from edge_srcnn.uri import Uri, flag, frame_rate, read_options, seconds

log = logging.getLogger(__name__)

RATE = Fraction(25)
POLL_S = 0.5
"""How often a watched folder is looked at; a file that has not grown for so long is complete."""


def options(uri: Uri) -> dict[str, Any]:
    """Read them: fps (25: what a video of them runs at), watch (no: end with the last one), poll (seconds, 0.5)."""
    return read_options(uri, fps=frame_rate, watch=flag, poll=seconds)


def open(uri: Uri) -> "Folder":
    """Look whether it is there; for the options see ``options``."""
    given = options(uri)
    watch = given.get("watch", False)
    if watch and not os.path.isdir(uri.target):
        raise NoInput(f"{uri.target}: is no folder that could be watched")
    if not watch and not _pictures(uri.target):
        raise NoInput(f"{uri.target}: there is no picture ({', '.join(sorted(PICTURE_SUFFIXES))})")
    return Folder(uri.target, given.get("fps", RATE), given.get("poll", POLL_S) if watch else None)


class Folder(Source):
    """Pictures one after another, sorted by name; a bad one is left out with a warning."""

    def __init__(self, target: str, rate: Fraction, watch_every_s: float | None) -> None:
        self.live = False
        self.rate: Fraction | None = rate
        self.frames: int | None = None if watch_every_s else len(_pictures(target))
        self._target, self._watch_every_s = target, watch_every_s
        self._closed = threading.Event()
        self._pictures = self._read_all()

    def read(self) -> Frame | None:
        """Read the next picture as a frame of 4:4:4 (grey: no chroma)."""
        return next(self._pictures, None)

    def wake(self) -> None:
        """End a wait for new pictures."""
        self._closed.set()

    def close(self) -> None:
        """End."""
        self._closed.set()

    def _read_all(self) -> Iterator[Frame]:
        index = 0
        for path in self._paths():
            if self._closed.is_set():
                return
            try:
                pixels = read_picture(path).pixels
            except (BadPicture, NoInput) as error:
                log.warning("%s", error)
                continue
            luma, chroma = _planes(pixels)
            yield Frame(luma, chroma, Colour(), index, float(index / (self.rate or RATE)), monotonic())
            index += 1

    def _paths(self) -> Iterator[Path]:
        if self._watch_every_s is None:
            yield from _pictures(self._target)
            return
        done: set[Path] = set()
        sizes: dict[Path, int] = {}
        while not self._closed.wait(self._watch_every_s):
            for path in _pictures_so_far(self._target):
                size = path.stat().st_size if path.exists() else -1
                if path not in done and size > 0 and sizes.get(path) == size:
                    done.add(path)
                    yield path
                sizes[path] = size


def _pictures(target: str) -> list[Path]:
    if os.path.isdir(target):
        return find_pictures(Path(target))
    found = [target] if os.path.isfile(target) else sorted(glob(target, recursive=True))
    return [Path(path) for path in found if Path(path).suffix.lower() in PICTURE_SUFFIXES]


def _pictures_so_far(folder: str) -> list[Path]:
    try:
        return _pictures(folder)
    except NoInput:  # none yet
        return []


def _planes(pixels: UInt8Array) -> tuple[UInt8Array, Chroma | None]:
    if pixels.ndim == 2:
        return pixels, None
    luma, cr, cb = (np.asarray(plane, np.uint8) for plane in cv2.split(cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb)))
    return luma, (cb, cr)
