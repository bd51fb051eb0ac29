"""Figures of the live stream: latency, many viewers, endurance. Prints one JSON object.

usage: python tests/rigs/live.py latency | viewers | endurance [MINUTES]
"""

import http.client
import json
import os
import socket
import statistics
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.live.upscaler import Upscalers
from edge_srcnn.sinks import open_sink
from edge_srcnn.sources import open_source

STEADY_S = 3.0


@contextmanager
def live(source: str, engine: str = "auto", sink: str = "http://127.0.0.1:0#clients=100") -> Iterator[Any]:
    """A running pipeline and its port."""
    ready = threading.Event()
    served: Any = open_sink(sink)
    opened = open_source(source)
    upscalers = Upscalers(options=EngineOptions(engine), live=opened.live, rate=lambda: opened.rate)
    with closing(upscalers.make()) as upscaler:
        pipeline = Pipeline(opened, upscaler, [served])
        thread = threading.Thread(target=lambda: pipeline.run(begun=ready.set))
        thread.start()
        ready.wait()
        try:
            yield pipeline, served.address.rpartition(":")[2]
        finally:
            pipeline.stop()
            thread.join()


class Viewer(threading.Thread):
    """Reads parts as they come; keeps their times."""

    def __init__(self, port: str) -> None:
        super().__init__(daemon=True)
        self.port, self.ended = int(port), False
        self.arrivals, self.latencies = deque[float](maxlen=1000), deque[float](maxlen=1000)

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/stream.mjpg")
        stream = connection.getresponse()
        try:
            while not self.ended:
                headers = {}
                while (line := stream.readline().decode().strip()) or not headers:
                    name, _, value = line.partition(":")
                    headers[name.lower()] = value.strip()
                stream.read(int(headers["content-length"]))
                now = time.time()
                self.arrivals.append(now)
                self.latencies.append(now - float(headers["x-timestamp"]))
        except (OSError, http.client.HTTPException, KeyError):
            pass
        finally:
            connection.close()

    def rate(self, since: float) -> float:
        """Frames a second after a time."""
        recent = [arrival for arrival in self.arrivals.copy() if arrival > since]
        return (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 else 0.0


def latency() -> dict[str, float]:
    """Sensor to socket at 15 frames a second; allowed: the engine's time and 1.5 intervals."""
    with live("test:size=640x480,fps=15") as (pipeline, port):
        viewer = Viewer(port)
        viewer.start()
        time.sleep(20)
        viewer.ended = True
        engine_ms = pipeline.state().enhance.median_ms
    median_ms = statistics.median([*viewer.latencies][15:]) * 1000
    return {"engine_ms": engine_ms, "latency_ms": median_ms, "allowed_ms": engine_ms + 1.5 * 1000 / 15}


def viewers() -> dict[str, float]:
    """40 viewers alone, then with 10 more that never read; memory over 10,000 frames."""
    with live("test:size=320x240,fps=60", engine="bicubic") as (pipeline, port):
        good = [Viewer(port) for _ in range(40)]
        for viewer in good:
            viewer.start()
        alone = _rate_of(good)
        stalled = [_never_reads(int(port)) for _ in range(10)]
        beside = _rate_of(good)
        settled_mb, frames = _resident_mb(), pipeline.state().frames_out
        _wait(lambda: pipeline.state().frames_out - frames >= 10_000)
        grown_mb = _resident_mb() - settled_mb
        for connection in stalled:
            connection.close()
    return {"rate_alone": alone, "rate_beside_stalled": beside, "kept": beside / alone, "grown_mb": grown_mb}


def endurance(minutes: float = 30) -> dict[str, float]:
    """``test:`` at full speed into ``http`` with a viewer; memory and descriptors after a minute and at the end."""
    with live("test:size=320x240,fps=max") as (pipeline, port):
        viewer = Viewer(port)
        viewer.start()
        time.sleep(60)
        settled = _resident_mb(), _descriptors()
        time.sleep(minutes * 60 - 60)
        ended = _resident_mb(), _descriptors()
        frames = pipeline.state().frames_out
    return {
        "frames": frames,
        "resident_mb": ended[0],
        "grown_mb": ended[0] - settled[0],
        "grown_descriptors": ended[1] - settled[1],
    }


def _rate_of(watching: list[Viewer]) -> float:
    time.sleep(STEADY_S)
    since = time.time()
    time.sleep(10)
    return statistics.mean(viewer.rate(since) for viewer in watching)


def _never_reads(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    return connection


def _wait(done: Callable[[], bool]) -> None:
    while not done():
        time.sleep(0.5)


def _resident_mb() -> float:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1000


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


if __name__ == "__main__":
    measures = {"latency": latency, "viewers": viewers, "endurance": endurance}
    if len(sys.argv) < 2 or sys.argv[1] not in measures:
        sys.exit(__doc__)
    print(json.dumps(measures[sys.argv[1]](*map(float, sys.argv[2:])), indent=1))  # noqa: T201  # its purpose
