"""Read video from the network, by PyAV: RTSP, and over HTTP what is no MJPEG, such as MPEG-TS, HLS and WebM."""

import logging
import os
import ssl
from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING, Any

from edge_srcnn.errors import BadPicture, EdgeSrcnnError, SourceLost, UsageError, reason
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.imaging.jpeg import jpeg_size, sealed
from edge_srcnn.sources import MAX_PIXELS, check_pixels
from edge_srcnn.sources.stream_times import FrameLimit, StreamClock
from edge_srcnn.sources.video import Video, mapped
from edge_srcnn.system.certificates import TRUST, Trust
from edge_srcnn.uri import WITHIN, Uri, flag, one_of, pixel_count, read_options, seconds

if TYPE_CHECKING:  # RTSP needs no HTTP
    from edge_srcnn.sources.http_pictures import Body

log = logging.getLogger(__name__)

_TIMELESS = frozenset({"mpjpeg", "mjpeg"})
"""Formats without times: FFmpeg counts their frames as if there were 25 a second."""

_JPEG = "mjpeg"
_MOST_REFUSED = 5
# of Debian, Fedora, and Alpine; FFmpeg by itself knows none
_AUTHORITIES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
_EXPLODE = {"err_detect": "explode"}  # by default what is missing is made up


def options(uri: Uri) -> dict[str, Any]:
    """Read timeout (seconds without a frame; 5), transport (tcp or udp), max_pixels of a picture (24M), verify (yes).

    Of rtsps: verify=no takes any certificate.
    """
    return read_options(uri, timeout=seconds, transport=one_of("tcp", "udp"), max_pixels=pixel_count, verify=flag)


def open(
    uri: Uri, *, timeout: float = 5.0, transport: str = "tcp", max_pixels: int = MAX_PIXELS, verify: bool = True
) -> "NetworkVideo":
    """Connect over RTSP.

    Parameters
    ----------
    uri
        An address.
    timeout
        Seconds without a frame after which it is lost; more for a camera that is slow by nature.
    transport
        tcp or udp.
    max_pixels
        The most that a picture may have.
    verify
        Of rtsps: take only certificates that this machine trusts.

    Returns
    -------
    The camera, of which no frame is decoded yet.

    Raises
    ------
    Unavailable
        PyAV is not installed, or the camera does not answer.
    BadData
        It sends no video that can be decoded.
    """
    return NetworkVideo(
        uri.target, uri.name, timeout, max_pixels, trust=Trust(verify), transport={"rtsp_transport": transport}
    )


class NetworkVideo(Video):
    """Decode what a camera sends; a recording that a web server offers is read as a file is.

    Parameters
    ----------
    address
        For FFmpeg, with user and password.
    name
        For messages.
    timeout_s
        Seconds without a frame after which it is lost.
    max_pixels
        The most that a picture may have.
    trust
        Of certificates, where FFmpeg connects.
    transport
        FFmpeg's options of the connection.
    body
        What is read instead of the address.
    """

    def __init__(
        self,
        address: str,
        name: str,
        timeout_s: float,
        max_pixels: int,
        *,
        trust: Trust = TRUST,
        transport: dict[str, str] | None = None,
        body: "Body | None" = None,
    ) -> None:
        self._address, self._max_pixels, self._body = address, max_pixels, body
        self._request_s, self._limit = timeout_s, FrameLimit(timeout_s) if body is None else body.limit
        self._options = {"max_pixels": str(max_pixels), **(transport or {}), **_tls_options(address, name, trust)}
        self._damaged, self._refused = "", 0
        self._began_s = monotonic()
        super().__init__(name)

    def wake(self) -> None:
        """End soon; a wait in FFmpeg's own connection lasts until its time limit."""
        super().wake()
        if self._body is not None:
            self._body.wake()

    def close(self) -> None:
        """Close the connection."""
        super().close()
        if self._body is not None:
            self._body.close()

    def _open(self) -> Any:
        import av

        with mapped(self._name, under_way=False, timeout_s=self._request_s):
            if self._body is not None:
                return av.open(self._body, options=self._options)
            return av.open(self._address, options=self._options, timeout=self._request_s)

    def _set_up(self) -> None:
        context = self._stream.codec_context
        if context is not None:
            check_pixels(self._name, (context.width, context.height), self._max_pixels)
            context.options = {"max_pixels": str(self._max_pixels), **(_EXPLODE if self._codec == _JPEG else {})}
        self.live = self._container.duration is None
        self._timeless = self.live and self._container.format.name in _TIMELESS
        if self._timeless:
            self.rate = None
        if self.live:
            self._stream.thread_type = "SLICE"  # threads that each decode a frame of their own hold back as many
            step_s = float(1 / self.rate) if self.rate else 0.0
            self._clock = StreamClock(self._name, lead_s=monotonic() - self._began_s, step_s=step_s)
            self._tell_limit()

    def _tell_limit(self) -> None:
        # packets that hold no picture may take one limit, and the wait for the next packet another
        self.timeout_s = 2 * self._limit.limit_s

    def _time_s(self, decoded: Any) -> float:
        if not self.live:
            return super()._time_s(decoded)
        return self._clock.time_s(None if self._timeless else decoded.time, monotonic())

    def _frame(self, decoded: Any, time_s: float) -> Frame:
        check_pixels(self._name, (decoded.width, decoded.height), self._max_pixels)
        return super()._frame(decoded, time_s)

    def _end(self) -> None:
        if self.live:
            raise SourceLost(f"{self._name}: the stream ended after {self._index} frames")

    def _decoded(self) -> Iterator[Any]:
        """Decode pictures; what a live stream lost a part of on its way is left out, and counted."""
        if not self.live:
            yield from super()._decoded()
            return
        came_s = monotonic()
        for packet, waited_s in self._packets():
            limit_s = self._limit.limit_s
            pictures = self._whole_pictures(packet)
            yield from pictures
            now_s = monotonic()
            if pictures and waited_s < limit_s:  # else FFmpeg ended its wait, and gave what it held back
                came_s, self._damaged = now_s, ""
                self._limit.came(now_s)
                self._tell_limit()
            elif now_s - came_s > limit_s:
                came = self._damaged and waited_s < limit_s  # else it was cut off by the end of the wait
                what = f"only damaged pictures ({self._damaged})" if came else "no frame"
                raise SourceLost(f"{self._name}: {what} came {WITHIN} (now {limit_s:.3g} s)")

    def _packets(self) -> Iterator[tuple[Any, float]]:
        """Read packets, and how long each was waited for; a camera that is slow by nature is waited for again."""
        import av

        packets, waiting_s = self._container.demux(self._stream), 0.0
        while True:
            asked_s = monotonic()
            try:
                packet = next(packets, None)
            except (av.error.ExitError, TimeoutError):
                waiting_s += monotonic() - asked_s
                if self._closed.is_set() or self._body is not None or waiting_s >= self._limit.limit_s:
                    raise
                packets = self._container.demux(self._stream)
                continue
            if packet is None:
                return
            yield packet, waiting_s + monotonic() - asked_s
            waiting_s = 0.0

    def _whole_pictures(self, packet: Any) -> list[Any]:
        import av

        try:
            if self._codec == _JPEG and packet.size:
                packet = self._checked(packet)
            pictures = self._decode(packet)
        except (EdgeSrcnnError, av.error.ExitError, av.error.EOFError):
            raise
        except (av.FFmpegError, ValueError) as error:  # of one picture: damaged, or of a kind that FFmpeg lacks
            log.debug("%s: a picture is left out (%s)", self._name, reason(error))
            self._damaged = reason(error)
            self._index += 1
            self._check_refusals(error)
            return []
        whole = [picture for picture in pictures if not picture.is_corrupt]
        if len(whole) < len(pictures):
            self._damaged = "something was lost on the way"
            self._index += len(pictures) - len(whole)
        return whole

    def _check_refusals(self, error: Exception) -> None:
        """Find out that FFmpeg refuses every picture for its size, which it does not tell."""
        if isinstance(error, ValueError | PermissionError) and not self._stream.codec_context.width:
            self._refused += 1
        if self._refused == self._index == _MOST_REFUSED:
            raise BadPicture(
                f"{self._name}: its pictures cannot be decoded, or have more than max_pixels={self._max_pixels} pixels"
            ) from error

    def _decode(self, packet: Any) -> list[Any]:
        return list(self._stream.codec_context.decode(packet))

    def _checked(self, packet: Any) -> Any:
        """Make a packet of the JPEG in it that cannot be taken for whole where it is torn."""
        import av

        data = bytes(packet)
        if size := jpeg_size(data):
            check_pixels(self._name, size, self._max_pixels)
        checked = av.Packet(sealed(data))
        checked.pts, checked.dts, checked.time_base = packet.pts, packet.dts, packet.time_base
        return checked


def _tls_options(address: str, name: str, trust: Trust) -> dict[str, str]:
    """Give FFmpeg's options of certificates; by itself it takes any."""
    if not address.startswith(("https:", "rtsps:")):
        return {}
    if trust.fingerprint is not None:
        raise UsageError(
            f"{name}: fingerprint= goes with pictures and endless streams; what FFmpeg itself fetches needs a "
            "certificate that this machine trusts, or verify=no"
        )
    if not trust.verify:
        return {"tls_verify": "0"}
    known = (ssl.get_default_verify_paths().cafile, *_AUTHORITIES)
    found = next((path for path in known if path and os.path.isfile(path)), None)
    return {"tls_verify": "1", **({"ca_file": found} if found else {})}
