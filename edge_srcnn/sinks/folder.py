"""Folders of pictures: numbered or with the time in their names; the oldest make room."""

import re
import time
from pathlib import Path
from typing import Any

from edge_srcnn.errors import CannotWrite
from edge_srcnn.imaging.jfif import rgb_picture
from edge_srcnn.imaging.picture import Metadata
from edge_srcnn.sinks import Result, Sink, Stream
from edge_srcnn.sinks.images import Encoding, write_picture
from edge_srcnn.sinks.rotation import Rotation
from edge_srcnn.uri import Uri, one_of, read_options, seconds, whole_number

_MEGABYTE = 1_000_000
_TIME_TOLERANCE_S = 1e-6  # sums of rounded times
_NUMBERS, _TIMES = r"[0-9]{8,}", r"[0-9]{8}-[0-9]{6}-[0-9]{6}"


def options(uri: Uri) -> dict[str, Any]:
    """Read them: format (jpg, png, webp), names (number, time), every (seconds), keep (pictures), keep_mb (megabytes).

    With a budget the oldest pictures go, those of earlier runs too, as far as they have such names.
    """
    return read_options(
        uri,
        format=one_of("jpg", "png", "webp"),
        names=one_of("number", "time"),
        every=seconds,
        keep=whole_number,
        keep_mb=whole_number,
    )


def open(uri: Uri) -> "FolderSink":
    """Make the folder; for the options see ``options``.

    Raises
    ------
    CannotWrite
        The folder cannot be made.
    """
    given = options(uri)
    folder = Path(uri.target)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"{folder}: cannot be made ({error.strerror})") from error
    return FolderSink(uri.text, folder, given)


class FolderSink(Sink):
    """Each frame, or one every so often, as a picture of its own; pictures of earlier runs stay.

    Parameters
    ----------
    given
        As ``options`` reads them.
    """

    def __init__(self, name: str, folder: Path, given: dict[str, Any]) -> None:
        self.name, self._folder, self._by_time = name, folder, given.get("names") == "time"
        self._suffix = suffix = f".{given.get('format', 'jpg')}"
        self._every_s: float = given.get("every", 0.0)
        pattern = re.compile((_TIMES if self._by_time else _NUMBERS) + re.escape(suffix))
        keep_bytes = given["keep_mb"] * _MEGABYTE if "keep_mb" in given else None
        self._pictures = Rotation(folder, pattern, given.get("keep"), keep_bytes)
        self._next_s = float("-inf")
        self._number = 1 + max(
            (int(path.stem) for path in folder.glob(f"*{suffix}") if path.stem.isdecimal()), default=-1
        )

    def begin(self, stream: Stream) -> None:
        """Count what is there."""
        self._pictures.begin()

    def write(self, result: Result) -> None:
        """Write the frame, if it is time for one."""
        frame = result.frame
        if frame.time_s < self._next_s - _TIME_TOLERANCE_S:
            return
        late_s = frame.time_s - self._next_s
        begins_anew = not late_s <= self._every_s
        self._next_s = (frame.time_s if begins_anew else self._next_s) + self._every_s
        path = self._folder / f"{self._stem()}{self._suffix}"
        pixels = rgb_picture(frame)
        write_picture(path, pixels.shape, [(0, pixels)], Metadata(), Encoding(), overwrite=False)
        self._pictures.add(path)

    def _stem(self) -> str:
        if self._by_time:
            now = time.time()
            return time.strftime("%Y%m%d-%H%M%S", time.localtime(now)) + f"-{int(now % 1 * 1e6):06d}"
        self._number += 1
        return f"{self._number - 1:08d}"
