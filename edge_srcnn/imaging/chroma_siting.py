"""Read where a video's headers say that chroma lies. PyAV has no such tag, but two parts of FFmpeg tell it."""

import io
import logging
import re
import subprocess
import sys
from contextlib import suppress
from typing import Any

import av
import av.logging
from av.bitstream import BitStreamFilterContext

from edge_srcnn.imaging.containers import open_file, video_stream
from edge_srcnn.imaging.frame import LEFT
from edge_srcnn.imaging.pyav import AV_ERRORS, SITINGS

log = logging.getLogger(__name__)

_AV1 = frozenset({"av1", "libdav1d", "libaom-av1"})
_TRACED = frozenset({"h264", "hevc"})
"""Codecs that FFmpeg calls left also where they have no tag."""

_MATROSKA_TAG = re.compile(rb"\x55\xb7\x81([\x01\x02])\x55\xb8\x81([\x01\x02])")
"""ChromaSitingHorz and ChromaSitingVert: 1 is beside the left and upper pixel, 2 amid both (RFC 9559)."""

_TRACED_TAG = re.compile(r"chroma_sample_loc_type_top_field\s+[01]+ = ([0-5])\b")
_TRACE_S = 30.0


def tagged_siting(path: str) -> tuple[float, float] | None:
    """Read where a file's headers say that chroma lies, as ``Frame.siting``; None where they do not.

    Matroska's muxer writes what FFmpeg knows into a header. It has no word for chroma at the bottom, and FFmpeg calls a
    picture of full range without a tag left: there the headers are traced.

    Parameters
    ----------
    path
        A video file of H.264, HEVC or AV1; others have no such tag.

    Returns
    -------
    Across and down, in pixels of luma.
    """
    try:
        with open_file(path) as container:
            stream = video_stream(container)
            if (context := stream.codec_context) is None or context.name not in _AV1 | _TRACED:
                return None
            is_av1, is_full = context.name in _AV1, (context.pix_fmt or "").startswith("yuvj")
            found = _of_matroska(stream)
    except AV_ERRORS:
        return None
    is_sure = found is not None and not (found == LEFT and is_full)
    return found if is_sure or is_av1 else _by_trace(path)


def _of_matroska(stream: Any) -> tuple[float, float] | None:
    written = io.BytesIO()
    with av.open(written, "w", format="matroska") as container:
        container.add_stream_from_template(stream)
        container.start_encoding()
        found = _MATROSKA_TAG.search(written.getvalue())
    if found is None:
        return None
    across, down = (0.0 if side[0] == 2 else -0.5 for side in found.groups())
    return across, down


def _by_trace(path: str) -> tuple[float, float] | None:
    """Let FFmpeg trace the headers, in a process of its own.

    The trace is a part of FFmpeg's log, for which PyAV wants Python's lock. Whoever frees a decoder holds that lock and
    waits for threads of the decoder, which may want to write to the log: a process that listens to the log, and has
    other decoders, can stand still for ever.
    """
    command = [sys.executable, "-m", __name__, path]
    with suppress(OSError, subprocess.SubprocessError):
        traced = subprocess.run(command, capture_output=True, text=True, timeout=_TRACE_S, check=True)
        return SITINGS[int(traced.stdout)] if traced.stdout else None
    log.debug("%s: where its chroma lies cannot be found out", path)
    return None


def _trace(path: str) -> str:
    """Give the code of ITU-T H.273 that the headers have, or nothing."""
    av.logging.set_level(av.logging.INFO)
    with av.logging.Capture() as lines, open_file(path) as container, suppress(*AV_ERRORS):
        stream = video_stream(container)
        trace = BitStreamFilterContext("trace_headers", stream)
        trace.filter(next(iter(container.demux(stream))))
    found = _TRACED_TAG.search("\n".join(line for _, _, line in lines))
    return found[1] if found else ""


if __name__ == "__main__":
    sys.stdout.write(_trace(sys.argv[1]))
