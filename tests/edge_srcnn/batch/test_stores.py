"""Batches from and into stores: the same pictures, names, order and errors as on this machine."""

import logging
import os
import pickle
import sys
import tempfile
from pathlib import Path

import pytest
from PIL import Image

from edge_srcnn.batch.jobs import StoreJob, plan_jobs
from edge_srcnn.batch.stores.address import read_location
from edge_srcnn.batch.work import run_job, run_jobs
from edge_srcnn.errors import BadPicture, CannotWrite, NoInput, OutputExists, Unavailable, UsageError
from edge_srcnn.sinks.images import Encoding

pytest.importorskip("fsspec")

NAMES = (
    "a.png",
    "b c#1?x=%20é.jpg",
    "sub/deep/d.PNG",
    "sub/e[1].webp",
    "sub/clip.mp4",
    ".hidden.png",
    ".thumbs/f.png",
    "notes.txt",
    "x.y.tif",
)
PICTURES = {"a.png", "b c#1?x=%20é.jpg", "sub/deep/d.PNG", "sub/e[1].webp", "x.y.tif"}


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path, monkeypatch):
    """Where what lies in working folders can be seen."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def tree(tmp_path, memory, texture):
    """The same files in a folder and in the store: ``memory://in``."""
    for number, name in enumerate(NAMES):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() in (".mp4", ".txt"):
            path.write_bytes(b"nothing")
        else:
            Image.fromarray(texture(8 + number, 9, 3, seed=number)).save(path, format=_format(path))
        memory.pipe_file(f"/in/{name}", path.read_bytes())
    return tmp_path / "in"


def _format(path: Path) -> str:
    return {".png": "PNG", ".jpg": "JPEG", ".webp": "WEBP", ".tif": "TIFF"}[path.suffix.lower()]


def run(jobs, upscaler, **options):
    return list(run_jobs(jobs, upscaler, Encoding(), **{"overwrite": False, **options}))


def stored(memory, folder):
    found = memory.find(folder) if memory.exists(folder) else []
    return {name.removeprefix(f"{folder}/"): memory.cat_file(name) for name in found}


def written(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_of_a_store_gives_the_bytes_that_a_folder_of_this_machine_gives(tree, tmp_path, memory, bicubic):
    here = run(plan_jobs([str(tree)], tmp_path / "out"), bicubic)
    for inputs, output in (
        ("memory://in/", "memory://out"),
        ("memory://in", str(tmp_path / "fetched")),
        (str(tree), "memory://sent/to/"),
    ):
        outcomes = run(plan_jobs([inputs], output), bicubic)
        assert [outcome.error for outcome in outcomes] == [None] * len(PICTURES)
        assert {outcome.size for outcome in outcomes} == {outcome.size for outcome in here}
    expected = written(tmp_path / "out")
    assert set(expected) == PICTURES
    assert stored(memory, "/out") == expected
    assert written(tmp_path / "fetched") == expected
    assert stored(memory, "/sent/to") == expected


@pytest.mark.parametrize(
    "pattern", ["*.png", "**/*.PNG", "sub/*", "sub/*/*", "*/*.webp", "**", "*", "?.png", "[ab]*", "sub/**/*.*", ".h*"]
)
def test_a_pattern_finds_in_a_store_what_python_finds_in_a_folder(tree, tmp_path, pattern):
    def found(place, output):
        try:
            jobs = plan_jobs([f"{place}/{pattern}"], output)
        except NoInput:
            return None
        return sorted((job.source.name, job.target.name) for job in jobs)

    assert found("memory://in", "memory://out") == found(tree, tmp_path / "out")


def test_a_name_that_looks_like_a_pattern_is_a_name_where_it_exists(tree, tmp_path, bicubic):
    (outcome,) = run(plan_jobs(["memory://in/sub/e[1].webp"], tmp_path / "e.png"), bicubic)
    assert outcome.error is None
    assert (tmp_path / "e.png").is_file()


@pytest.mark.parametrize(
    ("inputs", "output", "targets"),
    [
        (["memory://in/a.png"], "memory://out/b.jpg", ["memory://out/b.jpg"]),
        (["memory://in/a.png"], "memory://out/", ["memory://out/a.png"]),
        (["memory://in/a.png"], "memory://out", ["memory://out/a.png"]),
        (
            ["memory://in/a.png", "memory://in/x.y.tif"],
            "memory://out.d",
            ["memory://out.d/a.png", "memory://out.d/x.y.tif"],
        ),
        (
            ["memory://in/sub"],
            "memory://in/sub/large",
            ["memory://in/sub/large/deep/d.PNG", "memory://in/sub/large/e[1].webp"],
        ),
    ],
)
def test_results_go_where_they_would_go_in_folders(tree, inputs, output, targets):
    assert [job.target.text for job in plan_jobs(inputs, output)] == targets


def test_results_of_an_earlier_run_are_no_input(tree, memory):
    memory.pipe_file("/in/large/a.png", b"of an earlier run")
    jobs = plan_jobs(["memory://in"], "memory://in/large")
    assert not any("large" in job.source.text for job in jobs)


@pytest.mark.parametrize(
    ("inputs", "output", "options", "kind", "told"),
    [
        (["memory://in/a.png"], "memory://in/a.png", {}, UsageError, "would replace its source"),
        (["memory://in/"], "memory://in/", {}, UsageError, "would replace its source"),
        (["memory://in/a.png", "memory://in/sub/../a.png"], "memory://o/", {}, UsageError, "would both become"),
        (["memory://in/a.png", "memory://in/x.y.tif"], "memory://in/notes.txt", {}, UsageError, "a file, but 2"),
        (["memory://in/a.png"], "memory://out/a.xyz", {}, UsageError, "no picture format"),
        (["memory://in/sub/clip.mp4"], "memory://out/a.png", {}, UsageError, "is a video"),
        (["memory://none/"], "memory://out/", {}, NoInput, "no picture in it"),
        (["memory://in/*.gif"], "memory://out/", {}, NoInput, "no picture or video matches"),
        (["memory://in/a**/*.png"], "memory://out/", {}, UsageError, "stands for whole folders"),
        (["memory://in/a.png"], "https://host/out/", {}, UsageError, "nothing can be written"),
        (["memery://in/a.png"], "memory://out/", {}, UsageError, "did you mean memory://"),
        (["memory://in/a.png"], "dropbox://out/", {}, Unavailable, "is not installed|is missing"),
    ],
)
def test_what_cannot_be_planned_is_told_in_one_line(tree, inputs, output, options, kind, told):
    with pytest.raises(kind, match=told) as raised:
        plan_jobs(inputs, output, **options)
    assert "\n" not in str(raised.value)


def test_what_exists_is_skipped_refused_or_replaced(tree, memory, bicubic):
    memory.pipe_file("/out/a.png", b"mine")
    jobs = plan_jobs(["memory://in/a.png", "memory://in/x.y.tif"], "memory://out/")
    skipped, done = run(jobs, bicubic, skip_existing=True)
    assert (skipped.skipped, skipped.error, done.skipped, done.error) == (True, None, False, None)
    assert memory.cat_file("/out/a.png") == b"mine"
    refused, _ = run(jobs, bicubic)
    assert isinstance(refused.error, OutputExists)
    assert "memory://out/a.png: exists already" in str(refused.error)
    replaced, _ = run(jobs, bicubic, overwrite=True)
    assert replaced.error is None
    assert memory.cat_file("/out/a.png") != b"mine"


def test_an_existing_file_of_this_machine_is_refused_before_anything_is_fetched(tree, tmp_path, bicubic):
    (tmp_path / "a.png").write_bytes(b"mine")
    (outcome,) = run([StoreJob(read_location("memory://in/none.png"), tmp_path / "a.png")], bicubic)
    assert isinstance(outcome.error, OutputExists)


def test_bad_ones_are_told_by_their_urls_in_order_and_the_others_are_done(tree, memory, tmp_path, caplog, bicubic):
    memory.pipe_file("/in/bad.png", b"This is no picture.")
    (tmp_path / "here.png").write_bytes((tree / "a.png").read_bytes())
    inputs = ["memory://in/x.y.tif", "memory://in/bad.png", "memory://in/none.png", "here.png", "memory://in/a.png"]
    os.chdir(tmp_path)
    outcomes = run(plan_jobs(inputs, "memory://out/"), bicubic)
    assert [outcome.job.source for outcome in outcomes] == [read_location(text) for text in inputs]
    assert [type(outcome.error) for outcome in outcomes] == [type(None), BadPicture, NoInput, type(None), type(None)]
    assert str(outcomes[1].error).startswith("memory://in/bad.png: ")
    assert set(stored(memory, "/out")) == {"x.y.tif", "here.png", "a.png"}


def test_warnings_name_urls_too(memory, tmp_path, texture, caplog, bicubic):
    image = Image.fromarray(texture(8, 9, 3))
    image.save(tmp_path / "a.gif", save_all=True, append_images=[Image.fromarray(texture(8, 9, 3, seed=1))])
    memory.pipe_file("/in/a.gif", (tmp_path / "a.gif").read_bytes())
    with caplog.at_level(logging.WARNING):
        (outcome,) = run(plan_jobs(["memory://in/a.gif"], "memory://out/a.png", None), bicubic)
    assert outcome.error is None
    assert "edge-srcnn-store-" not in caplog.text


def test_a_video_goes_through_a_store(memory, tmp_path, bicubic):
    pytest.importorskip("av")
    from tests.edge_srcnn.clips import encode, flat

    clip = encode(tmp_path / "clip.mp4", [flat((90, 100, 110), 48, 64)] * 5, audio_s=0.1)
    memory.pipe_file("/in/clip.mp4", clip.read_bytes())
    seen = []
    jobs = plan_jobs(["memory://in/"], "memory://out/", videos=True)
    outcomes = run(jobs, bicubic, progress=lambda job, done, total: seen.append((job.source.name, done)))
    (here,) = run(plan_jobs([str(clip)], tmp_path / "here.mp4"), bicubic)
    assert [(outcome.error, outcome.size, outcome.new_size) for outcome in outcomes] == [
        (None, here.size, here.new_size)
    ]
    assert memory.cat_file("/out/clip.mp4") == (tmp_path / "here.mp4").read_bytes()
    assert seen[-1] == ("clip.mp4", 5)


def test_a_single_job_can_be_carried_elsewhere_and_done_there(tree, memory, bicubic):
    (job,) = plan_jobs(["memory://in/a.png"], "memory://out/a.png")
    there = pickle.loads(pickle.dumps(job))
    assert run_job(there, bicubic, Encoding(), overwrite=False).error is None
    outcome = run_job(there, bicubic, Encoding(), overwrite=False)
    assert isinstance(outcome.error, OutputExists)
    assert pickle.loads(pickle.dumps(outcome)).job == job
    assert run_job(there, bicubic, Encoding(), overwrite=False, skip_existing=True).skipped


def test_a_batch_that_is_left_leaves_nothing(tree, memory, bicubic, no_thread_stays):
    outcomes = run_jobs(plan_jobs(["memory://in/"], "memory://out/"), bicubic, Encoding(), overwrite=False)
    next(outcomes)
    outcomes.close()
    assert not any(name.endswith(".part") for name in memory.find("/out"))


def test_a_full_temporary_folder_is_told(tree, small_disk, monkeypatch, memory, bicubic):
    memory.pipe_file("/in/large.png", b"x" * 100_000)
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(small_disk))
        (outcome,) = run(plan_jobs(["memory://in/large.png"], "memory://out/"), bicubic)
    assert isinstance(outcome.error, CannotWrite)
    assert "TMPDIR" in str(outcome.error)


def test_a_missing_library_is_told_with_what_installs_it(monkeypatch):
    from edge_srcnn.batch.stores import filesystems

    filesystems.close_idle()
    monkeypatch.setitem(sys.modules, "fsspec", None)
    for scheme in ("s3", "sftp", "memory"):
        with pytest.raises(Unavailable, match=r"what reads and writes stores.*stores"):
            plan_jobs([f"{scheme}://place/in/"], "out/")
