"""Recordings in segments: each plays by itself, no frame is lost between them, and the oldest make room."""

from fractions import Fraction

import pytest

pytest.importorskip("av")

import av

from edge_srcnn.sinks import Stream, open_sink
from tests.edge_srcnn.clips import decode
from tests.edge_srcnn.sinks.recordings import FAST, files, noise, numbers, record, results


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


def test_segments_make_room_on_a_small_disk(small_disk):
    # 64 KiB; three segments of flat frames at a time are far less
    record(f"{small_disk}/out.mkv?{FAST}&segment=0.4&keep=2", results(200))
    assert len(files(small_disk)) == 2
