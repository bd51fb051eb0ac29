"""Workers and schedulers that die, differ, or cannot do the work."""

from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("distributed")

from edge_srcnn.batch.cluster.engines import Engines, Recipe, Token, make_recipe
from edge_srcnn.batch.cluster.jobs import run_jobs_on
from edge_srcnn.batch.cluster.start import open_cluster
from edge_srcnn.batch.cluster.tasks import FileStatus, Task
from edge_srcnn.batch.cluster.worker import work
from edge_srcnn.batch.jobs import Job, plan_jobs
from edge_srcnn.batch.work import run_jobs
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.errors import (
    Unavailable,
)
from edge_srcnn.sinks.images import Encoding
from edge_srcnn.upscaler import load_model
from tests.edge_srcnn.batch.cluster.batches import ENCODING, FAST, contents, here, pictures_in, spread
from tests.edge_srcnn.dask_processes import DaskProcesses

pytestmark = pytest.mark.slow


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
