"""``edge-srcnn run`` between other programs: YUV4MPEG2 on standard streams and in pipes."""

import json
import os
from time import monotonic

import numpy as np
import pytest

pytest.importorskip("av")

from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.sources import open_source
from tests.edge_srcnn.cli.recordings import CANNOT_WRITE, CARD, FAST, QUICK, UNAVAILABLE, files

pytestmark = pytest.mark.slow


def y4m_frames(data: bytes):
    """Header words, and the planes of each frame (4:2:0)."""
    header, _, rest = data.partition(b"\n")
    words = header.decode().split(" ")
    width, height = (int(next(w[1:] for w in words if w[0] == letter)) for letter in "WH")
    shapes = ((height, width), (-(-height // 2), -(-width // 2)), (-(-height // 2), -(-width // 2)))
    frames = []
    while rest:
        assert rest.startswith(b"FRAME\n")
        rest, own = rest[6:], []
        for shape in shapes:
            size = shape[0] * shape[1]
            own.append(np.frombuffer(rest[:size], np.uint8).reshape(shape))
            rest = rest[size:]
        frames.append(own)
    return words, frames


def test_standard_output_is_y4m_and_nothing_else(start):
    process = start("run", "--source", "test:size=63x47,fps=max,frames=12", "--sink", "y4m:-", *FAST)
    data, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    words, frames = y4m_frames(data)
    assert words[0] == "YUV4MPEG2"
    assert {"W126", "H94", "C420jpeg", "F15:1", "XCOLORRANGE=FULL"} <= set(words)
    expected = [frame.luma for frame in open_source("test:size=63x47,fps=max,frames=12")]
    assert len(frames) == 12
    for (luma, *_), source in zip(frames, expected, strict=True):
        assert (luma == upscale_bicubic(source, 2)).all()


@pytest.mark.parametrize("way", ["standard streams", "fifo"])
def test_two_of_them_in_a_row_lose_no_frame(start, tmp_path, way):
    source = f"{CARD},fps=max,frames=40"
    if way == "fifo":
        os.mkfifo(tmp_path / "pipe")
        second = start("run", "--source", "y4m:pipe?timeout=20", "--sink", "null:", "--json", *FAST)
        first = start("run", "--source", source, "--sink", "y4m:pipe", *FAST)
    else:
        first = start("run", "--source", source, "--sink", "y4m:-", *FAST)
        second = start(*("run", "--source", "y4m:-?timeout=20", "--sink", "null:", "--json", *FAST), stdin=first.stdout)
        first.stdout.close()  # so that the first one notices when the second one ends
        first.stdout = None
    data, error = second.communicate(timeout=60)
    assert second.returncode == 0, error
    assert first.wait(30) == 0
    state = json.loads(data)
    assert (state["frames_in"], state["frames_out"], state["dropped"]) == (40, 40, 0)
    assert (state["size_in"], state["size_out"]) == ([128, 96], [256, 192])


def test_a_reader_that_goes_away_is_one_line(start):
    process = start("run", "--source", f"{CARD},fps=max", "--sink", "y4m:-", *FAST)
    assert len(process.stdout.read(1000)) == 1000
    process.stdout.close()
    assert process.wait(30) == CANNOT_WRITE
    error = process.stderr.read().decode()
    assert "the program that reads it is gone" in error
    assert error.count("\n") == 1
    process.stdout = None


def test_a_fifo_that_nobody_writes_to_is_lost_in_time(run_cli, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    began = monotonic()
    done = run_cli("run", "--source", "y4m:pipe?timeout=0.5", "--sink", QUICK, *FAST)
    assert monotonic() - began < 15
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (UNAVAILABLE, "", 1)
    assert files(tmp_path) == set()


@pytest.mark.parametrize("kind", ["/dev/null", "an empty file", "a program that ended"])
def test_nothing_on_standard_input_is_one_line_at_once(run_cli, tmp_path, kind):
    (tmp_path / "empty").touch()
    with open("/dev/null" if kind == "/dev/null" else tmp_path / "empty") as file:
        given = file.fileno()
        if kind == "a program that ended":
            given, writer = os.pipe()
            os.close(writer)
        done = run_cli("run", "-i", "y4m:-?timeout=1000", "-o", "null:", *FAST, stdin=given, timeout=60)
        if given != file.fileno():
            os.close(given)
    expected = "edge-srcnn: y4m:-?timeout=1000: is empty: what writes to it ended without a picture\n"
    assert (done.returncode, done.stderr) == (UNAVAILABLE, expected)
