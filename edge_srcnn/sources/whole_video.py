"""Find out whether all of a video file is there, by its structure and by what it says of itself."""

import logging
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

from edge_srcnn.errors import BadData

log = logging.getLogger(__name__)

_SHORT_S, _SHORT_SHARE = 0.5, 0.02
_MISSING_SHARE = 0.05
_COUNTED = frozenset({"avi"})
"""Formats whose count of frames is that of the frames to be seen; an edit list of MP4 hides some."""

_CLOCK = re.compile(r"[0-9]+:[0-9]{2}:[0-9.]+")


def check_structure(name: str) -> None:
    """Refuse a file that is cut off, before anything is computed of it."""
    from edge_srcnn.imaging.containers import missing_bytes

    if missing := missing_bytes(Path(name)):
        raise BadData(f"{name}: is cut off, {missing:,} bytes are missing; --partial takes what there is")


def _told(container: Any, stream: Any) -> tuple[float | None, int | None]:
    """Read what a file says of its video: when it ends, in seconds of its clock, and its frames.

    An edit list shows less of a track than the track says: then the file as a whole is shorter.
    """
    begin_s = float((stream.start_time or 0) * stream.time_base)
    whole_s = None if container.duration is None else (container.duration + (container.start_time or 0)) / 1e6
    told = stream.metadata.get("DURATION", "")  # Matroska: 00:01:02.500000000, when the last frame ends
    if stream.duration is not None:
        track_s = float(stream.duration * stream.time_base)
        is_edited = whole_s is not None and whole_s < begin_s + track_s - _SHORT_S
        frames = int(stream.frames) or None if container.format.name in _COUNTED else None
        return whole_s if is_edited else begin_s + track_s, frames
    if _CLOCK.fullmatch(told):
        hours, minutes, rest = told.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(rest), None
    return whole_s if len(container.streams) == 1 else None, None


def what_is_missing(container: Any, stream: Any, frames: int, last_s: float, rate: Fraction | None) -> str | None:
    """Compare what came with what the file says of itself: FFmpeg takes one that was cut off for a whole one.

    Parameters
    ----------
    container
        Of PyAV, read to its end.
    stream
        Of its pictures.
    frames
        How many were decoded.
    last_s
        Time of the last one, by the file's clock.
    rate
        Frames a second, where it is known.

    Returns
    -------
    A clause for a message; None where nothing is missing, or the file does not say.
    """
    length_s, expected = _told(container, stream)
    ends_s = last_s + (float(1 / rate) if rate else 0.0)
    too_short = length_s is not None and ends_s < length_s - max(_SHORT_S, length_s * _SHORT_SHARE)
    if not too_short and (expected is None or frames >= expected - max(1, expected * _MISSING_SHARE)):
        return None
    whole = f"{length_s:.1f} s" if too_short else f"{expected} frames"
    return f"is damaged or was cut off; {frames} frames ({ends_s:.1f} s) of {whole} are there"


def tell_missing(name: str, missing: str | None, *, partial: bool) -> None:
    """Refuse a video of which something is missing; of one that is taken in part, warn."""
    if missing and not partial:
        raise BadData(f"{name}: {missing}")
    if missing:
        log.warning("%s: %s", name, missing)


def check_all_there(name: str, frames: int, last_s: float, rate: Fraction | None, *, partial: bool) -> None:
    """Compare what came of a video with what its file says of itself, as ``what_is_missing``, and tell the difference.

    Parameters
    ----------
    name
        The file.
    frames
        How many were decoded.
    last_s
        Time of the last one, by the file's clock.
    rate
        Frames a second, where it is known.
    partial
        Warn of what is missing, instead of refusing it.

    Raises
    ------
    BadData
        Something is missing.
    """
    from edge_srcnn.imaging.containers import open_file, video_stream

    with open_file(name) as container:
        tell_missing(name, what_is_missing(container, video_stream(container), frames, last_s, rate), partial=partial)
