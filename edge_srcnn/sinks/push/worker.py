"""The connection of a push, in a process of its own: FFmpeg may wait for a silent server for ever."""

from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from typing import Any

import av

from edge_srcnn.errors import CannotWrite
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.imaging.pyav import FORMATS, av_frame, even_planes, writing

_TIME_BASE = Fraction(1, 90000)
_LOW_LATENCY = {"preset": "ultrafast", "tune": "zerolatency"}


def push_stream(**settings: Any) -> Callable[[Frame | None], None]:
    """Connect with the first frame; take frames, and None to say good-bye."""
    stream = _PushStream(**settings)

    def take(frame: Frame | None) -> None:
        if frame is None:
            stream.close()
        else:
            stream.write(frame)

    return take


class _PushStream:
    def __init__(
        self,
        address: str,
        format: str,
        encoder: str,
        rate: Fraction,
        bits_per_second: int,
        transport: str,
        timeout_s: float,
    ) -> None:
        self._address, self._format, self._encoder, self._rate = address, format, encoder, rate
        self._bits_per_second, self._transport, self._timeout_s = bits_per_second, transport, timeout_s
        self._container: Any = None
        self._stream: Any = None
        self._last = -1

    def write(self, frame: Frame) -> None:
        with writing(f"{self._address}: the server cannot be reached"):
            if self._container is None:
                self._connect(frame)
            luma, chroma = even_planes(frame, FORMATS[2, 2])
            picture = av_frame(luma, chroma, FORMATS[2, 2], frame.colour)
            picture.time_base = _TIME_BASE
            picture.pts = self._last = max(round(frame.time_s / _TIME_BASE), self._last + 1)
            for packet in self._stream.encode(picture):
                self._container.mux(packet)

    def close(self) -> None:
        container, self._container = self._container, None
        if container is not None:
            with suppress(CannotWrite), writing(self._address):
                for packet in self._stream.encode(None):
                    container.mux(packet)
                container.close()

    def _connect(self, frame: Frame) -> None:
        microseconds = str(round(self._timeout_s * 1e6))
        options = {"rw_timeout": microseconds}
        if self._format == "rtsp":  # of RTMP, "timeout" would mean to wait for others to connect
            options = {"timeout": microseconds, "rtsp_transport": self._transport}
        limits = self._timeout_s, self._timeout_s
        container: Any = av.open(self._address, "w", format=self._format, options=options, timeout=limits)
        tuning = _LOW_LATENCY if self._encoder == "libx264" else {}
        stream = container.add_stream(self._encoder, rate=self._rate, options=tuning)
        stream.width, stream.height = (side // 2 * 2 for side in frame.size)
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = self._bits_per_second
        stream.codec_context.time_base = _TIME_BASE
        stream.codec_context.gop_size = max(round(self._rate), 1)
        self._container, self._stream = container, stream
