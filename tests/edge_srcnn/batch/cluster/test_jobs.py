"""Batches on a real cluster: the same bytes as on one machine."""

from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("distributed")

from edge_srcnn.batch.cluster.engines import Engines, make_recipe
from edge_srcnn.batch.cluster.start import open_cluster
from edge_srcnn.batch.jobs import Job, plan_jobs
from edge_srcnn.batch.work import run_jobs
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.errors import (
    BadPicture,
    NoInput,
    OutputExists,
)
from edge_srcnn.upscaler import load_model
from tests.edge_srcnn.batch.cluster.batches import ENCODING, FAST, contents, here, pictures_in, spread, told
from tests.edge_srcnn.dask_processes import DaskProcesses

pytestmark = pytest.mark.slow


def test_a_cluster_writes_what_one_machine_writes_and_reports_what_it_reports(cluster, recipe, tmp_path, texture):
    pictures = pictures_in(tmp_path / "in", texture, 9)
    (pictures / "bad.jpg").write_text("no picture")
    (pictures / "gone.png").symlink_to("nowhere")
    results = {}
    for name in ("one", "many"):
        jobs = plan_jobs([str(pictures)], tmp_path / name, ".webp")
        jobs.append(Job(pictures / "missing.png", tmp_path / name / "missing.png"))
        (tmp_path / name).mkdir()
        (tmp_path / name / "003.webp").write_bytes(b"of somebody else")
        (tmp_path / name / "004.webp").mkdir()
        outcomes = here(jobs, overwrite=False) if name == "one" else spread(cluster, recipe, jobs, overwrite=False)
        results[name] = told(outcomes, tmp_path / name)
    assert results["one"] == results["many"]
    assert sum(error is BadPicture for error, *_ in results["many"]) == 1
    assert contents(tmp_path / "one") == contents(tmp_path / "many")


def test_what_is_there_stays_is_replaced_or_is_left_out(cluster, recipe, tmp_path, texture):
    jobs = plan_jobs([str(pictures_in(tmp_path / "in", texture, 3))], tmp_path / "out")
    spread(cluster, recipe, jobs, overwrite=False)
    first = contents(tmp_path / "out")
    assert all(isinstance(each.error, OutputExists) for each in spread(cluster, recipe, jobs, overwrite=False))
    jobs[0].target.write_bytes(b"old")
    assert all(each.skipped for each in spread(cluster, recipe, jobs, overwrite=False, skip_existing=True))
    assert jobs[0].target.read_bytes() == b"old"
    assert not any(each.error for each in spread(cluster, recipe, jobs, overwrite=True))
    assert contents(tmp_path / "out") == first


def test_a_folder_that_would_stay_empty_is_not_made(cluster, recipe, tmp_path):
    jobs = [Job(tmp_path / "missing.png", tmp_path / "new" / "folder" / "missing.png")]
    (outcome,) = spread(cluster, recipe, jobs, overwrite=False)
    assert isinstance(outcome.error, NoInput)
    assert not (tmp_path / "new").exists()


def test_strength_travels_to_the_workers_and_back(cluster, tmp_path, texture):
    jobs = plan_jobs([str(pictures_in(tmp_path / "in", texture, 2))], tmp_path / "out")
    half = make_recipe(FAST, EngineOptions(threads=1), scale=2, strength="0.5")
    assert [each.strength for each in spread(cluster, half, jobs, overwrite=False)] == [0.5, 0.5]
    plain = plan_jobs([str(tmp_path / "in")], tmp_path / "plain")
    with load_model(FAST, threads=1, strength=0.5) as upscaler:
        list(run_jobs(plain, upscaler, ENCODING, overwrite=False))
    assert contents(tmp_path / "out") == contents(tmp_path / "plain")


def test_an_engine_is_opened_once_by_a_thread_and_kept(recipe):
    engines = Engines(recipe)
    with engines.take("host", 1) as first:
        pass
    with engines.take("host", 1) as again, engines.take("host", 1) as other:
        assert again is first
        assert other is not first


def test_files_travel_where_workers_do_not_see_them(blind_worker, recipe, texture):
    processes, folder = blind_worker
    pictures = pictures_in(folder / "in", texture, 4)
    (pictures / "bad.jpg").write_text("no picture")
    results = {}
    for name in ("one", "many"):
        jobs = plan_jobs([str(pictures)], folder / name)
        (folder / name).mkdir()
        (folder / name / "002.png").write_bytes(b"of somebody else")
        if name == "one":
            results[name] = told(here(jobs, overwrite=False), folder / name)
            continue
        with open_cluster(str(processes.file)) as cluster:
            results[name] = told(spread(cluster, recipe, jobs, overwrite=False), folder / name)
    assert results["one"] == results["many"]
    assert contents(folder / "one") == contents(folder / "many")
    assert not list(processes.folder.rglob("result-*"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """Eight seconds with a key frame each second, and sound."""
    pytest.importorskip("av")
    from tests.edge_srcnn.clips import encode

    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    noise = np.random.default_rng(5).integers(0, 256, (200, 48, 64), dtype=np.uint8)
    pictures = (
        (cv2.blur(each, (5, 5)), np.full((24, 32), 90, np.uint8), np.full((24, 32), 160, np.uint8)) for each in noise
    )
    return encode(path, pictures, options={"preset": "ultrafast", "g": "25"}, audio_s=8)


@pytest.mark.parametrize("strength", [None, "auto"])
def test_a_long_video_is_cut_joined_and_the_same_as_on_one_machine(cluster, tmp_path, clip, strength):
    frames: list[tuple[int, int | None]] = []
    how = {"overwrite": False, "segment_s": 2.0}
    wanted = make_recipe(FAST, EngineOptions(threads=1), scale=2, strength=strength)
    with load_model(FAST, threads=1, strength=strength) as upscaler:
        list(run_jobs([Job(clip, tmp_path / "one.mp4")], upscaler, ENCODING, **how))
    jobs = [Job(clip, tmp_path / "many.mp4"), Job(tmp_path / "missing.mp4", tmp_path / "missing-large.mp4")]
    made, missing = spread(cluster, wanted, jobs, progress=lambda job, *told: frames.append(told), **how)
    assert made.error is None
    assert (made.size, made.new_size) == ((64, 48), (128, 96))
    assert isinstance(missing.error, NoInput)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "many.mp4").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["many.mp4", "one.mp4"]
    assert strength or frames[-1] == (200, 200)


def test_a_long_video_travels_once_and_comes_back_in_parts(blind_worker, recipe, clip):
    processes, folder = blind_worker
    (folder / "clip.mp4").write_bytes(clip.read_bytes())
    jobs, how = [Job(folder / "clip.mp4", folder / "many.mp4")], {"overwrite": False, "segment_s": 2.0}
    with open_cluster(str(processes.file)) as cluster:
        assert [each.error for each in spread(cluster, recipe, jobs, **how)] == [None]
    assert [each.error for each in here([Job(folder / "clip.mp4", folder / "one.mp4")], **how)] == [None]
    assert (folder / "one.mp4").read_bytes() == (folder / "many.mp4").read_bytes()


def test_an_interrupted_video_goes_on_where_it_was(cluster, recipe, tmp_path, clip):
    jobs, how = [Job(clip, tmp_path / "many.mp4")], {"overwrite": False, "segment_s": 2.0}

    def interrupt(job: Job, done: int, total: int | None) -> None:
        if list(tmp_path.glob(".*/0*")):  # there is a part
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        spread(cluster, recipe, jobs, progress=interrupt, **how)
    (kept,) = tmp_path.iterdir()
    before = {path.name: path.stat().st_mtime_ns for path in kept.glob("0*")}
    assert before
    first: list[int] = []
    (outcome,) = spread(cluster, recipe, jobs, progress=lambda job, done, total: first.append(done), **how)
    assert outcome.error is None
    assert first[0] >= 50
    assert [path.name for path in tmp_path.iterdir()] == ["many.mp4"]


def test_workers_fetch_from_stores_and_send_to_them(tmp_path, recipe, texture, monkeypatch):
    for name in ("s3fs", "moto", "flask"):
        pytest.importorskip(name)
    from tests.edge_srcnn.batch.stores import servers

    pictures = pictures_in(tmp_path / "in", texture, 2)
    here(plan_jobs([str(pictures)], tmp_path / "one"), overwrite=False)
    with servers.s3_server() as port, closing(DaskProcesses(tmp_path, (), servers.environment(port))) as processes:
        for name, value in servers.environment(port).items():
            monkeypatch.setenv(name, value)
        processes.add_worker()
        s3 = servers.client(port)
        for path in pictures.iterdir():
            s3.put_object(Bucket="bucket", Key=f"in/{path.name}", Body=path.read_bytes())
        s3.put_object(Bucket="bucket", Key="in/bad.jpg", Body=b"no picture")
        with open_cluster(processes.address) as cluster:
            for source, target in (
                ("s3://bucket/in/", "s3://bucket/out/"),
                ("s3://bucket/in/", str(tmp_path / "many")),
                (str(pictures), "s3://bucket/from-here/"),
            ):
                jobs = plan_jobs([source], target)
                errors = [str(each.error) for each in spread(cluster, recipe, jobs, overwrite=False) if each.error]
                assert errors == ["s3://bucket/in/bad.jpg: not a picture that can be read"] * source.startswith("s3")
            again = spread(cluster, recipe, plan_jobs([str(pictures)], "s3://bucket/out/"), overwrite=False)
            assert all(isinstance(each.error, OutputExists) for each in again)
        one = contents(tmp_path / "one")
        assert contents(tmp_path / "many") == one
        for folder in ("out", "from-here"):
            keys = servers.keys_of(s3, "bucket", f"{folder}/")
            found = {key: s3.get_object(Bucket="bucket", Key=key)["Body"].read() for key in keys}
            assert found == {f"{folder}/{name}": content for name, content in one.items()}
