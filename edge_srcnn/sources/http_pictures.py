"""Read what cameras send over HTTP: pictures one after another (MJPEG), one each time that they are asked, or video."""

from collections import deque
from email.message import Message
from fractions import Fraction
from threading import Event
from time import monotonic
from typing import Any

from edge_srcnn.errors import BadPicture, SourceLost
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.imaging.jpeg import SOI
from edge_srcnn.sources import Source, check_pixels
from edge_srcnn.sources.camera import JpegDecoder, Planes, decode_still
from edge_srcnn.sources.http_client import HttpClient
from edge_srcnn.sources.http_transport import Answer
from edge_srcnn.sources.multipart import MultipartParser, TooLarge
from edge_srcnn.sources.stream_times import FrameLimit
from edge_srcnn.uri import WITHIN

_BYTES_A_PIXEL = 2  # more than any JPEG has
_LEAST_BYTES = 4_000_000
JFIF = Colour()
"""How a JPEG is to be read."""


class HttpCamera(Source):
    """Share what cameras that send pictures have in common.

    Parameters
    ----------
    client
        The connection.
    answer
        What the camera answered.
    first
        What was read of it already.
    name
        For messages.
    timeout
        Seconds without a frame after which it is lost.
    max_pixels
        The most that a picture may have.
    """

    live = True

    def __init__(
        self, client: HttpClient, answer: Answer, first: bytes, name: str, timeout: float, max_pixels: int
    ) -> None:
        self.rate: Fraction | None = None
        self._client, self._answer, self._first, self._name = client, answer, first, name
        self._max_pixels = max_pixels
        self._most_bytes = max(_BYTES_A_PIXEL * max_pixels, _LEAST_BYTES)
        self._limit = FrameLimit(timeout)
        self._decoder = JpegDecoder()
        self._woken = Event()
        self._index, self._first_s = 0, 0.0

    def wake(self) -> None:
        """End a ``read`` that waits."""
        self._woken.set()
        self._client.wake()

    def close(self) -> None:
        """Close the connection."""
        self.wake()
        self._client.close()

    def _check(self, size: tuple[int, int]) -> None:
        check_pixels(self._name, size, self._max_pixels)

    def _frame(self, planes: Planes, now_s: float, colour: Colour = JFIF) -> Frame:
        if not self._index:
            self._first_s = now_s
        index, self._index = self._index, self._index + 1
        return Frame(*planes, colour, index, now_s - self._first_s, now_s)

    def _parser(self) -> MultipartParser:
        message = Message()
        message["Content-Type"] = self._answer.headers.get("Content-Type", "")
        return MultipartParser(message.get_boundary(), self._most_bytes, self._check)

    def _too_large(self, error: TooLarge) -> BadPicture:
        return BadPicture(f"{self._name}: sends a picture of {error}; max_pixels= allows larger ones")


class MultipartCamera(HttpCamera):
    """Read one picture after another from an answer that does not end."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.timeout_s = self._limit.limit_s
        self._pictures: deque[bytes] = deque()
        self._parts = self._parser()
        self._damaged = 0

    def read(self) -> Frame | None:
        """Wait for the next picture that is whole; ``SourceLost`` where none came in time, or the stream ended."""
        began_s, limit_s, damaged = monotonic(), self._limit.limit_s, False
        while not self._woken.is_set():
            while self._pictures:
                planes = self._decoder.decode(self._pictures.popleft())
                if planes is not None:
                    now_s = monotonic()
                    self._limit.came(now_s)
                    self.timeout_s = self._limit.limit_s
                    return self._frame(planes, now_s)
                self._index, damaged = self._index + 1, True
            left_s = began_s + limit_s - monotonic()
            if left_s <= 0:
                what = "only damaged pictures" if damaged else "no frame"
                raise SourceLost(f"{self._name}: {what} came {WITHIN} (now {limit_s:.3g} s)")
            self._receive(left_s, damaged)
        return None

    def _receive(self, limit_s: float, damaged: bool) -> None:
        try:
            data, self._first = self._first or self._answer.read(limit_s), b""
            self._pictures.extend(self._parts.feed(data) if data else self._parts.end())
        except TooLarge as error:
            raise self._too_large(error) from error
        except SourceLost as error:
            if not (self._woken.is_set() or (damaged and isinstance(error.__cause__, TimeoutError))):
                raise
            return
        self._index += self._parts.damaged - self._damaged
        self._damaged = self._parts.damaged
        if not data and not self._pictures and not self._woken.is_set():
            raise SourceLost(f"{self._name}: the stream ended after {self._index} frames")


class SnapshotCamera(HttpCamera):
    """Ask for a still picture again and again; what did not change since is not sent again, and is as good as new."""

    def __init__(
        self,
        client: HttpClient,
        answer: Answer,
        first: bytes,
        name: str,
        timeout: float,
        max_pixels: int,
        every: float,
    ) -> None:
        super().__init__(client, answer, first, name, timeout, max_pixels)
        self.rate = 1 / max(Fraction(every).limit_denominator(1000), Fraction(1, 1000))
        self._every_s, self._request_s = every, timeout
        self.timeout_s = every + 3 * timeout  # a new connection, the answer, its content
        self._due_s = monotonic()
        self._bad_since_s: float | None = None
        self._refusal: SourceLost | None = None
        self._asked = True  # by whoever opened it
        self._data: bytes | None = None
        self._planes: Planes | None = None
        self._colour = JFIF
        self._validators: dict[str, str] = {}

    def read(self) -> Frame | None:
        """Wait until the next picture is due, and ask for it; ``SourceLost`` where the camera does not answer."""
        while not self._woken.wait(max(self._due_s - monotonic(), 0.0)):
            now_s = monotonic()
            self._due_s = max(self._due_s + self._every_s, now_s)
            planes = self._next()
            if self._woken.is_set():
                return None
            now_s = monotonic()
            if planes is not None:
                self._bad_since_s = self._refusal = None
                return self._frame(planes, now_s, self._colour)
            self._index += 1
            self._bad_since_s = self._bad_since_s or now_s
            if now_s - self._bad_since_s > max(self._request_s, 2 * self._every_s):
                raise self._refusal or SourceLost(
                    f"{self._name}: only damaged pictures came {WITHIN} (now {self._request_s:.3g} s)"
                )
        return None

    def _next(self) -> Planes | None:
        """Ask once; None for a picture that is damaged, or that the camera does not have just now."""
        try:
            if not self._asked:
                self._answer, self._first = self._client.get(self._validators), b""
            self._asked = False
            if self._answer.status == 304:
                self._answer.drain(self._request_s)
                return self._planes
            data = self._content()
        except SourceLost as error:
            if self._woken.is_set():
                return None
            if not error.is_passing or self._planes is None:
                raise
            self._refusal, self._due_s = error, max(self._due_s, monotonic() + error.retry_after_s)
            return None
        if data != self._data:
            self._data, self._planes = data, self._decode(data)
        validators = {"If-None-Match": "ETag", "If-Modified-Since": "Last-Modified"}
        found = {ours: self._answer.headers.get(theirs) for ours, theirs in validators.items()}
        self._validators = {name: value for name, value in found.items() if value and self._planes is not None}
        return self._planes

    def _content(self) -> bytes:
        """Read the picture, no more of it than a picture may have, and no longer than a picture takes."""
        parts, content, pictures, end_s = self._parser(), bytearray(), [], monotonic() + self._request_s
        data = self._first or self._answer.read(self._request_s)
        while data and not self._woken.is_set():
            content += data
            if len(content) > self._most_bytes:
                raise self._too_large(TooLarge(f"more than {self._most_bytes / 1e6:.0f} MB"))
            if content.startswith(SOI):
                pictures += parts.feed(data)
                if pictures and self._answer.length is None:
                    break  # some cameras leave the connection open
            left_s = end_s - monotonic()
            try:
                data = self._answer.read(min(left_s, self._every_s) if pictures else left_s)
            except SourceLost:
                if not pictures:
                    raise
                break  # it is all there, and the camera said that it is longer
        return bytes(content)

    def _decode(self, data: bytes) -> Planes | None:
        if data.startswith(SOI):
            self._colour = JFIF
            return self._decoder.decode(data)
        found = decode_still(self._name, data, self._max_pixels)
        if found is None:
            return None
        planes, self._colour = found
        return planes


class Body:
    """Let PyAV read the content of an answer as a file.

    Parameters
    ----------
    client
        The connection.
    answer
        What the camera answered.
    first
        What was read of it already.
    timeout_s
        Seconds without a frame after which it is lost.
    """

    def __init__(self, client: HttpClient, answer: Answer, first: bytes, timeout_s: float) -> None:
        self.limit = FrameLimit(timeout_s)
        self._client, self._answer, self._rest = client, answer, first
        self._woken = False

    def read(self, size: int) -> bytes:
        """Give up to so many bytes; none at the end, and when it was closed."""
        if self._woken:
            return b""
        data = self._rest or self._answer.read(self.limit.limit_s)
        self._rest = data[size:]
        return data[:size]

    def wake(self) -> None:
        """End a wait."""
        self._woken = True
        self._client.wake()

    def close(self) -> None:
        """Close the connection."""
        self.wake()
        self._client.close()
