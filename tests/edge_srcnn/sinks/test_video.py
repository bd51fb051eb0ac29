"""Recordings: every frame in its time, whole or in segments, and never over an earlier one."""

import json
import shutil
import subprocess
from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("av")

import av

from edge_srcnn.imaging.frame import Colour
from tests.edge_srcnn.clips import decode, flat, planes, tags_of
from tests.edge_srcnn.sinks.recordings import FAST, LEVELS, files, numbers, record, results


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "m4v", "avi", "MP4"])
def test_every_frame_comes_in_order_and_in_its_time(tmp_path, suffix):
    path = tmp_path / f"out.{suffix}"
    record(f"{path}?{FAST}", results(50, rate=Fraction(30000, 1001)), Fraction(30000, 1001))
    assert files(tmp_path) == [path.name]
    assert numbers(path) == list(range(50))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert float(stream.average_rate) == pytest.approx(30000 / 1001, rel=0.02)
        assert container.duration / 1e6 == pytest.approx(50 * 1001 / 30000, abs=0.04)
    times = [frame.time for frame in decode(path)]
    assert np.diff(times) == pytest.approx(1001 / 30000, abs=2e-3)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
@pytest.mark.parametrize("options", ["", "&segment=60"])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "m4v", "avi"])
@pytest.mark.parametrize("name", [None, "Fa\u00e7ade; =\\'\" \U0001f421"])
def test_the_camera_s_name_is_the_title_of_a_recording(tmp_path, suffix, options, name):
    record(f"{tmp_path}/out.{suffix}?{FAST}{options}", results(2), title=name)
    (path,) = tmp_path.iterdir()
    command = ["ffprobe", "-v", "error", "-show_entries", "format_tags", "-of", "json", path]
    told = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    assert told["format"].get("tags", {}).get("title") == name


def test_a_folder_is_made(tmp_path):
    record(f"{tmp_path}/new/deep/out.mp4?{FAST}", results(3))
    assert files(tmp_path / "new/deep") == ["out.mp4"]


def test_frames_that_come_irregularly_keep_their_times(tmp_path):
    times = [0.0, 0.04, 0.08, 0.5, 0.52, 2.0, 2.04]
    record(f"{tmp_path}/out.mkv?{FAST}", results(7, times=times))
    found = [frame.time for frame in decode(tmp_path / "out.mkv")]
    assert np.subtract(found, found[0]) == pytest.approx(times, abs=2e-3)


def test_times_that_stand_still_do_not_stop_it(tmp_path):
    record(f"{tmp_path}/out.mp4?{FAST}", results(5, times=[1.0, 1.0, 1.0, 0.9, 2.0]))
    assert numbers(tmp_path / "out.mp4") == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("down", "across"), [(2, 2), (1, 2), (1, 1)])
@pytest.mark.parametrize(
    "colour", [Colour(True, 6, 2, 2), Colour(False, 1, 1, 1), Colour(False, 6, 6, 6), Colour(None, 2, 2, 2)]
)
def test_colours_tags_and_subsampling_are_kept(tmp_path, down, across, colour):
    picture = flat((90, 100, 200), 48, 64, down, across)
    record(f"{tmp_path}/out.mp4?{FAST}", results(3, picture, colour=colour))
    frames = decode(tmp_path / "out.mp4")
    assert len(frames) == 3
    name = {(2, 2): "yuv420p", (1, 2): "yuv422p", (1, 1): "yuv444p"}[down, across]
    for frame in frames:
        assert frame.format.name.replace("yuvj", "yuv") == name
        full = {None: (0, 1), False: (1,), True: (2,)}[colour.full_range]
        assert tags_of(frame)[0] in full
        assert tags_of(frame)[1:] == (colour.matrix, colour.primaries, colour.transfer)
        for ours, theirs in zip(planes(frame), picture, strict=True):
            assert np.abs(ours.astype(int) - theirs).max() <= LEVELS


@pytest.mark.parametrize("size", [(47, 63), (48, 63), (47, 64), (3, 3)])
@pytest.mark.parametrize(("down", "across"), [(2, 2), (1, 2), (1, 1)])
def test_of_odd_sizes_at_most_a_row_and_a_column_go(tmp_path, size, down, across):
    picture = flat((90, 100, 200), *size, down, across)
    record(f"{tmp_path}/out.mp4?{FAST}", results(3, picture))
    for frame in decode(tmp_path / "out.mp4"):
        assert (frame.height, frame.width) == (size[0] // down * down, size[1] // across * across)
        for ours, value in zip(planes(frame), (90, 100, 200), strict=True):
            assert np.abs(ours.astype(int) - value).max() <= LEVELS


def test_grey_stays_grey(tmp_path):
    record(f"{tmp_path}/out.mp4?{FAST}", results(3, (np.full((48, 64), 77, np.uint8),)))
    for frame in decode(tmp_path / "out.mp4"):
        luma, *chroma = planes(frame)
        assert np.abs(luma.astype(int) - 77).max() <= LEVELS
        assert all(np.abs(plane.astype(int) - 128).max() <= 1 for plane in chroma)


@pytest.mark.parametrize("colour", [Colour(True, 6, 2, 2), Colour(False, 6, 6, 6), Colour(None, 2, 2, 2)])
@pytest.mark.parametrize("suffix", ["mkv", "avi"])
def test_motion_jpeg(tmp_path, colour, suffix):
    picture = flat((90, 100, 200), 48, 64)
    record(f"{tmp_path}/out.{suffix}?codec=mjpeg", results(5, picture, colour=colour))
    frames = decode(tmp_path / f"out.{suffix}")
    assert len(frames) == 5
    expected: tuple[float, ...] = (90, 100, 200)
    if colour.full_range is not True and tags_of(frames[0])[0] == 2:  # made full range, as JPEG is
        expected = ((90 - 16) * 255 / 219, 128 + (100 - 128) * 255 / 224, 128 + (200 - 128) * 255 / 224)
    for ours, value in zip(planes(frames[0]), expected, strict=True):
        assert np.abs(ours - value).max() <= 4
