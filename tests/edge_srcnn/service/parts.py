"""Sources, sinks and engines whose faults a test chooses; the parts around them are the real ones."""

import threading
from dataclasses import replace
from fractions import Fraction
from time import monotonic

import numpy as np

from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.sinks import Sink
from edge_srcnn.sources import Source


def frame(index=0, *, level=100, size=(16, 12), time_s=None):
    """A grey frame."""
    width, height = size
    seconds = index / 10 if time_s is None else time_s
    return Frame(np.full((height, width), level, np.uint8), None, Colour(), index, seconds, monotonic())


class Camera(Source):
    """Gives so many frames; then ends, waits for ever, or raises."""

    live, rate, frames = True, Fraction(10), None

    def __init__(self, count, then=None, *, live=True):
        self.count, self.then, self.live = count, then, live
        self.closed = threading.Event()
        self._given = self._give()

    def read(self):
        return next(self._given, None)

    def _give(self):
        for index in range(self.count):
            if self.closed.is_set():
                return
            yield frame(index)
        if self.then == "waits":
            self.closed.wait(30)
        elif self.then is not None and not self.closed.is_set():
            raise self.then

    def wake(self):
        self.closed.set()

    def close(self):
        self.closed.set()


class Engine:
    """Enhances by repeating pixels; raises while ``fault`` is set."""

    scale, model, share, reused = 2, None, 1.0, None

    def __init__(self, name="engine", fault=None):
        self.engine, self.fault = name, fault
        self.calls, self.closed = 0, False

    def upscale_frame(self, given):
        self.calls += 1
        if self.fault is not None:
            raise self.fault
        return replace(given, luma=given.luma.repeat(2, 0).repeat(2, 1))

    def close(self):
        self.closed = True


class Recorder(Sink):
    """Remembers what it gets; raises while ``fault`` is set."""

    def __init__(self, name="recorder"):
        self.name, self.fault = name, None
        self.results, self.tried, self.begun, self.closed = [], 0, 0, 0

    def begin(self, stream):
        self.tried += 1
        if self.fault is not None:
            raise self.fault
        self.begun += 1

    def write(self, result):
        if self.fault is not None:
            raise self.fault
        self.results.append(result)

    def close(self):
        self.closed += 1


def wait_until(happens, limit_s=10.0):
    """Look again and again."""
    end = monotonic() + limit_s
    while not happens():
        assert monotonic() < end, f"not within {limit_s} s"
        threading.Event().wait(0.005)
