"""Videos in, larger videos out: every frame of any size, in its time, with the sound as it was."""

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av")

import av

from edge_srcnn.batch.jobs import Job
from edge_srcnn.batch.work import run_jobs
from edge_srcnn.sinks.images import Encoding
from edge_srcnn.upscaler import load_model
from tests.edge_srcnn.clips import decode, encode, excerpt, packets, planes
from tests.edge_srcnn.videos import check_pictures, check_same, soft

DATA = os.environ.get("EDGE_SRCNN_DATA")


# ---- real videos


CLIPS = {
    "bigbuckbunny.mp4": (0.24, ".mp4"),
    "imageio_cockatoo.mp4": (0.25, ".mp4"),
    "intel_car-detection.mp4": (1.0, ".mp4"),
    "bird.mkv": (0.5, ".mkv"),
    "night.mkv": (0.5, ".mkv"),
}


@pytest.mark.slow
@pytest.mark.skipif(DATA is None, reason="EDGE_SRCNN_DATA is not set")
@pytest.mark.parametrize("name", CLIPS)
def test_a_real_video_keeps_frames_times_colours_and_sound(tmp_path, upscale, name):
    path = Path(DATA or "") / "video" / name
    if not path.exists():
        pytest.skip(f"{path} is missing")
    seconds, suffix = CLIPS[name]
    source = excerpt(path, tmp_path / f"in{suffix}", seconds)
    assert len(decode(source)) >= 5
    assert bool(packets(source, "audio")) == (suffix == ".mp4")
    outcome = upscale(source, tmp_path / f"out{suffix}")
    assert outcome.error is None
    with av.open(str(source)) as container:
        size = container.streams.video[0].width, container.streams.video[0].height
    assert (outcome.size, outcome.new_size) == (size, (size[0] * 2, size[1] * 2))
    check_same(source, tmp_path / f"out{suffix}")
    check_pictures(source, tmp_path / f"out{suffix}", 3.0)


@pytest.mark.slow
@pytest.mark.skipif(DATA is None, reason="EDGE_SRCNN_DATA is not set")
def test_a_real_video_of_mpeg4_in_avi(tmp_path, upscale):
    path = Path(DATA or "") / "video" / "bgslibrary_video.avi"
    if not path.exists():
        pytest.skip(f"{path} is missing")
    source = excerpt(path, tmp_path / "in.avi", 1)
    assert upscale(source, tmp_path / "out.mp4").error is None
    assert upscale(source, tmp_path / "out.avi").error is None
    for name in ("out.mp4", "out.avi"):
        check_same(source, tmp_path / name)
        with av.open(str(tmp_path / name)) as container:
            assert float(container.streams.video[0].average_rate) == pytest.approx(30, rel=0.02)


# ---- videos of our own


@pytest.mark.slow
@pytest.mark.parametrize(
    ("format", "down", "across"), [("yuv420p", 2, 2), ("yuv422p", 1, 2), ("yuv444p", 1, 1), ("yuvj420p", 2, 2)]
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_a_video_with_sound(tmp_path, upscale, format, down, across, suffix):
    tags = (2 if "j" in format else 1, 6, 6, 6)
    source = encode(
        tmp_path / f"in{suffix}",
        soft(20, down=down, across=across),
        format=format,
        tags=tags,
        rate=Fraction(30000, 1001),
        audio_s=20 * 1001 / 30000,
    )
    assert len(packets(source, "audio")) > 20
    outcome = upscale(source, tmp_path / f"out{suffix}")
    assert outcome.error is None
    check_same(source, tmp_path / f"out{suffix}")
    check_pictures(source, tmp_path / f"out{suffix}", 1.0)


@pytest.mark.parametrize("size", [(47, 63), (33, 64), (48, 33)])
def test_odd_sizes_are_doubled_without_a_pixel_less(tmp_path, upscale, size):
    source = encode(tmp_path / "in.mkv", soft(3, *size), codec="ffv1", options={})
    outcome = upscale(source, tmp_path / "out.mp4")
    assert (outcome.error, outcome.new_size) == (None, (size[1] * 2, size[0] * 2))
    check_same(source, tmp_path / "out.mp4")
    check_pictures(source, tmp_path / "out.mp4", 1.0)


def test_frames_of_different_lengths_keep_their_times(tmp_path, upscale):
    times = [0, 1, 2, 10, 11, 30]
    source = encode(tmp_path / "in.mkv", soft(6), times=times)
    assert upscale(source, tmp_path / "out.mkv").error is None
    found = [frame.time for frame in decode(tmp_path / "out.mkv")]
    assert np.subtract(found, found[0]) == pytest.approx(np.array(times) / 25, abs=2e-3)


def test_frames_stored_out_of_order_come_in_order(tmp_path, upscale):
    source = encode(tmp_path / "in.mp4", soft(30), options={"preset": "fast", "bf": "3", "crf": "10"}, audio_s=1.2)
    assert upscale(source, tmp_path / "out.mp4").error is None
    check_same(source, tmp_path / "out.mp4")
    check_pictures(source, tmp_path / "out.mp4", 1.0)


def test_progress_is_told_of_every_frame(tmp_path, upscale):
    source, told = encode(tmp_path / "in.mp4", soft(7)), []
    upscale(source, tmp_path / "out.mp4", progress=lambda job, done, total: told.append((job.source, done, total)))
    assert told == [(source, done, 7) for done in range(1, 8)]


def test_with_a_network_luma_is_sharpened(tmp_path, upscalers):
    source = encode(tmp_path / "in.mp4", soft(2, 32, 48), tags=(1, 1, 1, 1))
    upscaler = upscalers(2)
    (outcome,) = run_jobs([Job(source, tmp_path / "out.mp4")], upscaler, Encoding(), overwrite=False)
    assert outcome.error is None
    for old, new in zip(decode(source), decode(tmp_path / "out.mp4"), strict=True):
        expected = upscaler.upscale(planes(old)[0])
        assert np.abs(planes(new)[0].astype(float) - expected).mean() <= 1


@pytest.mark.parametrize("scale", [3, 4])
def test_other_factors(tmp_path, scale):
    source = encode(tmp_path / "in.mkv", soft(3, 31, 45), codec="ffv1", options={})
    with load_model(engine="bicubic", scale=scale) as upscaler:
        (outcome,) = run_jobs([Job(source, tmp_path / "out.mp4")], upscaler, Encoding(), overwrite=False)
    assert outcome.error is None
    frame = decode(tmp_path / "out.mp4")[0]
    # 4:2:0 has even sizes: 45 * 3 and 31 * 3 are odd
    assert (frame.width, frame.height) == (45 * scale // 2 * 2, 31 * scale // 2 * 2)
