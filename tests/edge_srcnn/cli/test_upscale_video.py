"""``edge-srcnn upscale`` of a video: told in one line, whole or not there at all."""

import signal
from time import monotonic

import pytest

pytest.importorskip("av")

from tests.edge_srcnn.cli.recordings import BAD_DATA, FAST, files, partial, wait_for
from tests.edge_srcnn.clips import encode, flat


@pytest.mark.slow
def test_upscale_tells_of_a_video_in_one_line(run_cli, tmp_path):
    encode(tmp_path / "in.mp4", [flat((90, 100, 110), 48, 64)] * 5)
    done = run_cli("upscale", "in.mp4", "-o", "out.mp4", *FAST)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("in.mp4 64x48 -> out.mp4 128x96")
    assert done.stdout.count("\n") == 1


@pytest.mark.slow
def test_upscale_of_a_video_that_was_cut_off_is_one_line_and_leaves_nothing_behind(run_cli, tmp_path):
    path = encode(tmp_path / "in.mp4", [flat((20 + n, 100, 110), 48, 64) for n in range(50)])
    path.write_bytes(path.read_bytes()[:-700])  # into the index, which is at the end
    done = run_cli("upscale", "in.mp4", "-o", "out.mp4", *FAST)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (BAD_DATA, "", 1), done.stderr
    assert files(tmp_path) == {"in.mp4"}


@pytest.mark.slow
def test_upscale_that_is_interrupted_leaves_nothing_behind(start, tmp_path):
    encode(tmp_path / "in.mp4", (flat((20 + n % 200, 100, 110), 240, 320) for n in range(1500)))
    process = start("upscale", "in.mp4", "-o", "out.mp4", *FAST)
    wait_for(lambda: partial(tmp_path) is not None, process)
    process.send_signal(signal.SIGINT)
    began = monotonic()
    _, error = process.communicate(timeout=60)
    assert monotonic() - began < 15
    assert process.returncode != 0
    assert b"Traceback" not in error
    assert files(tmp_path) == {"in.mp4"}
