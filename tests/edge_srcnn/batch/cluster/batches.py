"""Batches on a cluster and on one machine, for tests."""

from pathlib import Path

import cv2

from edge_srcnn.batch.cluster.connection import Cluster
from edge_srcnn.batch.cluster.engines import Recipe
from edge_srcnn.batch.cluster.jobs import run_jobs_on
from edge_srcnn.batch.jobs import Job, Outcome
from edge_srcnn.batch.work import run_jobs
from edge_srcnn.sinks.images import Encoding
from edge_srcnn.upscaler import load_model

FAST = "fast-s-x2"
ENCODING = Encoding(compression=1)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pictures_in(folder: Path, texture, count: int, size: tuple[int, int] = (60, 80)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        cv2.imwrite(str(folder / f"{number:03}.png"), texture(*size, 3, seed=number))
    return folder


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
