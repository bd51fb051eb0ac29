"""How much of the engine's speed is left when frames come from a file and go to a sink or a viewer."""

import http.client
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice

import numpy as np

from edge_srcnn.errors import EdgeSrcnnError, UsageError
from edge_srcnn.live.capture import Capture
from edge_srcnn.live.pipeline import Pipeline, State
from edge_srcnn.live.reader import Opener
from edge_srcnn.measure import seconds_of
from edge_srcnn.sinks import Sink, open_sink
from edge_srcnn.sources import open_source
from edge_srcnn.upscaler import Upscaler

WARM_UP = 3
_ENGINE_FRAMES = 30
_CHUNK = 1 << 16
_JOIN_S = 5.0


@dataclass(frozen=True)
class Throughput:
    """Count frames a second.

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
    noise, still_share
        Of the source, in grey levels, where it is averaged over time; and the part of its tiles that were as before,
        and not computed, 0 to 1, where that is looked at. Else None.
    """

    engine: float
    null: float
    http: float
    null_share: float
    http_share: float
    noise: float | None
    still_share: float | None


def measure_throughput(upscaler: Upscaler, source: str) -> Throughput:
    """Run a source that ends, and not by the clock (a file, ``test:fps=max,frames=N``), in three ways."""
    engine = _engine_rate(upscaler, source)
    null, seen_last = _pipeline_rate(upscaler, source, open_sink("null:"))
    sink = open_sink("http://127.0.0.1:0")
    seen: list[int] = []
    viewer = threading.Thread(target=_watch, args=(sink, seen), name="viewer", daemon=True)
    served, _ = _pipeline_rate(upscaler, source, sink, viewer.start)
    viewer.join(_JOIN_S)
    if not seen:
        raise EdgeSrcnnError(f"{sink.name}: the viewer saw nothing")
    noise, still_share = seen_last.temporal.noise, seen_last.still_share
    return Throughput(engine, null, served, null / engine, served / engine, noise, still_share)


def _engine_rate(upscaler: Upscaler, source: str) -> float:
    with closing(open_source(source)) as opened:
        planes = [frame.luma for frame in islice(opened, _ENGINE_FRAMES)]
    out = np.empty([side * upscaler.scale for side in planes[0].shape], np.uint8)
    for luma in planes[:WARM_UP]:
        upscaler.upscale(luma, out)
    return len(planes) / seconds_of(lambda: [upscaler.upscale(luma, out) for luma in planes])


def _pipeline_rate(
    upscaler: Upscaler, source: str, sink: Sink, begun: Callable[[], None] = lambda: None
) -> tuple[float, State]:
    """Count frames a second between the first and the last frame that came out; and tell the pipeline's last state."""
    times: list[float] = []
    opener = Opener.of(source)
    pipeline = Pipeline(Capture.of(opener.open(), opener.temporal()), upscaler, [sink])
    pipeline.run(lambda frames: times.append(time.perf_counter()), begun=begun)
    steady = times[WARM_UP:]
    if len(steady) < 2:
        raise UsageError(f"{source}: has {len(times)} frames; {WARM_UP + 2} or more are needed")
    return (len(steady) - 1) / (steady[-1] - steady[0]), pipeline.state()


def _watch(sink: Sink, seen: list[int]) -> None:
    """Look at the stream until it ends, and count the bytes."""
    with (
        suppress(OSError, http.client.HTTPException),
        urllib.request.urlopen(f"{sink.address}/stream.mjpg", timeout=_JOIN_S) as stream,
    ):
        while part := stream.read1(_CHUNK):
            seen.append(len(part))
