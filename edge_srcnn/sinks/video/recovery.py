"""Recordings that a power cut or a kill left under their hidden names get names of their own."""

import fcntl
import logging
import os
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import av

log = logging.getLogger(__name__)


def hidden_name(path: Path) -> Path:
    """Name a hidden neighbour of ``path`` that is not there yet."""
    return next(name for name in _hidden_names(path) if not os.path.exists(name))


def recover_recordings(path: Path) -> list[Path]:
    """Give what can be played a visible name, beside ``path``; what another process is writing stays as it is.

    Of ``out.mp4`` they become ``out-recovered-1.mp4``, of a segment ``out-00007.mp4`` the segment.
    """
    if not os.access(path.parent, os.R_OK | os.X_OK):  # or there is none
        return []
    pattern = re.compile(rf"\.({re.escape(path.stem)}(-[0-9]+)?)\.part(-[0-9]+)?{re.escape(path.suffix)}")
    recovered = []
    for hidden in sorted(path.parent.iterdir()):
        match = pattern.fullmatch(hidden.name)
        if match is None:
            continue
        with hidden.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            if can_be_played(hidden):
                segment = hidden.with_name(f"{match[1]}{path.suffix}") if match[2] else None
                visible = _visible_name(path, segment)
                hidden.rename(visible)
                recovered.append(visible)
                log.warning("%s: was cut off; what there is of it is %s now", hidden, visible)
    return recovered


def _visible_name(path: Path, segment: Path | None) -> Path:
    if segment is not None and not segment.exists():
        return segment
    names = (path.with_name(f"{path.stem}-recovered-{number}{path.suffix}") for number in count(1))
    return next(name for name in names if not name.exists())


def can_be_played(path: Path) -> bool:
    """Whether there is a picture in it."""
    try:
        with av.open(str(path)) as container:
            return next(container.decode(video=0), None) is not None
    except (av.FFmpegError, OSError, IndexError):
        return False


def _hidden_names(path: Path) -> Iterator[Path]:
    yield path.with_name(f".{path.stem}.part{path.suffix}")
    for number in count(2):
        yield path.with_name(f".{path.stem}.part-{number}{path.suffix}")
