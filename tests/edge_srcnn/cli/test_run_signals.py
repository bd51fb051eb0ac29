"""``edge-srcnn run`` and signals: it ends soon with files finished, and what a kill leaves can be played."""

import json
import os
import signal
from contextlib import suppress
from time import monotonic, sleep

import numpy as np
import pytest

pytest.importorskip("av")

import av

from tests.edge_srcnn.cli.recordings import CARD, END_S, FAST, QUICK, files, grown, partial, wait_for
from tests.edge_srcnn.clips import decode, flat

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("source", [f"{CARD},fps=20", f"{CARD},fps=max"], ids=["camera", "file"])
def test_a_signal_ends_it_soon_with_files_finished(start, tmp_path, number, source):
    process = start(
        *("run", "--source", source, "--sink", QUICK, "--sink", "part.mkv?segment=1&preset=ultrafast", "--json", *FAST)
    )
    wait_for(lambda: partial(tmp_path) is not None, process)
    sleep(0.5)
    began = monotonic()
    process.send_signal(number)
    data, error = process.communicate(timeout=60)
    assert monotonic() - began < END_S
    assert (process.returncode, error) == (0, b"")
    state = json.loads(data)
    assert len(decode(tmp_path / "out.mp4")) == state["sinks"][0]["written"] > 0
    segments = sorted(tmp_path.glob("part-*.mkv"))
    assert sum(len(decode(path)) for path in segments) == state["sinks"][1]["written"]
    assert partial(tmp_path) is None


def test_two_signals_are_as_good_as_one(start, tmp_path):
    process = start("run", "--source", f"{CARD},fps=20", "--sink", QUICK, *FAST)
    wait_for(lambda: partial(tmp_path) is not None, process)
    for _ in range(3):
        process.send_signal(signal.SIGINT)
    assert process.wait(END_S + 10) == 0
    assert len(decode(tmp_path / "out.mp4")) > 0


def test_a_signal_ends_it_while_it_waits_for_a_pipe(start, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    process = start("run", "--source", "y4m:pipe?timeout=100", "--sink", QUICK, *FAST)
    with open(tmp_path / "pipe", "wb", buffering=0) as writer:
        planes_of_frame = b"".join(plane.tobytes() for plane in flat((90, 100, 110), 48, 64))
        writer.write(b"YUV4MPEG2 W64 H48 F25:1 Ip A1:1 C420jpeg\n" + (b"FRAME\n" + planes_of_frame) * 30)
        wait_for(lambda: partial(tmp_path) is not None, process)
        began = monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert monotonic() - began < END_S
    assert 1 <= len(decode(tmp_path / "out.mp4")) <= 30


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_what_was_recorded_until_it_was_killed_can_be_played(start, tmp_path, suffix):
    process = start("run", "--source", "test:size=160x120,fps=max", "--sink", f"out.{suffix}?preset=ultrafast", *FAST)
    wait_for(lambda: grown(tmp_path, 300_000), process)
    process.kill()
    process.wait(30)
    left = partial(tmp_path)
    assert left is not None
    assert files(tmp_path) == {left.name}
    frames = []
    with av.open(str(left)) as container, suppress(av.FFmpegError):  # its end may be cut off within a frame
        for frame in container.decode(video=0):
            frames.append(frame)
    assert len(frames) >= 15
    times = [frame.time for frame in frames]
    assert np.diff(times) == pytest.approx(1 / 15, abs=2e-3)  # none is missing in between
    assert {(frame.width, frame.height) for frame in frames} == {(320, 240)}


def test_what_was_killed_does_not_keep_the_next_one_from_recording(start, run_cli, tmp_path):
    process = start("run", "--source", "test:size=160x120,fps=max", "--sink", QUICK, *FAST)
    wait_for(lambda: grown(tmp_path, 100_000), process)
    process.kill()
    process.wait(30)
    done = run_cli("run", "--source", f"{CARD},fps=max,frames=20", "--sink", QUICK, *FAST)
    assert done.returncode == 0, done.stderr
    assert len(decode(tmp_path / "out.mp4")) == 20
