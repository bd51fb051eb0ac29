"""Batches on a real cluster: the same bytes as on one machine, also where workers die, differ or see nothing."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("distributed")

from edge_srcnn.batch import cluster as clusters
from edge_srcnn.batch import cluster_connection
from edge_srcnn.batch.cluster import open_cluster
from edge_srcnn.batch.cluster_connection import Cluster
from edge_srcnn.batch.cluster_engines import Engines, Recipe, Token, make_recipe
from edge_srcnn.batch.cluster_jobs import run_jobs_on
from edge_srcnn.batch.cluster_tasks import FileStatus, Task
from edge_srcnn.batch.cluster_worker import work
from edge_srcnn.batch.jobs import Job, Outcome, plan_jobs
from edge_srcnn.batch.work import run_jobs
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.errors import (
    BadConfiguration,
    BadData,
    BadPicture,
    NoInput,
    OutputExists,
    Unavailable,
    UsageError,
)
from edge_srcnn.sinks.images import Encoding
from edge_srcnn.upscaler import load_model
from tests.edge_srcnn.dask_processes import ROOT, DaskProcesses, wait_for

pytestmark = pytest.mark.slow

FAST = "fast-s-x2"
ENCODING = Encoding(compression=1)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pictures_in(folder: Path, texture, count: int, size: tuple[int, int] = (60, 80)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        cv2.imwrite(str(folder / f"{number:03}.png"), texture(*size, 3, seed=number))
    return folder


@pytest.fixture(scope="module")
def processes(tmp_path_factory) -> Iterator[DaskProcesses]:
    """A scheduler and two workers."""
    with closing(DaskProcesses(tmp_path_factory.mktemp("dask"))) as found:
        for _ in range(2):
            found.add_worker(wait=False)
        yield found


@pytest.fixture
def cluster(processes) -> Iterator[Cluster]:
    with open_cluster(processes.address) as found:
        yield found


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return make_recipe(FAST, EngineOptions(threads=1), scale=2, strength=None)


def here(jobs: list[Job], **how) -> list[Outcome]:
    with load_model(FAST, threads=1) as upscaler:
        return list(run_jobs(jobs, upscaler, ENCODING, **how))


def spread(cluster: Cluster, recipe: Recipe, jobs: list[Job], **how) -> list[Outcome]:
    found = list(run_jobs_on(cluster, recipe, jobs, ENCODING, **how))
    return sorted(found, key=lambda outcome: jobs.index(outcome.job))


def told(outcomes: list[Outcome], folder: Path) -> list[object]:
    return [
        (type(each.error), str(each.error).replace(str(folder), ""), each.size, each.new_size, each.skipped)
        for each in outcomes
    ]


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


@pytest.fixture
def blind_worker(tmp_path_factory, texture) -> Iterator[tuple[DaskProcesses, Path]]:
    """A worker for which a folder of the client is empty."""
    hidden, folder = tmp_path_factory.mktemp("hidden"), tmp_path_factory.mktemp("dask")
    before = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs tmpfs "{hidden}" && exec "$@"', "sh"]
    if subprocess.run([*before, "true"], capture_output=True).returncode != 0:
        pytest.skip("only root can hide a folder")
    with closing(DaskProcesses(folder)) as found:
        found.add_worker(before=before)
        yield found, hidden


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
    from tests.edge_srcnn.stores import servers

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


def test_a_worker_that_is_killed_loses_nothing(tmp_path, recipe, texture):
    jobs = plan_jobs([str(pictures_in(tmp_path / "in", texture, 24, (160, 200)))], tmp_path / "many")
    here(plan_jobs([str(tmp_path / "in")], tmp_path / "one"), overwrite=False)
    with closing(DaskProcesses(tmp_path)) as processes:
        victim, _ = processes.add_worker(), processes.add_worker()
        found = []
        with open_cluster(processes.address) as cluster:
            for outcome in run_jobs_on(cluster, recipe, jobs, ENCODING, overwrite=False):
                found.append(outcome)
                if len(found) == 6:
                    victim.kill()
    assert not [each.error for each in found if each.error]
    assert len(found) == len(jobs)
    assert contents(tmp_path / "one") == contents(tmp_path / "many")


def test_a_scheduler_that_is_killed_ends_the_batch(tmp_path, recipe, texture):
    jobs = plan_jobs([str(pictures_in(tmp_path / "in", texture, 24))], tmp_path / "out")
    with closing(DaskProcesses(tmp_path)) as processes:
        processes.add_worker()
        with open_cluster(processes.address) as cluster, pytest.raises(Unavailable, match="the scheduler is gone"):
            for _ in run_jobs_on(cluster, recipe, jobs, ENCODING, overwrite=False):
                processes.scheduler.kill()
    assert not list((tmp_path / "out").glob(".*"))


def test_without_a_worker_a_batch_ends_after_a_while(tmp_path, recipe):
    with (
        closing(DaskProcesses(tmp_path)) as processes,
        open_cluster(processes.address, wait_s=0.5) as cluster,
        pytest.raises(Unavailable, match=r"no worker within 0.5 s; start one with: dask worker tcp://"),
    ):
        list(run_jobs_on(cluster, recipe, [Job(tmp_path / "a.png", tmp_path / "b.png")], ENCODING, overwrite=False))


def test_a_worker_with_another_version_is_named(tmp_path, recipe):
    other = tmp_path / "site" / "edge_srcnn"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("__version__ = '9.9'\n")
    with closing(DaskProcesses(tmp_path)) as processes:
        processes.add_worker(environment={"PYTHONPATH": str(other.parent)})
        with open_cluster(processes.address) as cluster, pytest.raises(Unavailable) as raised:
            list(run_jobs_on(cluster, recipe, [Job(tmp_path / "a.png", tmp_path / "b.png")], ENCODING, overwrite=False))
    assert "worker tcp://127.0.0.1:" in str(raised.value)
    assert "has edge-srcnn 9.9; this machine has" in str(raised.value)


def test_a_worker_that_cannot_do_the_work_gets_nothing_more(cluster, recipe, tmp_path, texture):
    jobs = plan_jobs([str(pictures_in(tmp_path / "in", texture, 2))], tmp_path / "out")
    engine = make_recipe(FAST, EngineOptions(engine="tensorflow"), scale=2, strength=None)
    if not EngineOptions(engine="tensorflow").backend().version():
        with pytest.raises(Unavailable, match=r"worker tcp://.*tensorflow"):
            spread(cluster, engine, jobs, overwrite=False)


def task_of(job: Job, folder: Path) -> Task:
    return Task(0, job, folder, FileStatus.of(folder / job.source), False, None, "topic")


@pytest.mark.parametrize("same", [True, False])
def test_a_result_that_a_worker_wrote_before_it_died_counts_and_that_of_others_does_not(
    cluster, recipe, tmp_path, texture, same
):
    pictures_in(tmp_path, texture, 1)
    job = Job(Path("000.png"), Path("large.png"))
    with load_model(FAST, threads=1) as upscaler:
        list(run_jobs([Job(tmp_path / job.source, tmp_path / job.target)], upscaler, Encoding(), overwrite=False))
    if not same:
        (tmp_path / job.target).write_bytes(b"of somebody else")
    token = Token(tmp_path / "token", b"chance")
    token.path.write_bytes(token.content)
    common = Recipe(recipe.model, recipe.where, options=recipe.options, token=token)
    done = cluster.client.submit(work, Engines(common), task_of(job, tmp_path), None, pure=False).result()
    if same:
        assert done.outcome.error is None
        assert done.outcome.new_size == (160, 120)
    else:
        assert str(done.outcome.error) == "large.png: exists already; give --overwrite to replace it"


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("local:0", UsageError, "from 1 to 1024"),
        ("local:many", UsageError, "from 1 to 1024"),
        ("host:8786", UsageError, "say tcp://host:8786"),
        ("tcp://127.0.0.1", UsageError, "missing port number"),
        ("http://127.0.0.1:80", UsageError, "unknown address scheme 'http'"),
        ("nothing.json", NoInput, "no such scheduler file"),
        (str(ROOT / "pyproject.toml"), BadData, "is no scheduler file"),
        ("tls://127.0.0.1:1", BadConfiguration, "DASK_DISTRIBUTED__COMM__TLS__CA_FILE"),
        ("tcp://127.0.0.1:1", Unavailable, "nobody listens there"),
    ],
)
def test_a_bad_name_is_told_in_one_line(name, kind, said, monkeypatch):
    monkeypatch.setattr(clusters, "CONNECT_S", 2.0)
    with pytest.raises(kind, match=said) as raised:
        open_cluster(name)
    assert str(raised.value).startswith(f"--dask {name}: ")
    assert "\n" not in str(raised.value)


def test_somebody_who_says_nothing_is_no_scheduler(monkeypatch):
    for module in (clusters, cluster_connection):
        monkeypatch.setattr(module, "CONNECT_S", 1.0)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        pytest.raises(Unavailable, match="no scheduler answers within 1 s"),
    ):
        open_cluster(f"tcp://127.0.0.1:{listener.getsockname()[1]}")


def test_a_worker_is_no_scheduler(processes):
    with open_cluster(processes.address) as cluster:
        address = next(iter(cluster.wait_for_workers()))
    with pytest.raises(Unavailable, match="is a worker of Dask, and no scheduler"):
        open_cluster(address)


def test_a_missing_library_is_told_with_its_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(Unavailable, match=r"--dask local:2: Dask, .* is not installed .*\[cluster\]"):
        open_cluster("local:2")


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_processes_on_this_machine_end_with_the_command_and_leave_nothing_half_written(
    tmp_path, texture, cli_environment, end
):
    pictures_in(tmp_path / "in", texture, 60, (200, 300))
    command = [sys.executable, "-m", "edge_srcnn", "upscale", "in", "-o", "out", "--dask", "local:2"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=cli_environment, stderr=subprocess.PIPE, start_new_session=True
    ) as running:
        wait_for(lambda: len(list(tmp_path.glob("out/*.png"))) > 3)
        os.killpg(running.pid, end)
        said = running.communicate(timeout=60)[1]
    assert running.returncode == 128 + end
    assert b"Traceback" not in said
    assert not list(tmp_path.glob("out/.*"))
    for path in tmp_path.glob("out/*.png"):
        assert cv2.imread(str(path)).shape == (400, 600, 3)


def test_the_command_prints_the_same_lines_as_without_a_cluster(tmp_path, texture, run_cli, processes):
    pictures_in(tmp_path / "in", texture, 3)
    (tmp_path / "in" / "bad.jpg").write_text("no picture")
    for name, way in (("one", ()), ("many", ("--dask", processes.address))):
        done = run_cli("upscale", "in", "-o", name, "--model", FAST, *way)
        assert done.returncode == BadData.exit_code
        assert done.stderr == (
            "edge-srcnn: in/bad.jpg: not a picture that can be read\n"
            "edge-srcnn: 1 of 4 pictures failed; the others are written\n"
        )
        lines = sorted(line.partition(" (")[0] for line in done.stdout.splitlines())
        assert lines == [f"in/{n:03}.png 80x60 -> {name}/{n:03}.png 160x120" for n in range(3)]
    assert contents(tmp_path / "one") == contents(tmp_path / "many")
