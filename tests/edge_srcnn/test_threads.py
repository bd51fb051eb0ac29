"""One upscaler, several threads: each gets the result of its own picture."""

import asyncio
import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import edge_srcnn
from edge_srcnn.errors import UsageError
from edge_srcnn.upscaler import load_model

pytestmark = pytest.mark.slow

SHAPES = [(40, 52), (31, 47, 3), (24, 64, 4), (40, 52, 2), (64, 24)]
WAYS = {"plain": {}, "reuse": {"reuse": True}, "isolated": {"isolate": True}, "tiles": {"tile": (16, 16)}}


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
def test_threads_get_what_each_would_get_alone(texture, options):
    pictures = [texture(*shape, seed=number) for number, shape in enumerate(SHAPES)]
    with load_model("fast-s-x2", **options) as upscaler:
        alone = [upscaler.upscale(picture) for picture in pictures]
        with ThreadPoolExecutor(4) as threads:
            jobs = [(number, threads.submit(upscaler.upscale, pictures[number])) for number in range(len(SHAPES))]
            jobs += [
                (number % len(SHAPES), threads.submit(upscaler.upscale, pictures[number % len(SHAPES)]))
                for number in range(60)
            ]
            wrong = [number for number, job in jobs if not np.array_equal(job.result(), alone[number])]
    assert not wrong


def test_tasks_of_asyncio_get_what_each_would_get_alone(texture):
    pictures = [texture(*shape, seed=number) for number, shape in enumerate(SHAPES)]

    async def all_at_once(upscaler: edge_srcnn.Upscaler) -> list[np.ndarray]:
        return await asyncio.gather(*(asyncio.to_thread(upscaler.upscale, picture) for picture in pictures * 6))

    with load_model("fast-s-x2") as upscaler:
        alone = [upscaler.upscale(picture) for picture in pictures] * 6
        found = asyncio.run(all_at_once(upscaler))
    assert all(map(np.array_equal, found, alone))


@pytest.mark.parametrize("options", [{}, {"reuse": True}, {"tile": (16, 16)}], ids=["plain", "reuse", "tiles"])
def test_a_large_picture_in_bands_is_not_disturbed(texture, monkeypatch, options):
    monkeypatch.setattr("edge_srcnn.imaging.bicubic.WHOLE_PIXELS", 1000)
    monkeypatch.setattr("edge_srcnn.imaging.bicubic.BAND_ROWS", 16)
    pictures = [texture(80, 60, 3, seed=1), texture(70, 90, seed=2)]
    with load_model("fast-s-x2", **options) as upscaler, ThreadPoolExecutor(4) as threads:
        alone = [upscaler.upscale(picture) for picture in pictures]
        found = list(threads.map(upscaler.upscale, pictures * 12))
    assert all(map(np.array_equal, found, alone * 12))


def test_closing_waits_for_the_picture_under_way_and_later_ones_are_refused(texture):
    upscaler = load_model("fast-s-x2")
    picture = texture(200, 200, 3)
    with ThreadPoolExecutor(4) as threads:
        jobs = [threads.submit(upscaler.upscale, picture) for _ in range(12)]
        jobs[0].result()
        upscaler.close()
    done = [job for job in jobs if job.exception() is None]
    assert all(np.array_equal(job.result(), done[0].result()) for job in done)
    assert all(isinstance(job.exception(), UsageError) for job in jobs if job not in done)


@pytest.mark.parametrize("how", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_copy_is_refused_with_what_to_do(how):
    with (
        load_model(scale=2, engine="bicubic") as upscaler,
        pytest.raises(UsageError, match="load the model in each process"),
    ):
        how(upscaler)


def test_the_public_names_are_listed():
    assert {"load_model", "upscale", "Upscaler", "EdgeSrcnnError", "__version__"} <= set(dir(edge_srcnn))
