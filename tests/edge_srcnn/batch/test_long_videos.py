"""A long video on one machine: what must not be cut is not, and one that was interrupted goes on where it was."""

import fcntl
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

pytest.importorskip("av")

from edge_srcnn.batch.jobs import Job
from edge_srcnn.batch.kept_parts import kept_parts
from edge_srcnn.batch.segments import memory_of, plan_segments
from edge_srcnn.batch.work import run_jobs
from edge_srcnn.engine.strength import Strength
from edge_srcnn.errors import BadData, CannotWrite
from edge_srcnn.imaging.temporal import TemporalStrength
from edge_srcnn.sinks.images import Encoding
from tests.edge_srcnn.clips import LOSSLESS, decode, encode
from tests.edge_srcnn.videos import check_same, soft

GROUPS = {"preset": "ultrafast", "qp": "0", "g": "10"}
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
        (1.9, ".mp4", "no key frame stands 1.9 s from both of its ends"),
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


def test_a_key_frame_without_sound_reason_is_no_border(tmp_path):
    """Frames of an intra refresh are marked as places to begin at, and cannot be decoded by themselves."""
    options = {"preset": "veryfast", "x264-params": "intra-refresh=1:keyint=10:bframes=0"}
    source = encode(tmp_path / "in.ts", soft(100), options=options)
    assert plan_segments(Job(source, tmp_path / "out.mp4"), memory=None, every_s=1).is_whole


def test_what_remembers_frames_is_not_cut(upscalers):
    enlarging, cleaning = upscalers(2).spec, upscalers(1).spec
    assert memory_of(Strength(None), enlarging, None) is None
    assert memory_of(Strength(0.5), cleaning, None) is None
    assert memory_of(Strength("auto"), None, None) is None, "bicubic alone has no strength"
    assert "--strength auto" in str(memory_of(Strength("auto"), enlarging, None))
    assert "--strength auto" in str(memory_of(Strength(None), cleaning, None)), "the default at scale 1"
    assert "--temporal" in str(memory_of(Strength(None), enlarging, TemporalStrength.NORMAL))


def test_fields_amid_a_video_make_it_one_segment(tmp_path, bicubic, caplog):
    """The frames at the borders are whole, one between them is of fields."""
    fields = {"preset": "ultrafast", "qp": "0", "g": "1000", "x264-params": "interlaced=1"}
    parts = [
        encode(tmp_path / f"{number}.ts", soft(40), options=options)
        for number, options in enumerate([GROUPS, fields])
    ]
    whole = encode(tmp_path / "in.mkv", soft(100), options=GROUPS)
    assert parts
    assert whole
