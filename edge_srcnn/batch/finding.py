"""Find the pictures and videos that a path, a URL or a pattern names, here or in a store."""

import glob
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath, PurePosixPath
from typing import TypeVar

from edge_srcnn.batch.stores.address import Location, StoreUrl
from edge_srcnn.batch.stores.listing import FILE, FOLDER, files_below, files_matching, has_pattern, kind_of
from edge_srcnn.errors import NoInput
from edge_srcnn.sinks.video import SUFFIXES
from edge_srcnn.sources.images import visible_files
from edge_srcnn.uri import PICTURE_SUFFIXES

log = logging.getLogger(__name__)

VIDEO_SUFFIXES = frozenset(
    {*SUFFIXES, ".webm", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp", ".ogv"}
)

_Location = TypeVar("_Location", Path, StoreUrl)
Found = tuple[Location, PurePath]
"""A picture or video, and the name of its result inside the output folder."""


def is_video(path: Location | PurePath) -> bool:
    """Tell by a name whether it is a video's."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def is_folder(location: Location) -> bool:
    """Tell whether a folder stands there; a store is asked."""
    if isinstance(location, Path):
        return os.path.isdir(location)  # Path.is_dir raises where it may not look
    return location.ends_as_folder or kind_of(location) == FOLDER


def find_sources(location: Location, output: Location, *, videos: bool) -> list[Found]:
    """List the pictures that an argument names, each with the name of its result inside the output folder.

    Parameters
    ----------
    location
        A file, a folder (searched recursively, but not what is hidden, nor ``output`` inside of it) or a pattern.
    output
        Where the results go.
    videos
        Take the videos in folders, too; else a warning names them.

    Returns
    -------
    What was found; nothing in a folder without pictures.

    Raises
    ------
    NoInput
        A pattern matches nothing, or the store refuses.
    """
    if isinstance(location, Path):
        return _find_here(location, output, videos=videos)
    return _find_in_store(location, output, videos=videos)


def _find_here(path: Path, output: Location, *, videos: bool) -> list[Found]:
    if os.path.isdir(path):
        files = visible_files(path, leave_out=output if isinstance(output, Path) else None)
        return [(each, each.relative_to(path)) for each in _wanted(files, videos=videos)]
    text = str(path)
    if os.path.exists(path) or not glob.has_magic(text):
        return [(path, Path(path.name))]  # one that is missing fails when its turn comes
    matches = [Path(match) for match in sorted(glob.glob(text, recursive=True))]
    files = [match for match in matches if os.path.isfile(match) and _is_known(match)]
    if not files:
        raise NoInput(f"{text}: no picture or video matches")
    return [(found, Path(found.name)) for found in files]


def _find_in_store(url: StoreUrl, output: Location, *, videos: bool) -> list[Found]:
    kind = kind_of(url) if not url.is_web or url.ends_as_folder else FILE
    if kind is None and has_pattern(url):
        files = [found for found in files_matching(url) if _is_known(found)]
        if not files:
            raise NoInput(f"{url}: no picture or video matches")
        return [(found, PurePosixPath(found.name)) for found in files]
    if kind == FOLDER or url.ends_as_folder:
        below = len(f"{url.path.rstrip('/')}/") if url.path.rstrip("/") else 0
        others = (each for each in _existing(url, kind) if not _is_below(output, each))
        found = ((each, PurePosixPath(each.path[below:])) for each in _wanted(others, videos=videos))
        return [(each, relative) for each, relative in found if _stays_inside(each, relative)]
    return [(url, PurePosixPath(url.name))]  # one that is missing fails when its turn comes


def _existing(folder: StoreUrl, kind: str | None) -> Iterator[StoreUrl]:
    return iter(()) if kind is None else files_below(folder)


def _is_below(output: Location, found: StoreUrl) -> bool:
    """Tell whether what was found is a result of an earlier run."""
    return isinstance(output, StoreUrl) and output.path.strip("/") != "" and output.contains(found)


def _wanted(files: Iterable[_Location], *, videos: bool) -> Iterator[_Location]:
    """Pass pictures on, and videos where they are wanted; one warning tells of those that are not."""
    left_out, first = 0, None
    for each in files:
        if each.suffix.lower() in PICTURE_SUFFIXES or (videos and is_video(each)):
            yield each
        elif is_video(each):
            first, left_out = first or each, left_out + 1
    if first is not None:
        others = f" and {left_out - 1} more" if left_out > 1 else ""
        log.warning("%s%s: videos are left out; give --videos to upscale them, too", first, others)


def _stays_inside(url: StoreUrl, relative: PurePosixPath) -> bool:
    """Refuse an object whose name leads out of the folder of results: in S3 a name may hold anything."""
    if ".." in relative.parts or relative.is_absolute() or "\0" in str(relative):
        log.warning("%s: left out; its name leads out of the folder of results", url)
        return False
    return True


def _is_known(location: Location) -> bool:
    return location.suffix.lower() in PICTURE_SUFFIXES | VIDEO_SUFFIXES
