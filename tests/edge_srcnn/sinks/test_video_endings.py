"""How a recording ends: under its name and whole, or with one line that says why not; never over another file."""

import shutil
from fractions import Fraction

import pytest

pytest.importorskip("av")


from edge_srcnn.errors import CannotWrite, EdgeSrcnnError, OutputExists
from edge_srcnn.sinks import Stream, open_sink
from tests.edge_srcnn.clips import decode, flat
from tests.edge_srcnn.sinks.recordings import FAST, files, noise, numbers, record, results


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


def test_what_a_run_that_was_killed_wrote_is_not_destroyed_by_the_next_one(tmp_path):
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


def test_after_a_change_of_size_another_file_goes_on(tmp_path):
    sink = open_sink(f"{tmp_path}/out.mp4?{FAST}")
    sink.begin(Stream(Fraction(25), None, None, lambda: None))
    for result in results(5):
        sink.write(result)
    for result in results(3, flat((90, 100, 110), 96, 64)):
        sink.write(result)
    sink.close()
    assert numbers(tmp_path / "out.mp4") == [0, 1, 2, 3, 4]
    assert len(numbers(tmp_path / "out-2.mp4")) == 3


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


def test_what_cannot_be_begun_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match=r"out\.mp4: cannot be written") as raised:
        record(f"{tmp_path}/file/out.mp4", results(3))
    assert "\n" not in str(raised.value)
