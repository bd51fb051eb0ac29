"""Long videos in segments: whoever makes them, the result is the same file, and as good as one made in one go."""

import subprocess
from contextlib import closing
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("av")

from edge_srcnn.batch.jobs import Job
from edge_srcnn.batch.segments import join_segments, plan_segments
from edge_srcnn.batch.work import run_jobs
from edge_srcnn.sinks.images import Encoding
from edge_srcnn.sources.packet_scan import Segment
from edge_srcnn.sources.video_segment import SegmentVideo
from tests.edge_srcnn.batch.segment_clips import EVERY_S, KINDS, clip, make_elsewhere, target_suffix, workers
from tests.edge_srcnn.clips import decode, packets, planes
from tests.edge_srcnn.display_matrix import ORIENTATIONS, put_display_matrix
from tests.edge_srcnn.ffmpeg_videos import FFMPEG, FFPROBE, make, probe
from tests.edge_srcnn.videos import check_same

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(FFMPEG is None or FFPROBE is None, reason="ffmpeg and ffprobe are not installed"),
]


SEGMENTS = dict.fromkeys(KINDS, 3) | {"h264 of uneven times": 2}


@pytest.fixture(scope="module")
def pool():
    with workers() as found:
        yield found


@pytest.fixture
def upscaled(tmp_path, bicubic, pool):
    """Upscale a video both ways; gives the result of one machine, after it was compared with that of several."""

    def run(source, suffix, *, segments=3, partial=False):
        alone, joined = (Job(source, tmp_path / f"{name}{suffix}") for name in ("alone", "joined"))
        options = {"overwrite": False, "partial_videos": partial, "segment_s": EVERY_S}
        (outcome,) = run_jobs([alone], bicubic, Encoding(), **options)
        assert outcome.error is None
        plan = plan_segments(joined, memory=None, partial=partial, every_s=EVERY_S)
        assert len(plan.segments) == segments, plan.whole_because
        parts = make_elsewhere(pool, source, plan, tmp_path, partial=partial)
        sizes = join_segments(joined, plan, parts, 2, overwrite=False, partial=partial)
        assert sizes == (outcome.size, outcome.new_size)
        assert joined.target.read_bytes() == alone.target.read_bytes()
        assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
        return alone.target

    return run


def check_playable(path):
    """What ffmpeg reads without a word, in times that rise."""
    command = [str(FFMPEG), "-v", "warning", "-xerror", "-i", str(path), "-f", "null", "-"]
    played = subprocess.run(command, capture_output=True, text=True, check=True)
    assert played.stderr == ""
    found = probe(path, "-show_packets", "-select_streams", "v:0")["packets"]
    decoding = [float(packet["dts_time"]) for packet in found if "dts_time" in packet]
    assert all(a < b for a, b in pairwise(decoding))
    assert all(float(packet["dts_time"]) <= float(packet["pts_time"]) for packet in found if "dts_time" in packet)
    shown = sorted(float(packet["pts_time"]) for packet in found)
    assert all(a < b for a, b in pairwise(shown))


def check_frames(source, plan):
    """Segment by segment the same pictures are decoded as in one go."""
    found = []
    for segment in plan.segments:
        with closing(SegmentVideo(str(source), segment)) as video:
            frames = [(picture.pts, planes(picture)) for picture in video._decoded()]
        assert len(frames) == segment.frames
        found += frames
    whole = [(picture.pts, planes(picture)) for picture in decode(source)]
    assert [pts for pts, _ in found] == [pts for pts, _ in whole]
    for (_, one), (_, other) in zip(found, whole, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_segments_of_other_machines_join_to_the_file_of_one(tmp_path, upscaled, kind):
    source = clip(tmp_path, kind)
    target = upscaled(source, target_suffix(source), segments=SEGMENTS[kind])
    if source.suffix == ".ts":  # whose sound has a header in each packet
        assert len(packets(target, "audio")) == len(packets(source, "audio"))
        assert len(decode(target)) == len(decode(source))
    else:
        check_same(source, target)
    check_playable(target)
    check_frames(source, plan_segments(Job(source, target), memory=None, every_s=EVERY_S))


def test_a_video_that_begins_amid_its_first_group_is_cut_where_its_edit_list_says(tmp_path, upscaled):
    whole = clip(tmp_path, "h264")
    source = make(tmp_path / "cut.mp4", "-ss", "0.3", "-i", whole, "-c", "copy")
    assert len(decode(source)) < len(decode(whole))
    target = upscaled(source, ".mp4", segments=2)
    check_same(source, target)
    check_playable(target)
    check_frames(source, plan_segments(Job(source, target), memory=None, every_s=EVERY_S))


@pytest.mark.parametrize("turn", ["clockwise", "mirrored"])
def test_a_turned_video_is_upright_in_all_segments(tmp_path, upscaled, turn):
    source = make(tmp_path / "turned.mp4", "-i", clip(tmp_path, "h264"), "-c", "copy")
    put_display_matrix(source, *ORIENTATIONS[turn])
    sizes = {(frame.width, frame.height) for frame in decode(upscaled(source, ".mp4"))}
    assert sizes == {(96, 128) if turn == "clockwise" else (128, 96)}


def test_sound_subtitles_and_chapters_are_copied_once(tmp_path, upscaled):
    text = "".join(f"{n + 1}\n00:00:0{n},100 --> 00:00:0{n},900\nline {n}\n\n" for n in range(4))
    (tmp_path / "a.srt").write_text(text)
    (tmp_path / "a.txt").write_text(
        ";FFMETADATA1\ntitle=A walk\n"
        + "".join(f"[CHAPTER]\nTIMEBASE=1/10\nSTART={n * 10}\nEND={n * 10 + 10}\ntitle=chapter {n}\n" for n in range(4))
    )
    inputs = ["-i", clip(tmp_path, "h264"), "-i", "a.srt", "-i", "a.txt", "-map_metadata", "2"]
    source = make(tmp_path / "a.mkv", *inputs, "-c", "copy", "-c:s", "srt")
    target = upscaled(source, ".mkv")
    check_same(source, target)
    assert packets(target, "subtitle") == packets(source, "subtitle")
    assert len(packets(target, "subtitle")) == 4
    told = probe(target, "-show_chapters", "-show_format")
    assert [chapter["tags"]["title"] for chapter in told["chapters"]] == [f"chapter {n}" for n in range(4)]
    assert told["format"]["tags"]["title"] == "A walk"


def test_of_a_video_that_is_cut_off_the_part_that_is_there_is_upscaled_when_asked_for(tmp_path, upscaled, bicubic):
    source = clip(tmp_path, "h264 with open GOPs")
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 8 // 10])
    jobs = [Job(source, tmp_path / "refused.mkv")]
    (outcome,) = run_jobs(jobs, bicubic, Encoding(), overwrite=False, segment_s=EVERY_S)
    assert "is cut off" in str(outcome.error)
    assert not jobs[0].target.exists()
    target = upscaled(source, ".mkv", segments=2, partial=True)
    assert 70 < len(decode(target)) < 100
    check_playable(target)


def test_a_file_that_was_made_in_one_piece_is_joined_of_one_part_to_the_same_file(tmp_path, bicubic, pool):
    """The joined head, the times of decoding and the order of packets are an encoder's own."""
    source = clip(tmp_path, "h264")
    for suffix in (".mp4", ".mkv", ".mov"):
        alone, joined = (Job(source, tmp_path / f"{name}{suffix}") for name in ("alone", "joined"))
        (outcome,) = run_jobs([alone], bicubic, Encoding(), overwrite=False)
        assert outcome.error is None
        plan = replace(plan_segments(joined, memory=None, every_s=EVERY_S), segments=(Segment(0),))
        join_segments(joined, plan, make_elsewhere(pool, source, plan, tmp_path), 2, overwrite=False)
        assert joined.target.read_bytes() == alone.target.read_bytes()
