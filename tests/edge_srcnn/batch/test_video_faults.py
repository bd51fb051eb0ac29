"""Videos that cannot be made larger: an error in one line, and no file remains."""

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av")

from edge_srcnn.batch.jobs import plan_jobs
from edge_srcnn.batch.work import run_jobs
from edge_srcnn.errors import BadData, EdgeSrcnnError, NoInput, OutputExists, SourceLost
from edge_srcnn.sinks.images import Encoding
from tests.edge_srcnn.clips import decode, encode, planes, set_tags, tags_of
from tests.edge_srcnn.videos import soft


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_an_output_that_is_there_is_kept_unless_asked_for(tmp_path, upscale):
    source = encode(tmp_path / "in.mp4", soft(3))
    (tmp_path / "out.mp4").write_text("mine")
    assert isinstance(upscale(source, tmp_path / "out.mp4").error, OutputExists)
    assert (tmp_path / "out.mp4").read_text() == "mine"
    assert upscale(source, tmp_path / "out.mp4", overwrite=True).error is None
    assert len(decode(tmp_path / "out.mp4")) == 3
    assert left(tmp_path) == {"in.mp4", "out.mp4"}
    assert isinstance(upscale(tmp_path / "missing.mp4", tmp_path / "out.mp4").error, NoInput)


@pytest.mark.parametrize(
    ("content", "kind"),
    [(None, NoInput), (b"", BadData), (b"This is no video.\n" * 100, BadData)],
    ids=["missing", "empty", "text"],
)
def test_what_is_no_video_leaves_nothing_behind(tmp_path, upscale, content, kind):
    if content is not None:
        (tmp_path / "in.mp4").write_bytes(content)
    error = upscale(tmp_path / "in.mp4", tmp_path / "out.mp4").error
    assert isinstance(error, kind)
    assert "\n" not in str(error)
    assert left(tmp_path) <= {"in.mp4"}


def test_a_video_without_a_frame_leaves_nothing_behind(tmp_path, upscale):
    source = encode(tmp_path / "in.mkv", soft(1))
    data = source.read_bytes()
    cluster = data.index(bytes.fromhex("1f43b675"))  # Matroska: Cluster
    source.write_bytes(data[:cluster])
    assert isinstance(upscale(source, tmp_path / "out.mp4").error, EdgeSrcnnError)
    assert left(tmp_path) == {"in.mkv"}


def damaged(path: Path, how: str) -> Path:
    data = bytearray(path.read_bytes())
    if how == "cut":
        del data[int(len(data) * 0.6) :]
    else:
        middle = len(data) // 2
        data[middle : middle + 60_000] = np.random.default_rng(1).integers(0, 256, 60_000, dtype=np.uint8).tobytes()
    path.write_bytes(data)
    return path


def noisy(count, height=48, width=64):
    rng = np.random.default_rng(0)
    shapes = ((height, width), (height // 2, width // 2), (height // 2, width // 2))
    return [tuple(rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes) for _ in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "container"),
    [("in.mp4", {"movflags": "faststart"}), ("in.mkv", {}), ("in.avi", {})],
    ids=["mp4", "mkv", "avi"],
)
@pytest.mark.parametrize(
    ("how", "kinds"),
    [("cut", BadData), ("scrambled", BadData | SourceLost)],  # some demuxers give up, others find a later frame
)
def test_a_video_that_breaks_off_is_an_error_and_leaves_nothing_behind(tmp_path, upscale, name, container, how, kinds):
    options = {"preset": "ultrafast", "qp": "0", "bf": "0"}
    sound = {} if name.endswith("avi") else {"audio_s": 4}
    source = damaged(encode(tmp_path / name, noisy(100), container=container, options=options, **sound), how)
    outcome = upscale(source, tmp_path / "out.mp4")
    assert isinstance(outcome.error, kinds), outcome.error
    assert "\n" not in str(outcome.error)
    assert left(tmp_path) == {name}


def test_a_damaged_video_does_not_stop_the_others(tmp_path, bicubic):
    (tmp_path / "in").mkdir()
    encode(tmp_path / "in/a.mp4", soft(5))
    (tmp_path / "in/b.mp4").write_text("no video")
    encode(tmp_path / "in/c.mp4", soft(5))
    jobs = plan_jobs([str(tmp_path / "in/*.mp4")], tmp_path / "out")
    outcomes = list(run_jobs(jobs, bicubic, Encoding(), overwrite=False))
    assert [type(outcome.error) for outcome in outcomes] == [type(None), BadData, type(None)]
    assert left(tmp_path / "out") == {"a.mp4", "c.mp4"}


def test_a_full_disk_leaves_nothing_behind(tmp_path, small_disk, upscale):
    source = encode(tmp_path / "in.mp4", noisy(60))
    error = upscale(source, small_disk / "out.mp4").error
    assert isinstance(error, EdgeSrcnnError)
    assert error.exit_code == 73
    assert "No space left" in str(error)
    assert "\n" not in str(error)
    assert left(small_disk) == set()


def test_a_change_of_size_within_a_video_begins_another_file(tmp_path, upscale, caplog):
    # two streams of MPEG-2 one after the other are one whose size changes
    parts = [
        encode(tmp_path / f"{n}.mpg", soft(10, *size), codec="mpeg2video", options={})
        for n, size in enumerate([(48, 64), (96, 128)])
    ]
    (tmp_path / "in.mpg").write_bytes(b"".join(part.read_bytes() for part in parts))
    sizes = {(frame.width, frame.height) for frame in decode(tmp_path / "in.mpg")}
    if sizes != {(64, 48), (128, 96)}:
        pytest.skip("this FFmpeg does not read such a file to its end")
    outcome = upscale(tmp_path / "in.mpg", tmp_path / "out.mp4")
    assert outcome.error is None
    for name, size in (("out.mp4", (128, 96)), ("out-2.mp4", (256, 192))):
        frames = decode(tmp_path / name)
        assert {(frame.width, frame.height) for frame in frames} == {size}
        assert 9 <= len(frames) <= 10, "MPEG-2 ends with the next picture"
    assert "goes on in" in caplog.text
    assert not [name for name in left(tmp_path) if ".part" in name]


def test_no_file_stays_open(tmp_path, upscale):
    source = encode(tmp_path / "in.mp4", soft(3), audio_s=0.12)
    assert upscale(source, tmp_path / "out.mp4").error is None
    assert upscale(tmp_path / "none.mp4", tmp_path / "other.mp4").error is not None
    assert upscale(source, tmp_path / "out.mp4").error is not None  # is there
    names = [
        os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")
    ]
    assert not [name for name in names if name.startswith(str(tmp_path))]


def test_the_helper_encodes_what_it_is_given(tmp_path):
    # the tests above stand on it
    pictures = noisy(3)
    frames = decode(encode(tmp_path / "in.mkv", pictures, tags=(1, 1, 1, 1)))
    assert all(
        (a == b).all() for frame, p in zip(frames, pictures, strict=True) for a, b in zip(planes(frame), p, strict=True)
    )
    assert {tags_of(frame) for frame in frames} == {(1, 1, 1, 1)}
    set_tags(frames[0], (2, 6, 6, 6))
    assert tags_of(frames[0]) == (2, 6, 6, 6)
