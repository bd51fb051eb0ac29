"""Evaluate on the workers of a Dask cluster: each picture under each condition is a task; the figures are the same."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice

from edge_srcnn.batch.cluster.connection import GONE, RETRIES, Cluster, host_of, mapped
from edge_srcnn.batch.cluster.crew import Crew
from edge_srcnn.batch.cluster.engines import Engines, Recipe
from edge_srcnn.imaging.luma import UInt8Array
from export.data.degradation import degrade
from export.evaluation.evaluate import DEGRADES, Score, baselines, mean_scores, measure, method_of
from export.evaluation.grid import Condition, spoil


@dataclass(frozen=True)
class Picture:
    """Say which picture of a set it is, from 1, and how it is downscaled: one of ``DEGRADES``, or by the grid."""

    number: int
    scale: int
    how: str | Condition


def open_all(recipes: Mapping[str, Recipe]) -> dict[str, Engines]:
    """Make the engines of models, by the names of their methods; they open when they are needed."""
    return {method: Engines(recipe) for method, recipe in recipes.items()}


def keep(plane: UInt8Array) -> UInt8Array:
    """Give a plane back: it travels to each worker once."""
    return plane


def measure_picture(engines: dict[str, Engines], hr: UInt8Array, picture: Picture) -> dict[str, list[float]]:
    """Downscale one picture, upscale it by all methods, and measure what they make of it; on a worker.

    Parameters
    ----------
    engines
        By the names of their methods.
    hr
        The ground truth, uint8 ``[h, w]``.
    picture
        Which it is, and what becomes of it.

    Returns
    -------
    The figures of each method, those without a network first.
    """
    from distributed import get_worker

    worker, methods = get_worker(), baselines(picture.scale)
    host = host_of(worker.address)
    if isinstance(picture.how, Condition):
        small = spoil(hr, picture.scale, picture.how, picture.number)
    else:
        small = degrade(DEGRADES[picture.how], hr, picture.scale, picture.number)
    with ExitStack() as opened:
        for method, each in engines.items():
            each.check_version()
            methods[method] = method_of(opened.enter_context(each.take(host, worker.state.nthreads)))
        return measure(small, hr, picture.scale, methods)


def evaluate_on(
    cluster: Cluster,
    sets: Mapping[str, Sequence[UInt8Array]],
    scale: int,
    recipes: Mapping[str, Recipe],
    hows: Sequence[str | Condition],
    *,
    on_step: Callable[[], None] = lambda: None,
) -> list[list[Score]]:
    """Evaluate models on sets of pictures under conditions, and the methods that know no network.

    Parameters
    ----------
    cluster
        Whose workers do it.
    sets
        HR planes, uint8 ``[h, w]``, by the names of the sets.
    scale
        Factor of upscaling.
    recipes
        Of the models, by the names of their methods.
    hows
        How pictures are downscaled.
    on_step
        Called after each picture under each condition.

    Returns
    -------
    For each set and condition, one score a method, in their orders; the same figures as on one machine.

    Raises
    ------
    Unavailable
        The cluster cannot do it.
    """
    from distributed import as_completed

    crew = Crew(cluster)
    client, rows = cluster.client, dict[tuple[str, str, int], dict[str, list[float]]]()
    with mapped(cluster.name, lost=GONE):
        common = {method: replace(recipe, host_threads=crew.host_threads) for method, recipe in recipes.items()}
        engines = client.submit(open_all, common, pure=False, retries=RETRIES)
        planes = {
            (name, number): client.submit(keep, hr, pure=False, retries=RETRIES)
            for name, hr_planes in sets.items()
            for number, hr in enumerate(hr_planes, 1)
        }
        waiting = ((name, number, how) for how in hows for name, number in planes)
        places = {}

        def send(name: str, number: int, how: str | Condition) -> object:
            hr, picture = planes[name, number], Picture(number, scale, how)
            future = client.submit(measure_picture, engines, hr, picture, pure=False, retries=RETRIES)
            places[future] = name, str(how), number
            return future

        first = islice(waiting, crew.most_in_flight)
        ended = as_completed([send(*each) for each in first], loop=client.loop)
        for future in ended:
            rows[places.pop(future)] = future.result()
            on_step()
            for each in islice(waiting, 1):
                ended.add(send(*each))
    return [
        [
            replace(score, degrade=str(how))
            for score in mean_scores(name, scale, [rows[name, str(how), n] for n in range(1, len(hr_planes) + 1)])
        ]
        for name, hr_planes in sets.items()
        for how in hows
    ]
