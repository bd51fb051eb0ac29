"""Which videos become which files, and what no video can become."""

import pytest

pytest.importorskip("av")

from edge_srcnn.batch.finding import VIDEO_SUFFIXES
from edge_srcnn.batch.jobs import plan_jobs
from edge_srcnn.errors import UsageError
from tests.edge_srcnn.clips import encode
from tests.edge_srcnn.videos import soft


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("a.mp4", "a.mp4"),
        ("a.MKV", "a.MKV"),
        ("a.webm", "a.mkv"),
        ("a.ts", "a.mkv"),
        ("a.avi", "a.avi"),
        ("a.3gp", "a.mkv"),
    ],
)
def test_a_video_into_a_folder_keeps_its_name(tmp_path, name, target):
    (tmp_path / name).touch()
    (job,) = plan_jobs([str(tmp_path / name)], tmp_path / "large")
    assert job.is_video
    assert job.target == tmp_path / "large" / target


def test_a_picture_format_is_for_pictures(tmp_path):
    (tmp_path / "a.mp4").touch()
    (job,) = plan_jobs([str(tmp_path / "a.mp4")], tmp_path / "large", ".png")
    assert job.target == tmp_path / "large/a.mp4"


@pytest.mark.parametrize(("source", "target"), [("a.mp4", "out.png"), ("a.mp4", "out.webm"), ("a.png", "out.mp4")])
def test_a_picture_is_no_video_and_the_reverse(tmp_path, source, target):
    (tmp_path / source).touch()
    with pytest.raises(UsageError) as raised:
        plan_jobs([str(tmp_path / source)], tmp_path / target)
    assert "\n" not in str(raised.value)


def test_globs_find_videos(tmp_path):
    for name in ("a.mp4", "b.mkv", "c.txt", "d.png"):
        (tmp_path / name).touch()
    jobs = plan_jobs([str(tmp_path / "*")], tmp_path / "large")
    assert [job.target.name for job in jobs] == ["a.mp4", "b.mkv", "d.png"]
    assert all(suffix == suffix.lower() for suffix in VIDEO_SUFFIXES)


def test_a_video_never_replaces_itself(tmp_path):
    source = encode(tmp_path / "a.mp4", soft(2))
    with pytest.raises(UsageError, match="replace its source"):
        plan_jobs([str(source)], tmp_path)
