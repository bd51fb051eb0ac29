"""Read folders, globs and single pictures as a stream, or watch a folder for new ones."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from glob import glob
from pathlib import Path
from time import monotonic
from typing import Any

from edge_srcnn.errors import BadPicture, NoInput
from edge_srcnn.imaging.colour import planes_of_rgb
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.imaging.luma import to_8_bits
from edge_srcnn.sources import Source
from edge_srcnn.sources.images import find_pictures, read_picture
from edge_srcnn.uri import PICTURE_SUFFIXES, Uri, flag, frame_rate, read_options, seconds

log = logging.getLogger(__name__)

_STILL_S = 0.05
"""A picture that was given already, and is written anew, is complete when it stands still for so long."""


def options(uri: Uri) -> dict[str, Any]:
    """Read fps (25: what a video of them runs at), watch (no: end with the last one), poll (seconds, 0.5)."""
    return read_options(uri, fps=frame_rate, watch=flag, poll=seconds)


def open(uri: Uri, **given: Any) -> "Folder":
    """Look whether it is there; ``NoInput`` where there is no picture, or no folder that could be watched."""
    return Folder(uri.target, **given)


class Folder(Source):
    """Read pictures one after another, sorted by name; a bad one is left out with a warning.

    Parameters
    ----------
    target
        A folder, a glob or a picture.
    fps
        Frames a second of a video of them.
    watch
        Wait for new pictures after the last one; one that is written anew is read again.
    poll
        Seconds between two looks at a watched folder; a file that has not grown for so long is complete.
    """

    live = False

    def __init__(self, target: str, *, fps: Fraction = Fraction(25), watch: bool = False, poll: float = 0.5) -> None:
        self._target, self._watch, self._poll_s, self._pace = target, watch, poll, fps
        self.rate: Fraction | None = fps
        if watch and not os.path.isdir(target):
            raise NoInput(f"{target}: is no folder that could be watched")
        if not watch:
            self.frames = len(_pictures(target))
            if not self.frames:
                raise NoInput(f"{target}: there is no picture ({', '.join(sorted(PICTURE_SUFFIXES))})")
        self._closed = threading.Event()
        self._frames = self._read_all()

    def read(self) -> Frame | None:
        """Read the next picture as a frame of 4:4:4 (grey: no chroma)."""
        return next(self._frames, None)

    def wake(self) -> None:
        """End a wait for new pictures."""
        self._closed.set()

    def _read_all(self) -> Iterator[Frame]:
        index = 0
        for path in self._paths():
            if self._closed.is_set():
                return
            try:
                pixels = to_8_bits(read_picture(path).pixels)
            except (BadPicture, NoInput) as error:
                log.warning("%s", error)
                continue
            yield Frame(*planes_of_rgb(pixels), Colour(), index, float(index / self._pace), monotonic())
            index += 1

    def _paths(self) -> Iterator[Path]:
        if not self._watch:
            yield from _pictures(self._target)
            return
        given: dict[Path, _Version] = {}
        before: dict[Path, _Version] = {}
        while not self._closed.wait(self._poll_s):
            if not os.access(self._target, os.R_OK | os.X_OK):
                continue  # it may come back as it was
            found = _versions(self._target)
            # what is gone is forgotten: a folder through which pictures pass would fill the memory
            given = {path: version for path, version in given.items() if path in found}
            changed = {path: version for path, version in found.items() if version.bytes and version != given.get(path)}
            for path in self._complete(changed, before, given):
                given[path] = changed[path]
                yield path
            before = found

    def _complete(
        self, changed: "dict[Path, _Version]", before: "dict[Path, _Version]", given: "dict[Path, _Version]"
    ) -> list[Path]:
        """List the files that nobody writes any more: they stand still since the last look.

        One that was given already may be written anew more often than somebody looks, and stand still only in between.
        """
        moving = [path for path, version in changed.items() if version != before.get(path)]
        still = set(changed) - set(moving)
        if doubtful := [path for path in moving if path in given]:
            self._closed.wait(min(_STILL_S, self._poll_s))
            still.update(path for path in doubtful if _version_of(path) == changed[path])
        return sorted(still)


@dataclass(frozen=True)
class _Version:
    """Tell the contents of a file from those that it had before, or will have."""

    inode: tuple[int, int]
    bytes: int
    changed_ns: int


def _versions(folder: str) -> dict[Path, _Version]:
    with suppress(NoInput):  # there is none yet
        return {path: version for path in _pictures(folder) if (version := _version_of(path))}
    return {}


def _version_of(path: Path) -> _Version | None:
    try:
        found = path.stat()
    except OSError:  # it vanished
        return None
    return _Version((found.st_dev, found.st_ino), found.st_size, found.st_mtime_ns)


def _pictures(target: str) -> list[Path]:
    if os.path.isdir(target):
        return find_pictures(Path(target))
    found = [target] if os.path.isfile(target) else sorted(glob(target, recursive=True))
    return [Path(path) for path in found if Path(path).suffix.lower() in PICTURE_SUFFIXES]
