"""Which encoder makes a recording, and that the file tells players all they need."""

import os
import shutil
from fractions import Fraction

import pytest

pytest.importorskip("av")

from edge_srcnn.errors import CannotWrite, Unavailable, UsageError
from edge_srcnn.sinks import open_sink
from edge_srcnn.sinks.video_file import VideoFile, bit_rate
from tests.edge_srcnn.sinks.recordings import files, numbers, record, results

needs_no_hardware = pytest.mark.skipif(os.path.exists("/dev/video11"), reason="there may be an encoder")


def test_a_machine_with_many_cameras_is_not_taken_for_a_pi(tmp_path, monkeypatch):
    exists = os.path.exists
    monkeypatch.setattr(os.path, "exists", lambda path: path == "/dev/video11" or exists(path))
    record(f"{tmp_path}/out.mp4", results(5))
    assert b"x264" in (tmp_path / "out.mp4").read_bytes()


@needs_no_hardware
@pytest.mark.parametrize("suffix", ["mp4", "avi"])
def test_an_encoder_that_is_missing_is_one_line(tmp_path, suffix):
    with pytest.raises((CannotWrite, Unavailable)) as raised:
        record(f"{tmp_path}/out.{suffix}?codec=h264-hw", results(3))
    assert "\n" not in str(raised.value)
    assert files(tmp_path) == []


def test_the_hardware_encoder_does_not_go_into_matroska(tmp_path):
    with pytest.raises(UsageError, match=r"too late for \.mkv"):
        open_sink(f"{tmp_path}/out.mkv?codec=h264-hw")


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_an_encoder_that_describes_its_stream_with_the_first_packet_gives_a_file_that_plays(tmp_path, suffix, durable):
    # as the encoder of a Raspberry Pi does
    options = {"preset": "ultrafast", "crf": "1", "flags": "-global_header"}
    file = VideoFile(tmp_path / f"out.{suffix}", "libx264", options, Fraction(25), None, durable=durable)
    for result in results(90):
        file.write(result.frame)
    if durable:
        copy = shutil.copy(file.partial, tmp_path / f"copy.{suffix}")
        assert numbers(copy)[:25] == list(range(25))
    file.finish(overwrite=False)
    assert numbers(tmp_path / f"out.{suffix}") == list(range(90))


@pytest.mark.parametrize(
    ("size", "rate", "bits"),
    [((1920, 1080), 25, 5_184_000), ((1280, 960), 30, 3_686_400), ((640, 480), 5, 1_000_000)],
)
def test_the_hardware_encoder_gets_a_tenth_of_a_bit_a_pixel_and_a_megabit_at_least(size, rate, bits):
    assert bit_rate("h264_v4l2m2m", *size, Fraction(rate)) == bits
    assert bit_rate("libx264", *size, Fraction(rate)) is None
