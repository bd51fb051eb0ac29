"""``rtsp://`` and ``rtmp://``: push H.264 to a server (MediaMTX, go2rtc) that many can watch or record from."""

import importlib.util
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from edge_srcnn.errors import CannotWrite
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.sinks import TIME_BASE, UNKNOWN_RATE, Result, Sink, Stream
from edge_srcnn.system.packages import need_pyav
from edge_srcnn.system.worker_process import Child
from edge_srcnn.uri import Uri, one_of, read_options, seconds, whole_number

TIMEOUT_S = 5.0

_ENCODERS = {"h264": "libx264", "h264-hw": "h264_v4l2m2m"}
_LOW_LATENCY = {"preset": "ultrafast", "tune": "zerolatency"}
_SUBSAMPLING = (2, 2)
_MARGIN_S, _GOOD_BYE_S = 1.0, 2.0


def options(uri: Uri) -> dict[str, Any]:
    """Read codec (h264, h264-hw), kbit (1000 bits a second; 4000), transport (RTSP: tcp, udp), timeout (5 s)."""
    return read_options(
        uri, codec=one_of(*_ENCODERS), kbit=whole_number, transport=one_of("tcp", "udp"), timeout=seconds
    )


def open(uri: Uri, **given: Any) -> "PushSink":
    """Get ready to push, connecting with the first frame; ``Unavailable`` where PyAV is not installed."""
    if importlib.util.find_spec("av") is None:  # only the child imports it
        need_pyav(uri.text)
    return PushSink(uri.name, uri.target, **given)


class PushSink(Sink):
    """Connect with the first frame; a server that is gone, or silent, ends it.

    Parameters
    ----------
    name
        For messages, without secrets.
    address
        The stream's address.
    timeout
        Seconds that the server may take.
    **given
        The other parameters of ``Connection``.
    """

    live = True

    def __init__(self, name: str, address: str, *, timeout: float = TIMEOUT_S, **given: Any) -> None:
        self.name, self._timeout_s, self._rate = name, timeout, UNKNOWN_RATE
        self._given = {"address": address, "timeout_s": timeout, **given}
        self._child: Child | None = None
        self._size: tuple[int, int] | None = None

    def begin(self, stream: Stream) -> None:
        """Keep the rate of the source."""
        self._rate = stream.rate or UNKNOWN_RATE

    def write(self, result: Result) -> None:
        """Encode and send a frame; one of another size in a connection of its own."""
        if result.frame.size != self._size:
            self.close()
            self._size = result.frame.size
        try:
            if self._child is None:
                self._child = Child("edge_srcnn.sinks.push:Connection", rate=self._rate, **self._given)
            self._child.call(self._timeout_s + _MARGIN_S, result.frame)
        except (TimeoutError, ConnectionError) as error:
            raise CannotWrite(f"{self.name}: the server cannot be reached ({error})") from error

    def close(self) -> None:
        """Say good-bye to the server."""
        child, self._child = self._child, None
        if child is not None:
            with suppress(TimeoutError, ConnectionError):
                child.call(min(self._timeout_s, _GOOD_BYE_S), None)
            child.close()


@dataclass
class Connection:
    """Keep a stream to a server, in a process of its own: FFmpeg may wait for a silent server for ever."""

    address: str
    rate: Fraction
    timeout_s: float
    codec: str = "h264"
    kbit: int = 4000
    transport: str = "tcp"
    _container: Any = None
    _stream: Any = None
    _last: int = -1

    def __post_init__(self) -> None:
        need_pyav(self.address)

    def __call__(self, frame: Frame | None) -> None:
        """Send a frame, connecting with the first; None says good-bye."""
        from edge_srcnn.imaging.pyav import av_frame, writing

        if frame is None:
            with suppress(CannotWrite), writing(self.address):
                if self._container is not None:
                    self._send(None)
                    self._container.close()
            return
        with writing(f"{self.address}: the server cannot be reached"):
            if self._container is None:
                self._connect(frame)
            picture = av_frame(frame, _SUBSAMPLING)
            picture.time_base = TIME_BASE
            picture.pts = self._last = max(round(frame.time_s / TIME_BASE), self._last + 1)
            self._send(picture)

    def _send(self, picture: Any) -> None:
        for packet in self._stream.encode(picture):
            self._container.mux(packet)

    def _connect(self, frame: Frame) -> None:
        import av

        microseconds = str(round(self.timeout_s * 1e6))
        if self.address.startswith("rtsp"):  # of RTMP, "timeout" would mean to wait for others to connect
            format, options = "rtsp", {"timeout": microseconds, "rtsp_transport": self.transport}
        else:
            format, options = "flv", {"rw_timeout": microseconds}
        limits = self.timeout_s, self.timeout_s
        container: Any = av.open(self.address, "w", format=format, options=options, timeout=limits)
        tuning = _LOW_LATENCY if self.codec == "h264" else {}
        stream = container.add_stream(_ENCODERS[self.codec], rate=self.rate, options=tuning)
        stream.width, stream.height = (side // 2 * 2 for side in frame.size)
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = self.kbit * 1000
        stream.codec_context.time_base = TIME_BASE
        stream.codec_context.gop_size = max(round(self.rate), 1)
        self._container, self._stream = container, stream
