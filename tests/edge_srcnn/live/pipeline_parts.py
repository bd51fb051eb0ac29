"""Sources, upscalers and sinks that do what a test says, and pipelines that run beside it."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from time import monotonic, sleep

import numpy as np

from edge_srcnn.errors import CannotWrite
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.sinks import Sink
from edge_srcnn.sources import Source

SOON_S = 15
"""Far more than anything here takes, far less than a test run may hang."""


def frame_of(index: int) -> Frame:
    luma = np.full((6, 8), index % 256, np.uint8)
    chroma = np.full((3, 4), 128, np.uint8)
    return Frame(luma, (chroma, chroma), Colour(), index, index / 25, monotonic())


class Numbers(Source):
    """A source of small frames; calls ``between`` before each but the first, raises ``error`` in the end."""

    def __init__(
        self,
        indices: Iterable[int],
        *,
        live: bool = False,
        between: Callable[[], object] = lambda: None,
        error: BaseException | None = None,
    ) -> None:
        self.live, self.rate, self.frames = live, Fraction(25), None
        self.closed = threading.Event()
        self.stream_copy = None
        self._indices, self._between, self._error = indices, between, error
        self._given = self._give()

    def read(self) -> Frame | None:
        return next(self._given, None)

    def _give(self) -> Iterator[Frame]:
        for place, index in enumerate(self._indices):
            if place:
                self._between()
            if self.closed.is_set():
                return
            yield frame_of(index)
        if self._error is not None:
            raise self._error

    def wake(self) -> None:
        self.closed.set()

    def close(self) -> None:
        self.closed.set()


def endless() -> Iterator[int]:
    index = 0
    while True:
        yield index
        index += 1


class Recorder(Sink):
    """A sink that keeps the numbers of its frames; ``during`` is called with each before it is kept."""

    def __init__(
        self, name: str = "recorder", *, live: bool = False, during: Callable[[int], object] = lambda index: None
    ) -> None:
        self.name, self.live, self._during = name, live, during
        self.indices: list[int] = []
        self.calls: list[str] = []

    def begin(self, stream) -> None:
        self.calls.append("begin")
        self.stream = stream

    def write(self, result) -> None:
        self._during(result.frame.index)
        assert "close" not in self.calls
        self.indices.append(result.frame.index)
        self.last = result

    def close(self) -> None:
        self.calls.append("close")


class Whole(Recorder):
    """A sink that can give up what it has."""

    def abandon(self) -> None:
        self.calls.append("abandon")


class Double:
    """An upscaler without a network; ``during`` is called with each frame's number."""

    def __init__(self, during: Callable[[int], object] = lambda index: None) -> None:
        self.scale, self.engine, self.model, self.share, self.reused = 2, "none", "no-model", 1.0, None
        self._during = during

    def upscale_frame(self, frame: Frame) -> Frame:
        self._during(frame.index)
        return replace(frame, luma=upscale_bicubic(frame.luma, 2))


@contextmanager
def running(pipeline: Pipeline) -> Iterator[Callable[[], BaseException | None]]:
    """Run it in a thread; gives a function that waits for the end, and tells what was raised."""
    raised: list[BaseException] = []

    def work() -> None:
        try:
            pipeline.run()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()

    def end() -> BaseException | None:
        thread.join(SOON_S)
        assert not thread.is_alive(), "the pipeline does not end"
        return raised[0] if raised else None

    try:
        yield end
    finally:
        pipeline.stop()
        thread.join(60)


def wait_for(condition: Callable[[], object]) -> None:
    end = monotonic() + SOON_S
    while not condition():
        assert monotonic() < end, "waited too long"
        sleep(0.005)


def refuse_from(first: int, error: BaseException | None = None) -> Callable[[int], None]:
    def during(index: int) -> None:
        if index >= first:
            raise error or CannotWrite("recorder: the disk is full")

    return during


def in_step(indices: Iterable[int], sinks: list[Recorder], **options) -> Pipeline:
    """A live pipeline whose source waits until each frame was worked on."""
    done = threading.Semaphore(0)
    source = Numbers(indices, live=True, between=lambda: done.acquire(timeout=SOON_S), **options)
    pipeline = Pipeline(source, Double(), sinks)
    pipeline._step = lambda frames: done.release()
    return pipeline
