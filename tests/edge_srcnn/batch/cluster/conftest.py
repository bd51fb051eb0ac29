"""A scheduler with its workers, and what they are to compute."""

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("distributed")

from edge_srcnn.batch.cluster.connection import Cluster
from edge_srcnn.batch.cluster.engines import Recipe, make_recipe
from edge_srcnn.batch.cluster.start import open_cluster
from edge_srcnn.engine.options import EngineOptions
from tests.edge_srcnn.batch.cluster.batches import FAST
from tests.edge_srcnn.dask_processes import DaskProcesses


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
