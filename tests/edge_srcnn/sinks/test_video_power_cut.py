"""What a power cut takes of a recording: the last seconds, however slow or irregular the pictures come."""

import shutil
from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("av")

from av.video.frame import PictureType

from edge_srcnn.sinks import Stream, open_sink
from tests.edge_srcnn.clips import decode, flat
from tests.edge_srcnn.sinks.recordings import numbers, record, results

COUNT = 41


def irregular(count):
    """Times in s, up to a second apart."""
    return np.cumsum(np.random.default_rng(1).uniform(0.02, 1.0, count)).tolist()


def after_a_cut(folder, suffix, rate, times, options=""):
    """After each of the last frames: a copy of the file that is being written, and the frame's number."""
    sink = open_sink(f"{folder}/day.{suffix}?segment=600{options}")
    sink.begin(Stream(rate, None, None, lambda: None))
    for number, result in enumerate(results(len(times), times=times)):
        sink.write(result)
        if number >= COUNT - 8:
            (partial,) = folder.glob(".*")
            yield shutil.copy(partial, folder / f"copy.{suffix}"), number
    sink.close()


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("rate", [None, Fraction(25)])
@pytest.mark.parametrize(
    "times", [[float(n) for n in range(COUNT)], [n / 3 for n in range(COUNT)], irregular(COUNT)], ids=["1", "3", "any"]
)
def test_it_takes_two_seconds_and_what_the_encoder_holds_back(tmp_path, suffix, rate, times):
    for copy, last in after_a_cut(tmp_path, suffix, rate, times):
        found = numbers(copy)
        assert found == list(range(len(found)))
        held_s = times[last] - times[last - 1]  # one picture
        assert times[last] - times[len(found)] < 2 + held_s
    assert numbers(tmp_path / f"day-00001.{suffix}") == list(range(COUNT))
    seen = [frame.time for frame in decode(tmp_path / f"day-00001.{suffix}")]
    assert np.subtract(seen, seen[0]) == pytest.approx(np.subtract(times, times[0]), abs=2e-3)


def test_motion_jpeg_holds_nothing_back(tmp_path):
    times = [float(number) for number in range(COUNT)]
    for copy, last in after_a_cut(tmp_path, "mp4", None, times, "&codec=mjpeg"):
        assert len(decode(copy)) >= last - 1


@pytest.mark.parametrize("rate", [12, 25, 60])
def test_key_frames_come_every_two_seconds_whatever_rate_was_said(tmp_path, rate):
    record(f"{tmp_path}/day.mkv", results(6 * rate + 1, flat((90, 100, 200), 48, 64), rate=rate))
    keys = [frame.time for frame in decode(tmp_path / "day.mkv") if frame.key_frame]
    assert np.subtract(keys, keys[0]) == pytest.approx([0, 2, 4, 6], abs=2e-3)


def test_what_can_be_done_again_is_encoded_with_a_look_ahead(tmp_path):
    for name, frames in (("live", None), ("file", 300)):
        sink = open_sink(f"{tmp_path}/{name}.mkv")
        sink.begin(Stream(Fraction(25), frames, None, lambda: None))
        for result in results(60):
            sink.write(result)
        sink.close()
        types = {PictureType(frame.pict_type) for frame in decode(tmp_path / f"{name}.mkv")}
        assert (PictureType.B in types) == (frames is not None)
