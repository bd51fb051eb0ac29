"""Write folders of pictures: numbered or with the time in their names; the oldest make room."""

from contextlib import suppress
from math import inf
from pathlib import Path
from typing import Any

from edge_srcnn.errors import CannotWrite, OutputExists, UsageError, reason
from edge_srcnn.imaging.colour import rgb_picture
from edge_srcnn.imaging.frame import Metadata
from edge_srcnn.sinks import TIME_TOLERANCE_S, Result, Sink, Stream
from edge_srcnn.sinks.images import Encoding, write_picture
from edge_srcnn.sinks.recording_names import Numbers, Times
from edge_srcnn.sinks.recordings import Rotation
from edge_srcnn.system.mounts import RequiredMount, required_mount
from edge_srcnn.uri import Uri, flag, megabytes, one_of, read_options, seconds, whole_number

_TIMES = "%Y%m%d-%H%M%S-%f"


def options(uri: Uri) -> dict[str, Any]:
    """Read format (jpg, png, webp), names (number, time), every (seconds), keep (pictures), keep_mb (megabytes).

    Also require_mount (no; yes: a disk must be mounted at the folder or above it; or where), utc (no: names tell the
    local time). With a budget the oldest pictures go, those of earlier runs too, as far as they have such names.

    Parameters
    ----------
    uri
        A folder.

    Returns
    -------
    The parameters of ``FolderSink`` that were given.
    """
    given = read_options(
        uri,
        format=one_of("jpg", "png", "webp"),
        names=one_of("number", "time"),
        every=seconds,
        keep=whole_number,
        keep_mb=megabytes,
        require_mount=required_mount,
        utc=flag,
    )
    if "utc" in given and given.get("names") != "time":
        raise UsageError(f"{uri.text}: utc=yes goes with names=time")
    return given


def open(uri: Uri, **given: Any) -> "FolderSink":
    """Make the folder; ``CannotWrite`` where that fails."""
    folder = Path(uri.target)
    RequiredMount(folder, given.get("require_mount", False)).check()
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
    utc
        Names tell universal time instead of the local one.
    require_mount
        As ``RequiredMount`` has it.
    """

    records = True

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
        utc: bool = False,
        require_mount: bool | str = False,
    ) -> None:
        self.name, self._every_s = name, every
        suffix = f".{format}"
        series = Times(_TIMES, suffix, utc) if names == "time" else Numbers("", suffix, digits=8, first=0)
        self._pictures = Rotation(folder, series, keep, keep_mb)
        self._mount = RequiredMount(folder, require_mount)
        self._next_s = float("-inf")

    def begin(self, stream: Stream) -> None:
        """Count the pictures of earlier runs."""
        self._mount.check()
        self._pictures.begin()

    def write(self, result: Result) -> None:
        """Write the frame, if it is time for one."""
        frame = result.frame
        if frame.time_s < self._next_s - TIME_TOLERANCE_S:
            return
        late_s = frame.time_s - self._next_s
        begins_anew = not late_s <= self._every_s
        self._next_s = (frame.time_s if begins_anew else self._next_s) + self._every_s
        self._mount.check_often()
        pixels = rgb_picture(frame)
        for path in self._pictures.candidates():
            with suppress(OutputExists):  # somebody else's, meanwhile
                write_picture(path, pixels.shape, [(0, pixels)], Metadata(), Encoding(), overwrite=False)
                self._pictures.add(path)
                return
