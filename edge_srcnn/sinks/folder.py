"""Write folders of pictures: numbered or with the time in their names; the oldest make room."""

import re
import time
from math import inf
from pathlib import Path
from typing import Any

from edge_srcnn.errors import CannotWrite, reason
from edge_srcnn.imaging.colour import rgb_picture
from edge_srcnn.imaging.frame import Metadata
from edge_srcnn.sinks import TIME_TOLERANCE_S, Result, Sink, Stream
from edge_srcnn.sinks.images import Encoding, write_picture
from edge_srcnn.sinks.recordings import Rotation
from edge_srcnn.uri import Uri, megabytes, one_of, read_options, seconds, whole_number

_NUMBERS, _TIMES = r"[0-9]{8,}", r"[0-9]{8}-[0-9]{6}-[0-9]{6}"


def options(uri: Uri) -> dict[str, Any]:
    """Read format (jpg, png, webp), names (number, time), every (seconds), keep (pictures), keep_mb (megabytes).

    With a budget the oldest pictures go, those of earlier runs too, as far as they have such names.

    Parameters
    ----------
    uri
        A folder.

    Returns
    -------
    The parameters of ``FolderSink`` that were given.
    """
    return read_options(
        uri,
        format=one_of("jpg", "png", "webp"),
        names=one_of("number", "time"),
        every=seconds,
        keep=whole_number,
        keep_mb=megabytes,
    )


def open(uri: Uri, **given: Any) -> "FolderSink":
    """Make the folder; ``CannotWrite`` where that fails."""
    folder = Path(uri.target)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"{folder}: cannot be made ({reason(error)})") from error
    return FolderSink(uri.text, folder, **given)


class FolderSink(Sink):
    """Write each frame, or one every so often, as a picture of its own; pictures of earlier runs stay.

    Parameters
    ----------
    name
        As it was asked for.
    folder
        It is there.
    format
        Suffix of the pictures.
    names
        ``number`` or ``time``.
    every
        Seconds from one picture to the next.
    keep
        Pictures that stay.
    keep_mb
        Bytes of pictures that stay.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        format: str = "jpg",
        names: str = "number",
        every: float = 0.0,
        keep: float = inf,
        keep_mb: float = inf,
    ) -> None:
        self.name, self._folder, self._by_time, self._every_s = name, folder, names == "time", every
        self._suffix = suffix = f".{format}"
        pattern = re.compile((_TIMES if self._by_time else _NUMBERS) + re.escape(suffix))
        self._pictures = Rotation(folder, pattern, keep, keep_mb)
        self._next_s = float("-inf")
        self._number = 1 + max(
            (int(path.stem) for path in folder.glob(f"*{suffix}") if path.stem.isdecimal()), default=-1
        )

    def begin(self, stream: Stream) -> None:
        """Count the pictures of earlier runs."""
        self._pictures.begin()

    def write(self, result: Result) -> None:
        """Write the frame, if it is time for one."""
        frame = result.frame
        if frame.time_s < self._next_s - TIME_TOLERANCE_S:
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
