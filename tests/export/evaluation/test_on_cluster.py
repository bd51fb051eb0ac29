"""The figures of a cluster are those of one machine, to the last digit."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("distributed")

from edge_srcnn.batch.cluster.engines import make_recipe
from edge_srcnn.batch.cluster.start import open_cluster
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.errors import Unavailable
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.upscaler import load_model
from export.evaluation.evaluate import baselines, evaluate, method_of
from export.evaluation.grid import Condition, evaluate_grid
from export.evaluation.on_cluster import evaluate_on
from tests.edge_srcnn.dask_processes import DaskProcesses

Draw = Callable[..., UInt8Array]

MODEL = "fast-s-x2"
CONDITION = Condition(6, "jpeg", 60, False)


@pytest.mark.slow
def test_a_cluster_measures_what_one_machine_measures(draw: Draw) -> None:
    sets = {name: [draw(seed, 48, 64) for seed in seeds] for name, seeds in (("a", (1, 2, 3)), ("b", (4,)))}
    recipe = make_recipe(MODEL, EngineOptions(threads=1), scale=2, strength=None)
    steps: list[None] = []
    with open_cluster("local:2") as cluster:
        hows = ["camera", CONDITION]
        found = evaluate_on(cluster, sets, 2, {MODEL: recipe}, hows, on_step=lambda: steps.append(None))
    with load_model(MODEL, threads=1) as upscaler:
        methods = {**baselines(2), MODEL: method_of(upscaler)}
        expected = [
            scores
            for name, planes in sets.items()
            for scores in (
                evaluate(name, planes, 2, methods, degrade="camera"),
                *evaluate_grid(name, planes, 2, methods, conditions=[CONDITION]),
            )
        ]
    assert found == expected
    assert len(steps) == 8


@pytest.mark.slow
def test_a_scheduler_that_is_killed_ends_the_evaluation(draw: Draw, tmp_path: Path) -> None:
    sets = {"a": [draw(seed, 48, 64) for seed in range(24)]}
    recipe = make_recipe(MODEL, EngineOptions(threads=1), scale=2, strength=None)
    with closing(DaskProcesses(tmp_path)) as processes:
        processes.add_worker()
        with (
            open_cluster(processes.address) as cluster,
            pytest.raises(Unavailable, match=rf"^--dask {processes.address}: the scheduler is gone$"),
        ):
            evaluate_on(cluster, sets, 2, {MODEL: recipe}, ["camera"], on_step=processes.scheduler.kill)
