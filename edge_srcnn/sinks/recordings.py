"""Keep recordings within a budget, for which the oldest make room, and recover those that a power cut cut off."""

import fcntl
import logging
import os
import re
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain, count
from math import inf
from pathlib import Path

from edge_srcnn.errors import CannotWrite, reason

log = logging.getLogger(__name__)

_NAME_BYTES = 255


@dataclass
class Rotation:
    """Keep files of one folder within a budget; sorted by length and name they are sorted by time.

    Attributes
    ----------
    pattern
        What their names fit.
    keep, keep_bytes
        The budget; by default there is no limit. The newest file always stays.
    """

    folder: Path
    pattern: re.Pattern[str]
    keep: float = inf
    keep_bytes: float = inf
    _files: deque[tuple[Path, int]] = field(default_factory=deque)

    def begin(self) -> None:
        """Count what is there from earlier runs; without a budget nobody needs to know."""
        if self._is_limited:
            with _reaching(self.folder):
                self._files = deque((path, path.stat().st_size) for path in numbered(self.folder, self.pattern))

    def add(self, path: Path) -> None:
        """Count a file that was just written, and remove the oldest beyond the budget; ``CannotWrite``."""
        if not self._is_limited:
            return
        with _reaching(self.folder):
            self._files.append((path, path.stat().st_size))
            total = sum(size for _, size in self._files)
            while len(self._files) > 1 and (len(self._files) > self.keep or total > self.keep_bytes):
                oldest, size = self._files.popleft()
                oldest.unlink(missing_ok=True)
                total -= size

    @property
    def _is_limited(self) -> bool:
        return min(self.keep, self.keep_bytes) < inf


def numbered(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    """List the files of a folder whose names fit, the oldest first; ``CannotWrite`` where it may not be looked into."""
    if not os.path.isdir(folder):
        return []
    with _reaching(folder):
        fit = [path for path in folder.iterdir() if pattern.fullmatch(path.name)]
    return sorted(fit, key=lambda path: (len(path.name), path.name))  # a number may outgrow its zeros


@contextmanager
def _reaching(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotWrite(f"{folder}: earlier files cannot make room ({reason(error)})") from error


def hidden_name(path: Path) -> Path:
    """Name a hidden neighbour of ``path`` that is not there yet: ``.out.part.mp4`` or ``.out.part-2.mp4``."""
    numbers = ("" if number == 1 else f"-{number}" for number in count(1))
    stem = _short_stem(path)
    return _first_free(path.with_name(f".{stem}.part{number}{path.suffix}") for number in numbers)


def _short_stem(path: Path) -> str:
    """Cut a stem so that the hidden name has room in the 255 bytes of a file system's names."""
    room = _NAME_BYTES - len(os.fsencode(f"..part-99-00000{path.suffix}"))
    return os.fsencode(path.stem)[:room].decode("utf-8", "ignore") if len(os.fsencode(path.stem)) > room else path.stem


def remove_stale_parts(path: Path) -> list[Path]:
    """Remove what a killed process left of a video that was to become ``path``; what is being written stays.

    Parameters
    ----------
    path
        The finished video's name.

    Returns
    -------
    What was removed.
    """
    removed = []
    pattern = re.compile(rf"\.{re.escape(_short_stem(path))}(-[0-9]+)?\.part(-[0-9]+)?{re.escape(path.suffix)}")
    for hidden in path.parent.glob(".*.part*"):
        if pattern.fullmatch(hidden.name) and not hidden.is_symlink():
            with suppress(OSError), hidden.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                hidden.unlink()
                removed.append(hidden)
    return removed


def recover_recordings(path: Path) -> list[Path]:
    """Give what can be played a visible name, beside ``path``; what another process is writing stays as it is.

    Of ``out.mp4`` they become ``out-recovered-1.mp4``, of a segment ``out-00007.mp4`` the segment.

    Parameters
    ----------
    path
        The finished recording's name; of segments, without their numbers.

    Returns
    -------
    The new names.
    """
    if not os.access(path.parent, os.R_OK | os.X_OK):  # or there is none
        return []
    pattern = re.compile(rf"\.({re.escape(_short_stem(path))}(-[0-9]+)?)\.part(-[0-9]+)?{re.escape(path.suffix)}")
    recovered = []
    for hidden in sorted(path.parent.iterdir()):
        match = pattern.fullmatch(hidden.name)
        if match is None:
            continue
        try:
            with hidden.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not can_be_played(hidden):
                    continue
                names = [hidden.with_name(f"{match[1]}{path.suffix}")] if match[2] else []
                others = (path.with_name(f"{path.stem}-recovered-{number}{path.suffix}") for number in count(1))
                visible = _first_free(chain(names, others))
                hidden.rename(visible)
        except OSError as error:  # somebody is writing it, or it is another user's
            log.debug("%s: stays as it is (%s)", hidden, reason(error))
            continue
        recovered.append(visible)
        log.warning("%s: was cut off; what there is of it is %s now", hidden, visible)
    return recovered


def can_be_played(path: Path) -> bool:
    """Tell whether there is a picture in a video file."""
    import av

    from edge_srcnn.imaging.pyav import AV_ERRORS

    try:
        with av.open(str(path)) as container:
            return next(container.decode(video=0), None) is not None
    except AV_ERRORS:
        return False


def _first_free(names: Iterable[Path]) -> Path:
    return next(name for name in names if not os.path.exists(name))
