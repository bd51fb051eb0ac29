"""Recover recordings that a kill or a power cut cut off, and remove what holds nothing."""

import fcntl
import logging
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain, count
from pathlib import Path
from typing import BinaryIO

from edge_srcnn.errors import reason
from edge_srcnn.sinks.recording_names import Names
from edge_srcnn.sinks.recordings import RecordedOrder, is_odd, recordings_in
from edge_srcnn.system.files import unwritten

log = logging.getLogger(__name__)

_NAME_BYTES = 255
_HEADER_BYTES = 65_536
_MAGIC = {".avi": (0, b"RIFF"), ".mkv": (0, b"\x1aE\xdf\xa3")} | dict.fromkeys((".mp4", ".mov", ".m4v"), (4, b"ftyp"))
"""Where a header begins to say what it is, and how: RIFF, EBML (RFC 8794), ISO/IEC 14496-12."""


def create_hidden(path: Path) -> tuple[Path, BinaryIO]:
    """Create a hidden neighbour of ``path``, ``.out.part.mp4`` or ``.out.part-2.mp4``, and lock it; ``OSError``.

    Parameters
    ----------
    path
        The finished file's name.

    Returns
    -------
    The neighbour's name, and the file, open for writing; the lock tells others that it is being written.
    """
    for hidden in hidden_names(path):
        with suppress(FileExistsError):
            file = hidden.open("xb")
            with suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
            return hidden, file
    raise AssertionError  # there is no end of numbers


def hidden_names(path: Path) -> Iterator[Path]:
    """Give the names that a hidden neighbour of ``path`` may have."""
    stem = _short_stem(path)
    numbers = ("" if number == 1 else f"-{number}" for number in count(1))
    return (path.with_name(f".{stem}.part{number}{path.suffix}") for number in numbers)


def is_begun(path: Path) -> bool:
    """Tell whether somebody writes what is to become ``path``, or something stands in the way of that."""
    return path.stem == _short_stem(path) and os.path.lexists(next(hidden_names(path)))


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
        if pattern.fullmatch(hidden.name):
            with suppress(OSError), unwritten(hidden):
                hidden.unlink()
                removed.append(hidden)
    return removed


def recover_recordings(path: Path, names: Names | None = None) -> list[Path]:
    """Give what can be played a visible name, beside ``path``; what another process is writing stays as it is.

    Of ``out.mp4`` they become ``out-recovered-1.mp4``, of a segment ``out-00007.mp4`` the segment. What is empty, or a
    header alone, is removed.

    Parameters
    ----------
    path
        The finished recording's name; of a series, without number or time.
    names
        Of the series.

    Returns
    -------
    The new names.
    """
    if not os.access(path.parent, os.R_OK | os.X_OK):  # or there is none
        return []
    recovered = []
    for found in sorted(path.parent.iterdir()):
        visible = _names_of(found, path, names)
        is_one = names is not None and names.key(found.name) is not None
        if (visible is None and not is_one) or is_odd(path.parent, found.name):
            continue
        try:
            with unwritten(found) as file:
                if is_one and os.fstat(file.fileno()).st_size:
                    continue
                if is_one or not can_be_played(found):
                    _remove_stub(found, file)
                    continue
                target = next(each for each in visible or () if not os.path.lexists(each))
                found.rename(target)
        except OSError as error:  # somebody is writing it, or it is another user's
            log.debug("%s: stays as it is (%s)", found, reason(error))
            continue
        recovered.append(target)
        log.warning("%s: was cut off; what there is of it is %s now", found, target)
        if names is not None and (key := names.key(target.name)) is not None:
            _remember(target, names, key)
    return recovered


def _names_of(hidden: Path, path: Path, names: Names | None) -> Iterable[Path] | None:
    """Give names for a recording that was cut off; None where the file is none of those."""
    match = re.fullmatch(rf"\.(.+)\.part(-[0-9]+)?{re.escape(path.suffix)}", hidden.name, re.DOTALL)
    if match is None:
        return None
    own, stem = hidden.with_name(f"{match[1]}{path.suffix}"), _short_stem(path)
    others = (path.with_name(f"{path.stem}-recovered-{number}{path.suffix}") for number in count(1))
    if names is not None and names.key(own.name) is not None:
        return chain([own], (hidden.with_name(name) for name in names.candidates(own.name)))
    if match[1] == stem:
        return others
    return chain([own], others) if re.fullmatch(rf"{re.escape(stem)}-[0-9]+", match[1]) else None


def _remove_stub(found: Path, file: BinaryIO) -> None:
    """Remove a file in which there is no picture yet; one that may be somebody else's stays."""
    start, magic = _MAGIC.get(found.suffix.lower(), (0, b"\n"))
    header, size = file.read(start + len(magic)), os.fstat(file.fileno()).st_size
    if not size or (size <= _HEADER_BYTES and header[start:] == magic):
        found.unlink()
        log.warning("%s: removed; it was cut off before its first picture", found)


def _remember(path: Path, names: Names, key: tuple[int, ...]) -> None:
    """Keep the place of a recovered recording in the order."""
    others = [name for name in recordings_in(path.parent, names) if name != path.name]
    with suppress(OSError):
        is_last = all(key > (names.key(name) or ()) for name in others)
        RecordedOrder(path.parent, names).add(path.name, lambda: others, is_last=is_last)


def can_be_played(path: Path) -> bool:
    """Tell whether there is a picture in a video file."""
    from edge_srcnn.imaging.containers import open_file
    from edge_srcnn.imaging.pyav import AV_ERRORS

    try:
        with open_file(path) as container:
            return next(container.decode(video=0), None) is not None
    except AV_ERRORS:
        return False
