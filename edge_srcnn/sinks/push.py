"""``rtsp://`` and ``rtmp://``: H.264 to a server (MediaMTX, go2rtc) that many can watch or record from."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from typing import Any

from edge_srcnn.errors import CannotWrite, Unavailable
from edge_srcnn.frame import Frame
from edge_srcnn.sinks import Result, Stream
from edge_srcnn.uri import Uri, one_of, read_options, seconds, whole_number

CURE = "pip install 'edge-srcnn[video]'"
TIMEOUT_S = 5.0

_TIME_BASE = Fraction(1, 90000)
_UNKNOWN_RATE = Fraction(25)
_ENCODERS = {"h264": "libx264", "h264-hw": "h264_v4l2m2m"}
_LOW_LATENCY = {"preset": "ultrafast", "tune": "zerolatency"}


def open_push(uri: Uri) -> "PushSink":
    """Open a connection for pushing.

    Options, after a ``#``: codec (h264, h264-hw), kbit (1000 bits a second; 4000), transport (RTSP: tcp or udp),
    timeout (seconds; 5).

    Raises
    ------
    Unavailable
        PyAV is not installed.
    """
    options = read_options(
        uri, codec=one_of(*_ENCODERS), kbit=whole_number, transport=one_of("tcp", "udp"), timeout=seconds
    )
    if importlib.util.find_spec("av") is None:
        raise Unavailable(f"{uri.text}: PyAV is needed to push a stream, and not installed: {CURE}")
    return PushSink(
        uri.target,
        format="rtsp" if uri.scheme.startswith("rtsp") else "flv",
        encoder=_ENCODERS[options.get("codec", "h264")],
        bits_per_second=options.get("kbit", 4000) * 1000,
        transport=options.get("transport", "tcp"),
        timeout_s=options.get("timeout", TIMEOUT_S),
    )


class PushSink:
    """Connects with the first frame; a server that is gone ends it."""

    live = True

    def __init__(
        self, name: str, *, format: str, encoder: str, bits_per_second: int, transport: str, timeout_s: float
    ) -> None:
        self.name, self._format, self._encoder = name, format, encoder
        self._bits_per_second, self._transport, self._timeout_s = bits_per_second, transport, timeout_s
        self._rate = _UNKNOWN_RATE
        self._container: Any = None
        self._stream: Any = None
        self._last = -1

    def begin(self, stream: Stream) -> None:
        """Keep the rate."""
        self._rate = stream.rate or _UNKNOWN_RATE

    def write(self, result: Result) -> None:
        """Encode and send a frame."""
        from edge_srcnn.av_frames import FORMATS, av_frame
        from edge_srcnn.sinks.video_file import even_planes

        frame = result.frame
        with self._mapped():
            if self._container is None:
                self._connect(frame)
            luma, chroma = even_planes(frame, FORMATS[2, 2])
            picture = av_frame(luma, chroma, FORMATS[2, 2], frame.colour)
            picture.time_base = _TIME_BASE
            picture.pts = self._last = max(round(frame.time_s / _TIME_BASE), self._last + 1)
            for packet in self._stream.encode(picture):
                self._container.mux(packet)

    def close(self) -> None:
        """Say good-bye to the server."""
        container, self._container = self._container, None
        if container is not None:
            with suppress(OSError, CannotWrite), self._mapped():
                for packet in self._stream.encode(None):
                    container.mux(packet)
                container.close()

    def _connect(self, frame: Frame) -> None:
        import av

        microseconds = str(round(self._timeout_s * 1e6))
        options = {"rw_timeout": microseconds}
        if self._format == "rtsp":  # of RTMP, "timeout" would mean to wait for others to connect
            options = {"timeout": microseconds, "rtsp_transport": self._transport}
        container: Any = av.open(
            self.name, "w", format=self._format, options=options, timeout=(self._timeout_s, self._timeout_s)
        )
        tuning = _LOW_LATENCY if self._encoder == "libx264" else {}
        stream = container.add_stream(self._encoder, rate=self._rate, options=tuning)
        stream.width, stream.height = (side // 2 * 2 for side in frame.size)
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = self._bits_per_second
        stream.codec_context.time_base = _TIME_BASE
        stream.codec_context.gop_size = max(round(self._rate), 1)
        self._container, self._stream = container, stream

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        import av

        try:
            yield
        except (av.FFmpegError, OSError) as error:
            if isinstance(error, CannotWrite):
                raise
            raise CannotWrite(f"{self.name}: the server cannot be reached ({error.strerror or error})") from error
