"""What the tests of the viewer share: pipelines that serve, results of known colours, and a client of plain sockets."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.sinks import Result, Sink, Stream, open_sink
from edge_srcnn.sinks.null import NullSink
from edge_srcnn.sources import open_source
from edge_srcnn.upscaler import load_model

LIMIT_S = 10.0
_ANY_PORT = "http://127.0.0.1:0"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@contextmanager
def pipeline(
    options: str = "",
    *,
    source: str = "test:size=160x120,fps=30",
    engine: str = "bicubic",
    model: str | None = None,
    scale: int = 2,
) -> Iterator[Sink]:
    """The real pipeline, running until the end of the block, with a sink at a free port."""
    sink = open_sink(f"{_ANY_PORT}#{options}")
    upscaler = load_model(model, engine=engine, scale=scale)
    running = Pipeline(open_source(source), upscaler, [sink, NullSink()])  # which is never idle
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        wait_until(lambda: running.state().sinks[0].written > 0)
        yield sink
    finally:
        running.stop()
        thread.join(LIMIT_S)
    assert not thread.is_alive()


@contextmanager
def by_hand(
    options: str = "",
    *,
    address: str = _ANY_PORT,
    name: str | None = None,
    model: str | None = "fast-m-x2",
    rate: Fraction | None = None,
    **told: Any,
) -> Iterator[Sink]:
    """A sink that shows what the test writes to it; its state tells that model, and what else is ``told``."""
    running = Pipeline(open_source("test:size=8x8"), load_model(engine="bicubic"), [])
    joint = "?" if address.startswith("unix:") else "#"
    sink = open_sink(f"{address}{joint}{options}" if options else address)
    sink.begin(Stream(rate, None, None, lambda: replace(running.state(), model=model, **told), name))
    try:
        yield sink
    finally:
        sink.close()


@contextmanager
def camera(options: str = "", make: "Callable[[], Result] | None" = None) -> Iterator[Sink]:
    """A sink that gets 10 pictures a second."""
    with by_hand(options) as sink:
        closing = threading.Event()

        def write() -> None:
            while not closing.wait(0.1):
                sink.write((make or flat)())

        thread = threading.Thread(target=write)
        thread.start()
        try:
            yield sink
        finally:
            closing.set()
            thread.join(LIMIT_S)


def flat(level: int = 128, size: tuple[int, int] = (32, 24), captured_s: float | None = None) -> Result:
    """A grey result of one level, and half as large a camera frame."""
    width, height = size
    times = {"index": 0, "time_s": 0.0, "captured_s": time.monotonic() if captured_s is None else captured_s}
    original = Frame(np.full((height // 2, width // 2), level, np.uint8), None, Colour(), **times)
    return Result(Frame(np.full((height, width), level, np.uint8), None, Colour(), **times), original, 2)


def noisy(side: int, seed: int) -> Result:
    """A large result that hardly compresses: its JPEG has about a byte a pixel."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side), np.uint8)
    frame = Frame(pixels, None, Colour(), seed, 0.0, time.monotonic())
    return Result(frame, Frame(pixels[::2, ::2].copy(), None, Colour(), seed, 0.0, frame.captured_s), 2)


def get(sink: Any, path: str, *, method: str = "GET", **headers: str) -> Answer:
    """One request; the names of headers are written with _ for -."""
    place = urlsplit(sink.address)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(http.client.HTTPConnection(place.hostname or "", place.port, timeout=LIMIT_S)) as connection:
        connection.request(method, path, headers=named)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())


def with_query(path: str, query: str) -> str:
    """A path with one more option."""
    return f"{path}{'&' if '?' in path else '?'}{query}"


class Viewer:
    """A stream that is open; iterates over its parts: (headers, JPEG). A context manager."""

    def __init__(
        self, sink: Any, path: str = "/stream.mjpg", *, receive_bytes: int | None = None, host: str | None = None
    ) -> None:
        place = urlsplit(sink.address)
        self.socket = socket.socket()
        if receive_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(LIMIT_S)
        self.socket.connect((place.hostname, place.port))
        # HTTP/1.0: the answer is not cut into chunks
        self.socket.sendall(f"GET {path} HTTP/1.0\r\nHost: {host or place.netloc}\r\n\r\n".encode())
        self._file = self.socket.makefile("rb")

    def open(self) -> tuple[str, dict[str, str]]:
        """Read the status line and the headers of the answer."""
        return self._file.readline().decode().strip(), self._headers()

    def part(self) -> tuple[dict[str, str], bytes]:
        """Read one part; ConnectionError when the stream is over."""
        line = self._file.readline()
        while line in (b"\r\n", b"--boundarydonotcross\r\n"):
            line = self._file.readline()
        if not line:
            raise ConnectionError("the stream is over")
        headers = self._headers(line)
        return headers, self._file.read(int(headers["content-length"]))

    def parts(self, seconds: float) -> list[dict[str, str]]:
        """Read for a while; the headers of what came."""
        end = time.monotonic() + seconds
        found = []
        while time.monotonic() < end:
            found.append(self.part()[0])
        return found

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def __enter__(self) -> "Viewer":
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def _headers(self, first: bytes = b"") -> dict[str, str]:
        found = {}
        line = first or self._file.readline()
        while line not in (b"\r\n", b""):
            name, _, value = line.decode().partition(":")
            found[name.strip().lower()] = value.strip()
            line = self._file.readline()
        return found


def metric(sink: Sink, name: str, /, **labels: str) -> float:
    """The value of one sample of ``/metrics``."""
    inside = ",".join(f'{key}="{value}"' for key, value in labels.items())
    sought = name + (f"{{{inside}}}" if inside else "") + " "
    lines = [line for line in get(sink, "/metrics").text.splitlines() if line.startswith(sought)]
    assert len(lines) == 1, (sought, lines)
    return float(lines[0].rpartition(" ")[2])


def wait_until(happens: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Look again and again."""
    end = time.monotonic() + limit_s
    while not happens():
        assert time.monotonic() < end, f"not within {limit_s} s"
        time.sleep(0.01)


def is_cut_off(visitor: socket.socket) -> bool:
    visitor.setblocking(False)
    try:
        return visitor.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
