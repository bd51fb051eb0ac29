"""Open video files of any name, metadata and orientation, and tell whether all of a file is there."""

import os
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
from av.sidedata.sidedata import Type as SideData
from av.stream import Disposition

from edge_srcnn.imaging.geometry import Orientation

_LOCAL = {"protocol_whitelist": "file,crypto,data"}
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,asf,flv,ogg,h264,hevc,av1,obu,ivf,m4v,"
    "yuv4mpegpipe,mjpeg,mpjpeg,gif,nut,mxf,mxf_opatom,rm,wtv,dv,gxf,dhav"
)
"""Formats that hold pictures themselves. What is left out names other files, such as lists: concat, hls, dash."""

_M4V = ".m4v"  # of which FFmpeg thinks that it holds no covers
_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067
_RIFF, _RIFX = b"RIFF", b"RIFX"
_BOX = re.compile(rb"[ -~\xa9]{4}")


def open_file(path: str | os.PathLike[str], mode: str = "r", options: dict[str, str] | None = None) -> Any:
    """Open a container by PyAV, whatever its name looks like; nothing in it makes FFmpeg open an address.

    Parameters
    ----------
    path
        A file; a colon in its name is no protocol.
    mode
        ``r`` or ``w``.
    options
        Of FFmpeg's format.

    Returns
    -------
    The container. Text that is not UTF-8 comes through ``text_of``.
    """
    container: Any = av.open(
        f"file:{os.fspath(path)}",
        "w" if mode == "w" else "r",
        format="mp4" if mode == "w" and os.fspath(path).lower().endswith(_M4V) else None,
        options=_LOCAL | ({} if mode == "w" else {"format_whitelist": _FORMATS}) | (options or {}),
        metadata_encoding="utf-8",
        metadata_errors="surrogateescape",
    )
    return container


def text_of(value: str) -> str:
    """Decode a value of metadata: UTF-8, or else Latin-1, in which old AVI and MP3 titles are written."""
    data = value.encode("utf-8", "surrogateescape")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def is_cover(stream: Any) -> bool:
    """Tell whether a stream of pictures is a cover (an attached picture), not a video."""
    return bool(stream.disposition & Disposition.attached_pic)


def video_stream(container: Any) -> Any:
    """Choose the stream of pictures that a player shows: the default one, or the first; None where there is none."""
    videos = [stream for stream in container.streams.video if not is_cover(stream)]
    chosen = [stream for stream in videos if stream.disposition & Disposition.default]
    return next(iter([*chosen, *videos]), None)


def duration_s(path: str) -> float | None:
    """Give the duration of a file in seconds, as it says itself; None where it does not."""
    with open_file(path) as container:
        stream = video_stream(container)
        if stream is not None and stream.duration is not None:
            return float(stream.duration * stream.time_base)
        return None if container.duration is None else container.duration / av.time_base


def side_data_of(frame: Any) -> Mapping[SideData, Any] | None:
    """Read what belongs to a decoded frame; None where PyAV cannot, as it does not know all kinds that FFmpeg gives."""
    try:
        found: Mapping[SideData, Any] = frame.side_data
    except ValueError:  # the EXIF of a camera's JPEG, say
        return None
    return found


def orientation_of(frame: Any) -> Orientation:
    """Read the display matrix of a decoded frame (ISO/IEC 14496-12, 8.3.2: x' = a x + c y, y' = b x + d y)."""
    data = side_data_of(frame)
    if data is None:  # this tells quarter turns, against the clock, and not whether it is mirrored
        return Orientation.of(round(-frame.rotation / 90) % 4 * 90)
    found = data.get(SideData.DISPLAYMATRIX)
    if found is None:
        return Orientation()
    a, b, _, c, d, *_ = np.frombuffer(found, np.int32).tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(transpose=True, flip_x=c < 0, flip_y=b < 0)
    return Orientation(flip_x=a < 0, flip_y=d < 0)


@dataclass(frozen=True)
class FirstPicture:
    """Tell of the first picture that a file's decoder gives: seconds, and how it is turned."""

    time_s: float
    orientation: Orientation


def first_picture(path: str) -> FirstPicture | None:
    """Decode the first picture of a file; None where there is none."""
    with open_file(path) as container:
        stream = video_stream(container)
        frame = next(container.decode(stream), None) if stream is not None else None
        if frame is None:
            return None
        return FirstPicture(float(frame.time or 0.0), orientation_of(frame))


def start_s(container: Any) -> float:
    """Tell when the first packet of any stream is to be heard or seen, in seconds; 0 where nobody says."""
    return float(Fraction(container.start_time or 0, av.time_base))


def missing_bytes(path: Path) -> int:
    """Count the bytes that a file says it has, and that are not there.

    By its own structure: the boxes of MP4 and MOV, the segment of Matroska and WebM, the chunks of AVI. Other formats,
    and files that were written as a stream, say nothing of the kind.

    Parameters
    ----------
    path
        A file.

    Returns
    -------
    0 where all is there, or nothing is known.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        return max(max(_ends(file, size), default=0) - size, 0)


def _ends(file: BinaryIO, size: int) -> Iterator[int]:
    """Give where each part at the top of a file ends by what its head says."""
    head = file.read(12)
    if head[:4] in (_RIFF, _RIFX) and len(head) == 12:
        at = 0
        while at + 8 <= size:  # OpenDML: several RIFF chunks
            file.seek(at)
            name, length = struct.unpack("<4sI", file.read(8))
            if name != _RIFF or not length:
                return
            at += 8 + length + length % 2
            yield at - length % 2
    elif head[:4] == _EBML.to_bytes(4, "big"):
        at = 0
        while at + 12 <= size:
            file.seek(at)
            element, after_id = _vint(file, keep_marker=True)
            length, head_bytes = _vint(file)
            if length is None or element not in (_EBML, _SEGMENT):
                return
            at += after_id + head_bytes + length
            yield at
    elif head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip", b"pnot", b"styp"):
        at = 0
        while at + 8 <= size:
            file.seek(at)
            length, name = struct.unpack(">I4s", file.read(8))
            if length == 1:
                length = struct.unpack(">Q", file.read(8).ljust(8, b"\0"))[0]
            if length < 8 or not _BOX.fullmatch(name):  # to the end of the file, or no box any more
                return
            at += length
            yield at


def _vint(file: BinaryIO, *, keep_marker: bool = False) -> tuple[int | None, int]:
    """Read an EBML number (RFC 8794, section 4), and its length; None where all its bits are set: not known."""
    first = file.read(1)
    if not first or not first[0]:
        return None, 1
    length = 9 - first[0].bit_length()
    value = int.from_bytes(first + file.read(length - 1), "big")
    most = (1 << 7 * length) - 1
    if keep_marker:
        return value, length
    return (None if value & most == most else value & most), length
