"""Which pictures become which files, and that a bad one does not stop the others."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_srcnn.batch.jobs import Job, plan_jobs
from edge_srcnn.batch.work import run_jobs
from edge_srcnn.errors import BadPicture, NoInput, OutputExists, UsageError
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.sinks.images import Encoding
from edge_srcnn.sources.images import read_picture
from edge_srcnn.upscaler import Upscaler


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """``photos`` with pictures in two levels and a file that is none."""
    for name in ("photos/a.png", "photos/b.jpg", "photos/deep/c.webp", "photos/deep/d.tga", "photos/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".txt":
            path.write_text("notes")
        else:
            Image.new("RGB", (6, 4), (10, 200, 90)).save(path)
    return tmp_path


def planned(jobs: list[Job], root: Path) -> dict[str, str]:
    return {str(job.source.relative_to(root)): str(job.target.relative_to(root)) for job in jobs}


def test_a_folder_keeps_its_structure(folder):
    jobs = plan_jobs([str(folder / "photos")], folder / "large")
    assert planned(jobs, folder) == {
        "photos/a.png": "large/a.png",
        "photos/b.jpg": "large/b.jpg",
        "photos/deep/c.webp": "large/deep/c.webp",
    }


def test_a_format_renames_every_result(folder):
    jobs = plan_jobs([str(folder / "photos")], folder / "large", ".tiff")
    assert set(planned(jobs, folder).values()) == {"large/a.tiff", "large/b.tiff", "large/deep/c.tiff"}


def test_an_input_whose_format_cannot_be_written_becomes_png(folder):
    (job,) = plan_jobs([str(folder / "photos/deep/d.tga")], folder / "large")
    assert job.target == folder / "large/d.png"


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("photos/*.jpg", ["b.jpg"]),
        ("photos/*", ["a.png", "b.jpg"]),
        ("photos/**/*.*", ["a.png", "b.jpg", "c.webp"]),
        ("photos/[ab].*", ["a.png", "b.jpg"]),
    ],
)
def test_globs_give_pictures_without_their_folders(folder, pattern, found):
    jobs = plan_jobs([str(folder / pattern)], folder / "large")
    assert [str(job.target.relative_to(folder / "large")) for job in jobs] == found


def test_a_name_with_glob_characters_that_exists_is_that_file(folder):
    odd = folder / "holiday [1]*.png"
    odd.write_bytes((folder / "photos/a.png").read_bytes())
    (job,) = plan_jobs([str(odd)], folder / "large")
    assert job == Job(odd, folder / "large" / odd.name)


def test_a_single_picture_goes_to_a_file_or_into_a_folder(folder):
    source = str(folder / "photos/a.png")
    for output, target in (("new.jpg", "new.jpg"), ("new", "new/a.png"), ("photos/deep", "photos/deep/a.png")):
        (job,) = plan_jobs([source], folder / output)
        assert job.target == folder / target


def test_an_existing_folder_may_look_like_a_picture(folder):
    (folder / "large.png").mkdir()
    (job,) = plan_jobs([str(folder / "photos/a.png")], folder / "large.png")
    assert job.target == folder / "large.png/a.png"


def test_a_missing_file_is_planned_and_fails_when_its_turn_comes(folder):
    (job,) = plan_jobs([str(folder / "none.png")], folder / "large")
    assert job.target == folder / "large/none.png"


def test_a_missing_file_is_planned_even_where_its_result_exists(folder):
    (job,) = plan_jobs([str(folder / "none.png")], folder / "photos/a.png")
    assert job.target == folder / "photos/a.png"


def test_a_name_too_long_to_look_for_is_planned_too(folder):
    assert len(plan_jobs([f"{'x' * 300}.png"], folder / "large")) == 1


@pytest.mark.parametrize("text", ["photos/*.bmp", "none/*", "photos/*.txt"])
def test_a_glob_without_pictures_is_no_input(folder, text):
    with pytest.raises(NoInput, match="no picture or video matches"):
        plan_jobs([str(folder / text)], folder / "large")


def test_an_empty_folder_is_no_input(folder):
    (folder / "empty").mkdir()
    with pytest.raises(NoInput, match="no picture in it"):
        plan_jobs([str(folder / "empty")], folder / "large")


def test_two_pictures_with_one_result_are_refused_with_both_names(folder):
    (folder / "other").mkdir()
    (folder / "other/a.png").write_bytes((folder / "photos/a.png").read_bytes())
    with pytest.raises(UsageError, match=r"photos/a\.png and .*other/a\.png would both become"):
        plan_jobs([str(folder / "photos"), str(folder / "other")], folder / "large")
    with pytest.raises(UsageError, match="would both become"):
        plan_jobs([str(folder / "photos/a.png")] * 2, folder / "large")


def test_a_format_that_makes_two_names_one_is_refused(folder):
    (folder / "photos/a.jpg").write_bytes((folder / "photos/b.jpg").read_bytes())
    with pytest.raises(UsageError, match="would both become"):
        plan_jobs([str(folder / "photos")], folder / "large", ".png")


@pytest.mark.parametrize("output", ["photos", "photos/deep/..", "link"])
def test_a_result_that_would_replace_its_source_is_refused(folder, output):
    (folder / "link").symlink_to(folder / "photos")
    with pytest.raises(UsageError, match="would replace its source"):
        plan_jobs([str(folder / "photos")], folder / output)
    with pytest.raises(UsageError, match="would replace its source"):
        plan_jobs([str(folder / "photos/a.png")], folder / output / "a.png")


def test_many_pictures_into_one_file_are_refused(folder):
    (folder / "out.png").touch()
    with pytest.raises(UsageError, match="a file, but 3 pictures"):
        plan_jobs([str(folder / "photos")], folder / "out.png")


@pytest.mark.parametrize(("output", "suffix"), [("new.tga", None), ("new", ".tga"), ("new", ".")])
def test_an_unknown_format_is_refused(folder, output, suffix):
    with pytest.raises(UsageError, match="png"):
        plan_jobs([str(folder / "photos/a.png")], folder / output, suffix)


def test_a_bad_picture_does_not_stop_the_others(folder, bicubic):
    (folder / "photos/aa.png").write_text("no picture")
    (folder / "large").mkdir()
    (folder / "large/b.jpg").write_text("mine")
    jobs = [*plan_jobs([str(folder / "photos")], folder / "large"), Job(folder / "none.png", folder / "large/none.png")]
    outcomes = list(run_jobs(jobs, bicubic, Encoding(), overwrite=False))
    kinds = {outcome.job.source.name: type(outcome.error) for outcome in outcomes}
    assert kinds == {
        "a.png": type(None),
        "aa.png": BadPicture,
        "b.jpg": OutputExists,
        "c.webp": type(None),
        "none.png": NoInput,
    }
    written = sorted(path.name for path in (folder / "large").rglob("*.*"))
    assert written == ["a.png", "b.jpg", "c.webp"]
    assert (folder / "large/b.jpg").read_text() == "mine"


def test_an_outcome_tells_both_sizes_as_width_and_height(folder, bicubic):
    jobs = [Job(folder / "photos/a.png", folder / "new.png")]
    (outcome,) = run_jobs(jobs, bicubic, Encoding(), overwrite=False)
    assert (outcome.size, outcome.new_size, outcome.error) == ((6, 4), (12, 8), None)
    assert outcome.seconds > 0
    assert read_picture(folder / "new.png").pixels.shape == (8, 12, 3)


def test_overwriting_replaces_a_result(folder, bicubic):
    (folder / "new.png").write_text("old")
    jobs = [Job(folder / "photos/a.png", folder / "new.png")]
    (outcome,) = run_jobs(jobs, bicubic, Encoding(), overwrite=True)
    assert outcome.error is None
    assert read_picture(folder / "new.png").pixels.shape == (8, 12, 3)


@pytest.mark.parametrize("channels", [None, 2, 3, 4])
def test_pixels_and_transparency_arrive_in_the_result(tmp_path, texture, bicubic, channels):
    pixels = texture(5, 7, channels)
    if channels in (2, 4):
        pixels[..., -1] = 128
    Image.fromarray(pixels).save(tmp_path / "in.png")
    (outcome,) = run_jobs([Job(tmp_path / "in.png", tmp_path / "out.png")], bicubic, Encoding(), overwrite=False)
    assert outcome.error is None
    assert (np.asarray(Image.open(tmp_path / "out.png")) == upscale_bicubic(pixels, 2)).all()


def test_a_picture_too_large_for_the_memory_does_not_stop_the_others(folder, bicubic, monkeypatch):
    bands = Upscaler.bands

    def run_out_of_memory(self, pixels):
        if self.failed:
            return bands(self, pixels)
        self.failed = True
        raise MemoryError

    monkeypatch.setattr(Upscaler, "failed", False, raising=False)
    monkeypatch.setattr(Upscaler, "bands", run_out_of_memory)
    jobs = plan_jobs([str(folder / "photos")], folder / "large")
    first, *others = run_jobs(jobs, bicubic, Encoding(), overwrite=False)
    assert isinstance(first.error, BadPicture)
    assert "memory" in str(first.error)
    assert [outcome.error for outcome in others] == [None, None]
    assert not first.job.target.exists()
