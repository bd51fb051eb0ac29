"""``rtsp://`` and ``rtmp://``: H.264 to a server (MediaMTX, go2rtc) that many can watch or record from."""

import importlib.util
from contextlib import suppress
from fractions import Fraction
from typing import Any

from edge_srcnn.errors import CannotWrite, Unavailable
from edge_srcnn.sinks import Result, Sink, Stream
from edge_srcnn.system.worker_process import Child
from edge_srcnn.uri import Uri, one_of, read_options, seconds, whole_number

CURE = "pip install 'edge-srcnn[video]'"
TIMEOUT_S = 5.0

_UNKNOWN_RATE = Fraction(25)
_ENCODERS = {"h264": "libx264", "h264-hw": "h264_v4l2m2m"}
_MARGIN_S, _GOOD_BYE_S = 1.0, 2.0


def options(uri: Uri) -> dict[str, Any]:
    """Read them: codec (h264, h264-hw), kbit (1000 bits a second; 4000), transport (RTSP: tcp, udp), timeout (5 s)."""
    return read_options(
        uri, codec=one_of(*_ENCODERS), kbit=whole_number, transport=one_of("tcp", "udp"), timeout=seconds
    )


def open(uri: Uri) -> "PushSink":
    """Get ready to push; nothing is connected before the first frame. For the options see ``options``.

    Raises
    ------
    Unavailable
        PyAV is not installed.
    """
    given = options(uri)
    if importlib.util.find_spec("av") is None:
        raise Unavailable(f"{uri.text}: PyAV is needed to push a stream, and not installed: {CURE}")
    return PushSink(
        uri.target,
        format="rtsp" if uri.scheme.startswith("rtsp") else "flv",
        encoder=_ENCODERS[given.get("codec", "h264")],
        bits_per_second=given.get("kbit", 4000) * 1000,
        transport=given.get("transport", "tcp"),
        timeout_s=given.get("timeout", TIMEOUT_S),
    )


class PushSink(Sink):
    """Connects with the first frame; a server that is gone, or silent, ends it."""

    live = True

    def __init__(self, name: str, *, timeout_s: float, **settings: Any) -> None:
        self.name, self._timeout_s = name, timeout_s
        self._settings = settings | {"address": name, "timeout_s": timeout_s}
        self._child: Child | None = None

    def begin(self, stream: Stream) -> None:
        """Keep the rate."""
        self._settings["rate"] = stream.rate or _UNKNOWN_RATE

    def write(self, result: Result) -> None:
        """Encode and send a frame."""
        try:
            if self._child is None:
                self._child = Child("edge_srcnn.sinks.push.worker:push_stream", **self._settings)
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
