"""A network camera (MJPEG over HTTP) that fails in every way that it is told to."""

import io
import os
import socket
import struct
import threading
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic

from PIL import Image

_HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: closing resets the connection, as when a plug is pulled
_LEVELS = 16
_GARBAGE_BYTES = 2000
_HUGE_PX = 16_000
_VIDEO_HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n"

_pictures: dict[tuple[tuple[int, int], int], bytes] = {}


class FaultyCamera:
    """Works from the start, unless it is made ``absent``. A context manager.

    Attributes
    ----------
    sent
        Pictures that it gave away.
    since_s
        When it was last told to change, in seconds of ``time.monotonic()``.
    """

    def __init__(self, *, size: tuple[int, int] = (64, 48), rate: float = 15.0, absent: bool = False) -> None:
        self.sent, self.since_s = 0, monotonic()
        self._size, self._rate = size, rate
        self._mode = "works"
        self._pictures: Sequence[bytes] = ()
        self._video: Sequence[bytes] = ()
        self._video_rate = rate
        self._ended, self._changed = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._clients: set[socket.socket] = set()
        self._listener = _bound(0)
        self._port = self._listener.getsockname()[1]
        if not absent:
            self.appear()

    def uri(self, timeout_s: float = 1) -> str:
        """What a service is to open."""
        return f"http://127.0.0.1:{self._port}/stream.mjpg#timeout={timeout_s:g}"

    def appear(self) -> None:
        """Be there, and work."""
        self.work()
        self._listener.listen(16)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def vanish(self) -> None:
        """Be gone: connections are reset, and nobody listens. The port stays ours."""
        with suppress(OSError):  # it did not listen
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits for a connection
        self._listener.close()
        self._listener = _bound(self._port)
        self.drop()

    def drop(self) -> None:
        """Reset the connections; new ones are welcome."""
        self.since_s = monotonic()
        with self._lock:
            for client in self._clients:
                with suppress(OSError):
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                    client.shutdown(socket.SHUT_RDWR)

    def work(self) -> None:
        """Give pictures."""
        self._tell("works")

    def stall(self) -> None:
        """Stay connected and take connections, but say nothing more."""
        self._tell("stalls")

    def talk_nonsense(self) -> None:
        """Give random bytes where pictures should be."""
        self._tell("garbage")

    def tear(self) -> None:
        """Give pictures that are cut off in the middle."""
        self._tell("torn")

    def claim_too_much(self) -> None:
        """Give pictures whose header promises 256 megapixels."""
        self._tell("huge")

    def chatter(self) -> None:
        """Give sound and text between the pictures, and lengths that are wrong."""
        self._tell("chatters")

    def show(self, pictures: Sequence[bytes]) -> None:
        """Give these JPEGs from now on, one after another and then again, within the same connection."""
        self._pictures = pictures
        self.work()

    def show_times_of(self, video: Sequence[bytes], rate: float) -> None:
        """Give this video from now on, a piece for each picture; ``work`` and ``drop`` end that."""
        self._video, self._video_rate = video, rate
        self._tell("video")
        self.drop()

    def resize(self, width: int, height: int) -> None:
        """Give pictures of another size, within the same connection."""
        self.since_s, self._size = monotonic(), (width, height)

    def close(self) -> None:
        """End."""
        self._ended.set()
        self._changed.set()
        self.vanish()
        self._listener.close()

    def __enter__(self) -> "FaultyCamera":
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def _tell(self, mode: str) -> None:
        self.since_s, self._mode = monotonic(), mode
        self._changed.set()
        self._changed = threading.Event()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with self._lock:
            self._clients.add(client)
        try:
            client.recv(4096)
            if self._mode == "stalls":
                self._changed.wait()
            if self._mode == "video":
                self._give_video(client)
                return
            client.sendall(_HEAD)
            due = monotonic()
            while not self._ended.is_set():
                self._give(client)
                due = max(due + 1 / self._rate, monotonic())
                self._ended.wait(due - monotonic())
        except OSError:
            pass
        finally:
            with self._lock:
                self._clients.discard(client)
            client.close()

    def _give(self, client: socket.socket) -> None:
        if self._mode == "stalls":
            self._changed.wait()
            return
        if self._mode == "garbage":
            client.sendall(os.urandom(_GARBAGE_BYTES))
            return
        data = _picture(self._size, self.sent % _LEVELS)
        if self._pictures:
            data = self._pictures[self.sent % len(self._pictures)]
        length, kind = len(data), "image/jpeg"
        if self._mode == "torn":
            data = data[: len(data) // 2]
        elif self._mode == "huge":
            at = data.index(b"\xff\xc0") + 5  # height and width in the header of a baseline picture
            data = data[:at] + struct.pack(">HH", _HUGE_PX, _HUGE_PX) + data[at + 4 :]
        elif self._mode == "chatters":
            sound = b"--frame\r\nContent-Type: audio/basic\r\nContent-Length: 800\r\n\r\n" + bytes(800) + b"\r\n"
            client.sendall(sound)
            length, kind = len(data) + self.sent % 3 - 1, "image/jpg"
        client.sendall(f"--frame\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n".encode() + data + b"\r\n")
        self.sent += self._mode in ("works", "chatters")

    def _give_video(self, client: socket.socket) -> None:
        client.sendall(_VIDEO_HEAD)
        began = monotonic()
        for number, piece in enumerate(self._video):
            self._ended.wait(max(began + number / self._video_rate - monotonic(), 0))
            client.sendall(piece)


def _bound(port: int) -> socket.socket:
    """A socket that has a port and does not listen: whoever connects there is refused, and nobody else gets it."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


def _picture(size: tuple[int, int], number: int) -> bytes:
    """Of one grey, which grows with its number."""
    if (size, number) not in _pictures:
        buffer = io.BytesIO()
        level = 60 + 10 * number
        Image.new("RGB", size, (level, level, level)).save(buffer, "JPEG", quality=80)
        _pictures[size, number] = buffer.getvalue()
    return _pictures[size, number]
