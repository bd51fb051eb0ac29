"""How much of the engine's speed is left when frames come from a file and go to a sink or a viewer."""

import http.client
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from edge_srcnn.errors import EdgeSrcnnError, UsageError
from edge_srcnn.imaging.frame import Frame
from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.sinks import Sink, open_sink
from edge_srcnn.sources import open_source
from edge_srcnn.upscaler import Upscaler

WARM_UP = 3
_ENGINE_FRAMES = 30
_CHUNK = 1 << 16
_JOIN_S = 5.0


@dataclass(frozen=True)
class Throughput:
    """Frames a second.

    Attributes
    ----------
    engine
        Luma alone, frame after frame from memory, in this thread.
    null
        The whole way from the source to ``null:``.
    http
        To one viewer of ``http://``.
    null_share, http_share
        Of ``engine``.
    """

    engine: float
    null: float
    http: float
    null_share: float
    http_share: float


def measure_throughput(upscaler: Upscaler, source: str) -> Throughput:
    """Run a source that ends, and not by the clock (a file, ``test:fps=max,frames=N``), in three ways."""
    engine = _engine_rate(upscaler, source)
    null = _pipeline_rate(upscaler, source, open_sink("null:"))
    sink = open_sink("http://127.0.0.1:0")
    served = _pipeline_rate(upscaler, source, sink, lambda: _Viewer(sink.address).start())
    return Throughput(engine, null, served, null / engine, served / engine)


def _engine_rate(upscaler: Upscaler, source: str) -> float:
    frames = _first_frames(source, _ENGINE_FRAMES)
    width, height = (side * upscaler.scale for side in frames[0].size)
    out = np.empty((height, width), np.uint8)
    for frame in frames[:WARM_UP]:
        upscaler.upscale(frame.luma, out)
    began = time.perf_counter()
    for frame in frames:
        upscaler.upscale(frame.luma, out)
    return len(frames) / (time.perf_counter() - began)


def _first_frames(source: str, count: int) -> Sequence[Frame]:
    opened = open_source(source)
    try:
        return [frame for frame, _ in zip(opened, range(count), strict=False)]
    finally:
        opened.close()


def _pipeline_rate(
    upscaler: Upscaler, source: str, sink: Sink, begun: Callable[[], "_Viewer | None"] = lambda: None
) -> float:
    """Frames a second between the first and the last frame that came out."""
    times: list[float] = []
    viewers: list[_Viewer | None] = []
    pipeline = Pipeline(open_source(source), upscaler, [sink])
    pipeline.run(lambda frames: times.append(time.perf_counter()), begun=lambda: viewers.append(begun()))
    for viewer in viewers:
        if viewer is not None:
            viewer.join()
            if not viewer.bytes:
                raise EdgeSrcnnError(f"{sink.name}: the viewer saw nothing")
    steady = times[WARM_UP:]
    if len(steady) < 2:
        raise UsageError(f"{source}: has {len(times)} frames; {WARM_UP + 2} or more are needed")
    return (len(steady) - 1) / (steady[-1] - steady[0])


class _Viewer:
    """Somebody who looks at the stream, in a thread, until it ends."""

    def __init__(self, address: str) -> None:
        self.bytes = 0
        self._address = address
        self._thread = threading.Thread(target=self._look, name="viewer", daemon=True)

    def start(self) -> "_Viewer":
        self._thread.start()
        return self

    def join(self) -> None:
        self._thread.join(_JOIN_S)

    def _look(self) -> None:
        with (
            suppress(OSError, http.client.HTTPException),
            urllib.request.urlopen(f"{self._address}/stream.mjpg", timeout=_JOIN_S) as stream,
        ):
            while part := stream.read1(_CHUNK):
                self.bytes += len(part)
