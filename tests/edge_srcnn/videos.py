"""Videos that scaling barely changes, and what every larger one must keep."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from edge_srcnn.imaging.bicubic import upscale_bicubic
from tests.edge_srcnn.clips import decode, packets, planes, tags_of


def soft(count, height=48, width=64, down=2, across=2):
    """Frames that bicubic scaling and H.264 barely change: slow waves, which move."""
    rows, columns = np.mgrid[0:height, 0:width]
    coarse = (-(-height // down), -(-width // across))
    for number in range(count):
        luma = 128 + 80 * np.sin((rows + 2 * columns + 3 * number) / 30)
        chroma = tuple(np.full(coarse, 100 + 2 * number % 60, np.uint8) for _ in range(2))
        yield (luma.astype(np.uint8), *chroma)


def duration(path):
    """Of the video stream: from its first frame until the last one ends."""
    frames = decode(path)
    times = [frame.time for frame in frames]
    return times[-1] - times[0] + min((b - a for a, b in pairwise(times)), default=0)


def check_same(source: Path, target: Path, *, scale: int = 2) -> None:
    """What every video must keep."""
    before, after = decode(source), decode(target)
    assert len(after) == len(before)
    frame_s = duration(source) / len(before)
    assert duration(target) == pytest.approx(duration(source), abs=frame_s)
    for old, new in zip(before, after, strict=True):
        assert (new.width, new.height) == (old.width * scale, old.height * scale)
        assert new.time - after[0].time == pytest.approx(old.time - before[0].time, abs=frame_s / 2)
    assert after[0].format.name.replace("yuvj", "yuv") == before[0].format.name.replace("yuvj", "yuv")
    # what was not said may be said now, as players take it: limited
    full = "yuvj" in before[0].format.name or tags_of(before[0])[0] == 2
    assert (tags_of(after[0])[0] == 2 or "yuvj" in after[0].format.name) == full
    if tags_of(before[0])[0] == 1:
        assert tags_of(after[0])[0] == 1
    assert tags_of(after[0])[1:] == tags_of(before[0])[1:]
    sound = packets(source, "audio")
    copied = packets(target, "audio")
    assert [data for data, _ in copied] == [data for data, _ in sound]
    if sound:  # in step with the pictures as before
        lag = before[0].time - sound[0][1]
        assert after[0].time - copied[0][1] == pytest.approx(lag, abs=frame_s)


def check_pictures(source: Path, target: Path, tolerance: float) -> None:
    """The new frames are the bicubic ones, but for what H.264 loses."""
    for old, new in zip(decode(source), decode(target), strict=True):
        expected = upscale_bicubic(planes(old)[0], 2)
        assert np.abs(planes(new)[0].astype(float) - expected).mean() <= tolerance
