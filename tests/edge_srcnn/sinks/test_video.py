"""Recordings: every frame in its time, whole or in segments, and never over an earlier one."""

import shutil
from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("av")

import av

from edge_srcnn.errors import CannotWrite, EdgeSrcnnError, OutputExists
from edge_srcnn.frame import Colour, Frame
from edge_srcnn.sinks import Result, Stream, open_sink
from tests.edge_srcnn.clips import decode, flat, planes, tags_of

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


def record(name, these, rate=Fraction(25), companion=None):
    sink = open_sink(str(name))
    sink.begin(Stream(rate, None, companion, lambda: None))
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


def test_without_a_frame_there_is_no_file(tmp_path):
    record(f"{tmp_path}/out.mp4", [])
    assert files(tmp_path) == []


def test_before_it_is_finished_it_has_a_hidden_name_under_which_it_can_be_played(tmp_path):
    sink = open_sink(f"{tmp_path}/out.mp4?{FAST}")
    sink.begin(Stream(Fraction(25), None, None, lambda: None))
    for result in results(200):
        sink.write(result)
    (partial,) = tmp_path.iterdir()
    assert partial.name.startswith(".")
    assert ".part" in partial.name
    copy = shutil.copy(partial, tmp_path / "copy.mp4")
    # a fragment is at most 2 s; what is newer is on its way
    assert numbers(copy)[:100] == list(range(100))
    sink.close()
    assert files(tmp_path) == ["copy.mp4", "out.mp4"]
    assert numbers(tmp_path / "out.mp4") == [number % 100 for number in range(200)]


def test_a_file_that_came_up_meanwhile_is_not_replaced_and_nothing_is_lost(tmp_path):
    sink = open_sink(f"{tmp_path}/out.mp4?{FAST}")
    sink.begin(Stream(Fraction(25), None, None, lambda: None))
    for result in results(10):
        sink.write(result)
    (tmp_path / "out.mp4").write_text("mine")
    with pytest.raises(OutputExists, match="the video is in"):
        sink.close()
    assert (tmp_path / "out.mp4").read_text() == "mine"
    (other,) = (path for path in tmp_path.iterdir() if path.name != "out.mp4")
    assert numbers(other) == list(range(10))


def test_a_file_is_replaced_where_it_is_asked_for(tmp_path):
    (tmp_path / "out.mp4").write_text("old")
    record(f"{tmp_path}/out.mp4?{FAST}&overwrite=yes", results(4))
    assert files(tmp_path) == ["out.mp4"]
    assert len(decode(tmp_path / "out.mp4")) == 4


def test_what_a_run_that_was_killed_left_behind_is_not_destroyed_by_the_next_one(tmp_path):
    # a power cut leaves the recording under its hidden name; the service starts again by itself
    for name in (f"{tmp_path}/out.mp4?{FAST}", f"{tmp_path}/part.mp4?{FAST}&segment=1"):
        sink = open_sink(name)
        sink.begin(Stream(Fraction(25), None, None, lambda: None))
        for result in results(20):
            sink.write(result)
        (partial,) = (path for path in tmp_path.iterdir() if path.name.startswith("."))
        content = b"a recording that was cut off"
        sink.close()
        for path in tmp_path.iterdir():
            path.unlink()
        partial.write_bytes(content)
        try:
            record(name, results(20))
        except EdgeSrcnnError as error:
            assert "\n" not in str(error)
        kept = [path for path in tmp_path.iterdir() if path.read_bytes() == content]
        assert len(kept) == 1
        for path in tmp_path.iterdir():
            path.unlink()


# ---- segments


def test_segments_are_numbered_and_lose_no_frame(tmp_path):
    record(f"{tmp_path}/out.mp4?{FAST}&segment=1", results(90))
    assert files(tmp_path) == ["out-00001.mp4", "out-00002.mp4", "out-00003.mp4", "out-00004.mp4"]
    found = [numbers(tmp_path / name) for name in files(tmp_path)]
    # 25 frames a second
    assert found == [list(range(25)), list(range(25, 50)), list(range(50, 75)), list(range(75, 90))]
    with av.open(str(tmp_path / "out-00002.mp4")) as container:
        assert container.duration / 1e6 == pytest.approx(1, abs=0.04)


def test_each_segment_can_be_played_by_itself_from_its_begin(tmp_path):
    record(f"{tmp_path}/out.mkv?{FAST}&segment=0.4", results(30))
    for name in files(tmp_path):
        first = decode(tmp_path / name)[0]
        assert first.time == pytest.approx(0, abs=0.1)


def test_the_oldest_segments_make_room_and_the_numbers_go_on(tmp_path):
    sink = open_sink(f"{tmp_path}/out.mp4?{FAST}&segment=1&keep=2")
    sink.begin(Stream(Fraction(25), None, None, lambda: None))
    for result in results(125):
        sink.write(result)
        assert len([name for name in files(tmp_path) if not name.startswith(".")]) <= 2
    sink.close()
    left = files(tmp_path)
    assert len(left) == 2
    # sorted by name they are sorted by time
    assert [numbers(tmp_path / name)[0] for name in left] == [75, 100 % 100]
    assert left == ["out-00004.mp4", "out-00005.mp4"]


def test_segments_of_earlier_runs_are_not_replaced(tmp_path):
    record(f"{tmp_path}/out.mp4?{FAST}&segment=1", results(50))
    first = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    assert len(first) == 2
    record(f"{tmp_path}/out.mp4?{FAST}&segment=1&overwrite=yes", results(25))
    assert {name: (tmp_path / name).read_bytes() for name in first} == first
    assert files(tmp_path) == [*first, "out-00003.mp4"]


def test_segments_of_earlier_runs_make_room_other_files_do_not(tmp_path):
    # a service starts anew every day: its disk must not fill up
    record(f"{tmp_path}/out.mp4?{FAST}&segment=1", results(75))
    for name in ("out.mp4", "holiday-00001.mp4", "out-1.mp4"):
        (tmp_path / name).write_text("mine")
    record(f"{tmp_path}/out.mp4?{FAST}&segment=1&keep=2", results(25))
    assert files(tmp_path) == ["holiday-00001.mp4", "out-00003.mp4", "out-00004.mp4", "out-1.mp4", "out.mp4"]


def test_a_budget_in_megabytes_counts_earlier_runs(tmp_path):
    record(f"{tmp_path}/out.mkv?{FAST}&segment=2", noise(200))
    sizes = [(tmp_path / name).stat().st_size for name in files(tmp_path)]
    assert sum(sizes[2:]) < 900_000 < 1_000_000 < sum(sizes[1:])
    record(f"{tmp_path}/out.mkv?{FAST}&segment=2&keep_mb=1", results(5))
    assert files(tmp_path) == ["out-00003.mkv", "out-00004.mkv", "out-00005.mkv"]


def test_segments_in_megabytes(tmp_path):
    record(f"{tmp_path}/out.mkv?{FAST}&segment_mb=1", noise(240))
    sizes = [path.stat().st_size for path in sorted(tmp_path.iterdir())]
    total = sum(sizes)
    assert len(sizes) == 2
    # what was written is known every 2 s, and the encoder holds back some: up to 60 frames more than a megabyte
    assert 1_000_000 <= sizes[0] <= 1_000_000 + 60 * total / 240
    assert sum(len(decode(path)) for path in tmp_path.iterdir()) == 240


# ---- what goes wrong


def test_a_change_of_size_is_one_line_and_what_came_before_is_kept(tmp_path):
    sink = open_sink(f"{tmp_path}/out.mp4?{FAST}")
    sink.begin(Stream(Fraction(25), None, None, lambda: None))
    for result in results(5):
        sink.write(result)
    with pytest.raises(CannotWrite, match="size changed"):
        for result in results(1, flat((90, 100, 110), 96, 64)):
            sink.write(result)
    sink.close()
    assert numbers(tmp_path / "out.mp4") == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_full_disk_is_one_line(small_disk, suffix):
    sink = open_sink(f"{small_disk}/out.{suffix}?{FAST}")
    sink.begin(Stream(Fraction(25), None, None, lambda: None))
    with pytest.raises(CannotWrite, match="No space left") as raised:
        for result in noise(100):
            sink.write(result)
        sink.close()
    assert "\n" not in str(raised.value)
    try:
        sink.close()
    except CannotWrite as error:
        assert "\n" not in str(error)


def test_segments_make_room_on_a_small_disk(small_disk):
    # 64 KiB; three segments of flat frames at a time are far less
    record(f"{small_disk}/out.mkv?{FAST}&segment=0.4&keep=2", results(200))
    assert len(files(small_disk)) == 2


@pytest.mark.parametrize("name", ["file/out.mp4", "out.mp4?preset=warp"])
def test_what_cannot_be_begun_is_one_line(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(EdgeSrcnnError) as raised:
        record(f"{tmp_path}/{name}", results(3))
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code in (2, 73)
