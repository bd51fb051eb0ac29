"""A long video on one machine: what must not be cut is not, and one that was interrupted goes on where it was."""

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av")

from edge_srcnn.batch.jobs import Job
from edge_srcnn.batch.kept_parts import kept_parts, remove_kept_parts
from edge_srcnn.batch.segments import memory_of, plan_segments
from edge_srcnn.batch.work import run_jobs
from edge_srcnn.engine.strength import Strength
from edge_srcnn.errors import BadData, CannotWrite
from edge_srcnn.imaging.temporal import TemporalStrength
from edge_srcnn.sinks.images import Encoding
from tests.edge_srcnn.batch.segment_clips import PICTURES, X264
from tests.edge_srcnn.clips import LOSSLESS, decode, encode
from tests.edge_srcnn.ffmpeg_videos import FFMPEG, make
from tests.edge_srcnn.videos import check_same, soft

GROUPS = {"preset": "ultrafast", "qp": "0", "g": "10"}
needs_ffmpeg = pytest.mark.skipif(FFMPEG is None, reason="ffmpeg is not installed")
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def long(tmp_path):
    """A video of four seconds with a key frame every 0.4 s."""
    return encode(tmp_path / "in.mp4", soft(100), options=GROUPS, audio_s=4)


def run(source, target, upscaler, **options):
    (outcome,) = run_jobs([Job(source, target)], upscaler, Encoding(), **({"overwrite": False} | options))
    return outcome


def hidden(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


# --- what is one segment ---


def test_a_video_is_cut_at_key_frames_and_the_last_segment_is_no_short_one(tmp_path, long):
    plan = plan_segments(Job(long, tmp_path / "out.mp4"), memory=None, every_s=1)
    # key frames stand at 0, 0.4, 0.8, ...; from 2.4 s on less than two seconds are left, and from 3.6 s less than one
    assert [segment.frames for segment in plan.segments] == [30, 30, 40]
    assert plan.frames == 100
    assert plan == plan_segments(Job(long, tmp_path / "other.mkv"), memory=None, every_s=1)


@pytest.mark.parametrize(
    ("every_s", "suffix", "why"),
    [
        (20, ".mp4", "it is shorter than 40 s"),
        (1.97, ".mp4", "no key frame stands 1.97 s from both of its ends"),
        (1, ".avi", "a result of .avi holds no times"),
    ],
)
def test_why_a_video_is_one_segment(tmp_path, long, every_s, suffix, why):
    plan = plan_segments(Job(long, tmp_path / f"out{suffix}"), memory=None, every_s=every_s)
    assert (len(plan.segments), plan.whole_because) == (1, why)


def test_a_video_with_one_key_frame_is_one_segment(tmp_path):
    source = encode(tmp_path / "in.mp4", soft(100), options=LOSSLESS | {"g": "1000"})
    plan = plan_segments(Job(source, tmp_path / "out.mp4"), memory=None, every_s=1)
    assert plan.is_whole


def test_a_frame_that_leans_on_others_is_no_border(tmp_path):
    """Frames of an intra refresh are marked as places to begin at, and cannot be decoded by themselves."""
    options = {"preset": "veryfast", "x264-params": "intra-refresh=1:keyint=10:bframes=0"}
    scene = np.random.default_rng(0).integers(0, 256, (200, 300), dtype=np.uint8)
    grey = np.full((24, 32), 128, np.uint8)
    pictures = [(scene[n : n + 48, 2 * n : 2 * n + 64].copy(), grey, grey) for n in range(100)]
    source = encode(tmp_path / "in.ts", pictures, options=options)
    plan = plan_segments(Job(source, tmp_path / "out.mp4"), memory=None, every_s=1)
    assert (plan.is_whole, plan.whole_because) == (True, "its key frames cannot be decoded by themselves")


def test_what_remembers_frames_is_not_cut(upscalers):
    enlarging, cleaning = upscalers(2).spec, upscalers(1).spec
    assert memory_of(Strength(None), enlarging, None) is None
    assert memory_of(Strength(0.5), cleaning, None) is None
    assert memory_of(Strength("auto"), None, None) is None, "bicubic alone has no strength"
    assert "--strength auto" in str(memory_of(Strength("auto"), enlarging, None))
    assert "--strength auto" in str(memory_of(Strength(None), cleaning, None)), "the default at scale 1"
    assert "--temporal" in str(memory_of(Strength(None), enlarging, TemporalStrength.NORMAL))


@needs_ffmpeg
def test_fields_make_a_video_one_segment(tmp_path):
    fields = [*X264, "-g", "10", "-x264-params", "tff=1", "-flags", "+ildct+ilme"]
    source = make(tmp_path / "in.mkv", *PICTURES, *fields)
    plan = plan_segments(Job(source, tmp_path / "out.mkv"), memory=None, every_s=1)
    assert plan.is_whole
    assert "fields" in str(plan.whole_because)


@pytest.mark.slow
@needs_ffmpeg
def test_a_size_that_changes_amid_a_segment_lets_the_video_be_done_as_a_whole(tmp_path, bicubic, caplog):
    parts = [
        make(tmp_path / f"{number}.h264", *PICTURES, "-vf", f"scale={size}", *X264, "-g", "10", "-bf", "0")
        for number, size in enumerate(["64:48", "96:64"])
    ]
    (tmp_path / "both.h264").write_bytes(b"".join(part.read_bytes() for part in parts))
    source = make(tmp_path / "in.mkv", "-r", "25", "-f", "h264", "-i", "both.h264", "-c", "copy")
    assert not plan_segments(Job(source, tmp_path / "out.mp4"), memory=None, every_s=1).is_whole
    assert run(source, tmp_path / "out.mp4", bicubic, segment_s=1).error is None
    assert "it is upscaled as a whole" in caplog.text
    for name, size in (("out.mp4", (128, 96)), ("out-2.mp4", (192, 128))):
        assert {(frame.width, frame.height) for frame in decode(tmp_path / name)} == {size}
    assert not hidden(tmp_path)


# --- progress, interruptions, disks ---


def test_progress_goes_on_from_segment_to_segment(tmp_path, long, bicubic):
    told = []
    run(long, tmp_path / "out.mp4", bicubic, segment_s=1, progress=lambda job, done, total: told.append((done, total)))
    assert told == [(done, 100) for done in range(1, 101)]
    check_same(long, tmp_path / "out.mp4")


SLOWLY = """
import sys
from pathlib import Path
from time import sleep
from edge_srcnn.batch.jobs import Job
from edge_srcnn.batch.work import run_jobs
from edge_srcnn.sinks.images import Encoding
from edge_srcnn.upscaler import load_model

def tell(job, done, total):
    print(done, flush=True)
    sleep(0.03)

job = Job(Path(sys.argv[1]), Path(sys.argv[2]))
with load_model(engine="bicubic") as upscaler:
    list(run_jobs([job], upscaler, Encoding(), overwrite=False, segment_s=1, progress=tell))
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_video_that_was_interrupted_goes_on_at_its_segment(tmp_path, long, bicubic, caplog, number):
    target = tmp_path / "out.mp4"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SLOWLY, str(long), str(target)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == 45:
                process.send_signal(number)
                break
        _, said = process.communicate(timeout=60)
    assert process.returncode != 0
    assert hidden(tmp_path) == [".out.mp4.parts"]
    assert not target.exists()
    if number == signal.SIGINT:
        assert "parts that are done (1) are kept" in said
    with caplog.at_level(logging.INFO):
        told = []
        outcome = run(long, target, bicubic, segment_s=1, progress=lambda job, done, total: told.append(done))
    assert outcome.error is None
    assert told[0] == 30, "the first segment is there"
    assert "segment 0 is there already" in caplog.text
    assert run(long, tmp_path / "again.mp4", bicubic, segment_s=1).error is None
    assert target.read_bytes() == (tmp_path / "again.mp4").read_bytes()
    assert not hidden(tmp_path)


@pytest.mark.slow
def test_parts_of_another_strength_are_not_taken(tmp_path, long, upscalers):
    upscaler = upscalers(2)
    target = tmp_path / "out.mp4"

    def stop(job, done, total):
        if done > 35:
            raise KeyboardInterrupt

    upscaler.strength = 1.0
    with pytest.raises(KeyboardInterrupt):
        run(long, target, upscaler, segment_s=1, progress=stop)
    assert hidden(tmp_path)
    upscaler.strength = 0.5
    assert run(long, target, upscaler, segment_s=1).error is None
    assert run(long, tmp_path / "other.mp4", upscaler, segment_s=1).error is None
    upscaler.strength = 1.0
    assert target.read_bytes() == (tmp_path / "other.mp4").read_bytes()
    assert not hidden(tmp_path)


@pytest.mark.parametrize(("error", "stays"), [(BadData, False), (CannotWrite, True), (KeyboardInterrupt, True)])
def test_parts_stay_where_they_are_of_use(tmp_path, error, stays):
    with pytest.raises(error), kept_parts(tmp_path / "out.mp4") as folder:
        (folder / "00000.nut").write_bytes(b"a part")
        raise error("it failed")
    assert (folder / "00000.nut").exists() == stays
    with kept_parts(tmp_path / "out.mp4") as again:
        assert again == folder
        assert (folder / "00000.nut").exists() == stays
    assert not folder.exists()


def test_an_interrupted_run_without_a_part_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), kept_parts(tmp_path / "out.mp4"):
        raise KeyboardInterrupt
    assert not hidden(tmp_path)


def test_two_runs_have_a_folder_each(tmp_path):
    with kept_parts(tmp_path / "out.mp4") as one, kept_parts(tmp_path / "out.mp4") as other:
        assert one != other
        remove_kept_parts(tmp_path / "out.mp4")
        assert one.is_dir()
        assert other.is_dir()
    assert not hidden(tmp_path)


def test_a_full_disk_keeps_what_is_done(tmp_path, small_disk, bicubic):
    rng = np.random.default_rng(0)
    noise = [
        tuple(rng.integers(0, 256, shape, dtype=np.uint8) for shape in ((48, 64), (24, 32), (24, 32)))
        for _ in range(100)
    ]
    source = encode(tmp_path / "in.mp4", noise, options=GROUPS)
    error = run(source, small_disk / "out.mp4", bicubic, segment_s=1).error
    assert isinstance(error, CannotWrite)
    assert "No space left" in str(error)
    assert not (small_disk / "out.mp4").exists()
    assert set(hidden(small_disk)) <= {".out.mp4.parts"}
