"""What ``edge-srcnn tune`` tunes: which models are meant, how each is tried, and for which others a winner holds."""

from collections.abc import Iterator
from dataclasses import dataclass

from edge_srcnn.engine import tuning_cache
from edge_srcnn.engine.build import network_of, occasion_of
from edge_srcnn.engine.plan import Wish
from edge_srcnn.engine.processor import available_processors, this_processor
from edge_srcnn.engine.tuning import Contestant, candidates, contest, ranked
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.loading import read_named
from edge_srcnn.measure.benchmark import picture_for
from edge_srcnn.models.bundled import find_model, is_auto, live_ladder
from edge_srcnn.models.file import Model, read_model


def models_to_tune(name: str, scale: int) -> list[tuple[Model, ...]]:
    """Read the models that are meant.

    Parameters
    ----------
    name
        A bundled model or a file; ``auto``: the rungs of live video, of cameras and of other sources, and the best for
        pictures.
    scale
        Factor of up-scaling; counts only for ``auto``.

    Returns
    -------
    Those whose networks differ in their weights alone are together: what is the fastest for one is so for all.

    Raises
    ------
    UsageError, NoInput, ModelError
        As ``read_named``.
    """
    best = read_named(name, scale)
    if not is_auto(name):
        return [(best,)]
    live, for_cameras = (live_ladder(scale, camera=camera).rungs for camera in (False, True))
    groups: dict[tuple[object, ...], list[Model]] = {}
    for each in dict.fromkeys((*live, best.spec.name, *for_cameras)):
        model = read_model(find_model(each, scale))
        spec = model.spec
        shape = spec.layers, spec.plane, spec.unshuffle, spec.shuffle, spec.residual, spec.quantization
        groups.setdefault(shape, []).append(model)
    return [tuple(group) for group in groups.values()]


@dataclass(frozen=True)
class Outcome:
    """What a tuning found, and kept.

    Attributes
    ----------
    models
        For which it holds; the first one was measured.
    ranking
        What was tried, the best first.
    """

    models: tuple[Model, ...]
    occasion: tuning_cache.Occasion
    ranking: tuple[Contestant, ...]

    @property
    def best(self) -> Contestant:
        """Give the winner."""
        return self.ranking[0]


class Tuning:
    """Finds the fastest setting of models that are alike, for one size of the camera's frames, and remembers it.

    Parameters
    ----------
    models
        As ``models_to_tune`` gives them.
    engine
        An interpreter that is installed.
    size
        Width and height of the camera's frames.
    wish
        What is not tried in other ways.
    """

    def __init__(self, models: tuple[Model, ...], engine: str, size: tuple[int, int], wish: Wish) -> None:
        self.models, self._engine, self._size = models, engine, size
        self._network = network_of(models[0])
        factor = models[0].spec.scale // self._network.upsampling
        self._plane = upscale_bicubic(picture_for(*size), factor)
        settings = candidates(self._network, self._plane.shape, this_processor(), available_processors(), wish)
        self.contestants = [Contestant(setting) for setting in settings]

    def run(self) -> Iterator[float]:
        """Measure; gives the milliseconds of the best one so far, as often as ``runs_of`` tells."""
        for _ in contest(self._network, self._engine, self.contestants, self._plane):
            yield ranked(self.contestants)[0].milliseconds

    def keep(self) -> Outcome:
        """Remember the winner.

        Raises
        ------
        CannotWrite
            The cache folder cannot be written.
        """
        ranking = tuple(ranked(self.contestants))
        scale, (width, height) = self.models[0].spec.scale, self._size
        occasions = [occasion_of(model, self._engine, height * scale, width * scale) for model in self.models]
        for occasion in occasions:
            tuning_cache.remember(tuning_cache.Tuned(occasion, ranking[0].setting, ranking[0].milliseconds))
        return Outcome(self.models, occasions[0], ranking)
