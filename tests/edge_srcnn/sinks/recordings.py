"""Results to record, and what a recording holds."""

from fractions import Fraction

import numpy as np

from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.sinks import Result, Stream, open_sink
from tests.edge_srcnn.clips import decode, flat, planes

FAST = "preset=ultrafast&crf=1"
LEVELS = 2  # x264 at crf 1 is off by so much on flat planes, at most


def frame_of(index, picture, colour, rate=25, time_s=None):
    chroma = None if len(picture) == 1 else (picture[1], picture[2])
    return Frame(picture[0], chroma, colour, index, float(index / rate) if time_s is None else time_s, 0.0)


def results(count, picture=None, *, colour=None, rate=25, start=0, times=None):
    """Frames of one flat picture, or of one level of grey each that tells its number."""
    for index in range(start, start + count):
        own = picture or flat((20 + 2 * (index % 100), 128, 128), 48, 64)
        frame = frame_of(index, own, colour or Colour(), rate, None if times is None else times[index])
        yield Result(frame, frame, 2)


def noise(count, height=48, width=64):
    rng = np.random.default_rng(0)
    for index in range(count):
        shapes = ((height, width), (height // 2, width // 2), (height // 2, width // 2))
        frame = frame_of(index, tuple(rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes), Colour())
        yield Result(frame, frame, 2)


def record(name, these, rate=Fraction(25), stream_copy=None, title=None):
    sink = open_sink(str(name))
    sink.begin(Stream(rate, None, stream_copy, lambda: None, title))
    try:
        for result in these:
            sink.write(result)
    finally:
        sink.close()
        sink.close()
    return sink


def numbers(path):
    return [round((int(planes(frame)[0][24, 32]) - 20) / 2) for frame in decode(path)]


def files(folder):
    return sorted(path.name for path in folder.iterdir())
