"""After a kill or a power cut the next run finds the recording, gives it a name, and replaces nothing."""

import subprocess
import sys
from time import monotonic, sleep

import pytest

pytest.importorskip("av")

from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.sinks import open_sink
from edge_srcnn.sinks.recovery import recover_recordings
from edge_srcnn.sources import open_source
from edge_srcnn.upscaler import load_model
from tests.edge_srcnn.clips import decode

pytestmark = pytest.mark.slow

CONTENT = b"a recording that nobody can play"


def recorder(sink):
    """A process that records at full speed until it is killed."""
    source = "test:size=64x48,fps=100"
    command = [sys.executable, "-m", "edge_srcnn", "run", "-i", source, "-o", str(sink), "-e", "bicubic"]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def hidden(folder):
    return [path for path in folder.iterdir() if path.name.startswith(".")] if folder.exists() else []


def kill_when_long_enough(process, folder, bytes):
    end = monotonic() + 60
    while not any(path.stat().st_size > bytes for path in hidden(folder)):
        assert monotonic() < end and process.poll() is None
        sleep(0.05)
    process.kill()
    process.wait()


def record(sink, frames=10):
    with load_model(engine="bicubic") as upscaler:
        Pipeline(open_source(f"test:size=64x48,fps=100,frames={frames}"), upscaler, [open_sink(sink)]).run()


def visible(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_what_was_recorded_until_a_kill_gets_a_name(tmp_path, suffix):
    process = recorder(tmp_path / f"out.{suffix}")
    kill_when_long_enough(process, tmp_path, 40_000)
    record(f"{tmp_path}/out.{suffix}")
    assert hidden(tmp_path) == []
    assert visible(tmp_path) == [f"out-recovered-1.{suffix}", f"out.{suffix}"]
    assert len(decode(tmp_path / f"out-recovered-1.{suffix}")) >= 20
    assert 1 <= len(decode(tmp_path / f"out.{suffix}")) <= 10


def test_a_segment_that_was_cut_off_keeps_its_number(tmp_path):
    process = recorder(f"{tmp_path}/out.mkv?segment=1000")
    kill_when_long_enough(process, tmp_path, 20_000)
    record(f"{tmp_path}/out.mkv?segment=1000")
    assert hidden(tmp_path) == []
    assert visible(tmp_path) == ["out-00001.mkv", "out-00002.mkv"]
    assert 1 <= len(decode(tmp_path / "out-00002.mkv")) <= 10


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_a_kill_before_the_first_picture_leaves_nothing_for_ever(tmp_path, suffix):
    process = recorder(f"{tmp_path}/out.{suffix}?segment=1000")
    kill_when_long_enough(process, tmp_path, -1)
    assert len(hidden(tmp_path)) == 1
    record(f"{tmp_path}/out.{suffix}?segment=1000")
    assert hidden(tmp_path) == []
    assert visible(tmp_path)[-1] in (f"out-00001.{suffix}", f"out-00002.{suffix}")
    assert all(decode(path) for path in tmp_path.iterdir())


def test_a_recording_that_goes_on_is_left_alone(tmp_path):
    process = recorder(tmp_path / "out.mkv")
    try:
        end = monotonic() + 60
        while not any(path.stat().st_size > 10_000 for path in hidden(tmp_path)) and monotonic() < end:
            sleep(0.05)
        assert recover_recordings(tmp_path / "out.mkv") == []
        assert len(hidden(tmp_path)) == 1
    finally:
        process.terminate()
        process.wait()
    assert visible(tmp_path) == ["out.mkv"]


def test_what_cannot_be_played_and_what_is_not_ours_stays(tmp_path):
    names = [".out.part.mkv", ".other.part.mkv", ".out.part.mp4", ".out.mkv"]
    for name in names:
        (tmp_path / name).write_bytes(CONTENT)
    assert recover_recordings(tmp_path / "out.mkv") == []
    record(f"{tmp_path}/out.mkv")
    assert all((tmp_path / name).read_bytes() == CONTENT for name in names)


def test_a_folder_that_is_not_there_has_nothing_to_recover(tmp_path):
    assert recover_recordings(tmp_path / "later" / "out.mkv") == []
