"""Carry a model to the workers of a cluster, once to each, and keep its engines open there while the batch lasts."""

import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import edge_srcnn
from edge_srcnn.engine.backends import AUTO, BICUBIC, backend_named
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.engine.processor import available_processors
from edge_srcnn.engine.strength import Strength
from edge_srcnn.errors import EdgeSrcnnError, Unavailable
from edge_srcnn.imaging.temporal import TemporalStrength
from edge_srcnn.models.bundled import checked_scale, find_model, is_auto
from edge_srcnn.models.file import parse_model, read_model
from edge_srcnn.models.spec import ModelSpec
from edge_srcnn.sinks.images import Encoding
from edge_srcnn.sources.segment_plan import SEGMENT_S
from edge_srcnn.upscaler import Upscaler, load, open_model


@dataclass(frozen=True)
class Token:
    """Name a small file with contents by chance: whoever reads it sees the folder that it is in."""

    path: Path
    content: bytes


@dataclass(frozen=True)
class Recipe:
    """Hold everything that all jobs of a batch have in common.

    Attributes
    ----------
    model
        The bytes of a model file, sealed; None: bicubic scaling without a model.
    where
        What the model is called in messages.
    scale
        Counts where there is no model.
    options
        What was asked of the engine.
    strength
        What was asked for, see ``Strength``.
    encoding, temporal, partial_videos, segment_s
        See ``run_jobs``.
    token
        Beside the results; None: the workers are not to look at the client's files.
    host_threads
        Threads of all workers on a host, by its address: they share its processors.
    version
        Of edge-srcnn on the client.
    """

    model: bytes | None
    where: str
    scale: int = 2
    options: EngineOptions = field(default_factory=EngineOptions)
    strength: float | str | None = None
    encoding: Encoding = field(default_factory=Encoding)
    temporal: TemporalStrength | None = None
    partial_videos: bool = False
    segment_s: float = SEGMENT_S
    token: Token | None = None
    host_threads: Mapping[str, int] = field(default_factory=dict)
    version: str = edge_srcnn.__version__

    @property
    def spec(self) -> ModelSpec | None:
        """Describe the model, as an upscaler of this recipe does; None: no network computes."""
        if self.model is None or self.options.engine == BICUBIC:
            return None
        return parse_model(self.model, self.where).spec


def make_recipe(name: str | None, options: EngineOptions, *, scale: int, strength: float | str | None) -> Recipe:
    """Read a model that is to travel; arguments and errors are those of ``load``, and of ``Strength``."""
    if options.engine == BICUBIC and is_auto(name):
        return Recipe(None, BICUBIC, checked_scale(scale), options, strength)
    path = find_model(name, scale)
    model = read_model(path)
    return Recipe(path.read_bytes(), str(path), model.spec.scale, options, strength)


class Engines:
    """Open engines when they are needed, one for each thread of a worker, and keep them.

    It is the result of a task that all jobs depend on. So Dask sends it to each worker once, makes it anew where it got
    lost, and lets it go when the client has gone; what it has open is closed then. It travels as its recipe.

    Parameters
    ----------
    recipe
        What the jobs have in common.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self._idle: list[Upscaler] = []
        self._lock = threading.Lock()
        self._sees: bool | None = None
        weakref.finalize(self, _close_all, self._idle)

    def __reduce__(self) -> tuple[Any, ...]:
        return Engines, (self.recipe,)

    @contextmanager
    def take(self, host: str, threads: int) -> Iterator[Upscaler]:
        """Give an engine to one thread.

        Parameters
        ----------
        host
            The worker's.
        threads
            The worker's own, which share the processors if nothing is known about the host.

        Yields
        ------
        An engine with a strength of its own, that of the recipe.

        Raises
        ------
        Unavailable
            This worker cannot compute what the others do.
        """
        with self._lock:
            upscaler = self._idle.pop() if self._idle else None
        if upscaler is None:
            upscaler = self._open(self.recipe.host_threads.get(host, threads))
        upscaler.strength_control = Strength(self.recipe.strength)
        try:
            yield upscaler
        except BaseException:
            upscaler.close()
            raise
        with self._lock:
            self._idle.append(upscaler)

    def check_version(self) -> None:
        """Refuse jobs of another version: ``Unavailable``."""
        if self.recipe.version != edge_srcnn.__version__:
            raise Unavailable(f"has edge-srcnn {edge_srcnn.__version__}, and not {self.recipe.version} as here")

    def sees_results(self) -> bool:
        """Tell whether the client's folder of results is on this machine, too."""
        if self._sees is None:
            token, self._sees = self.recipe.token, False
            with suppress(OSError):
                self._sees = token is not None and token.path.read_bytes() == token.content
        return self._sees

    def _open(self, host_threads: int) -> Upscaler:
        recipe, options = self.recipe, self.recipe.options
        if options.threads is None and host_threads > 1 and (options.engine == AUTO or _has_threads(options.engine)):
            options = replace(options, threads=max(available_processors() // host_threads, 1))
        if recipe.model is None:
            return load(None, options, scale=recipe.scale)
        upscaler = open_model(parse_model(recipe.model, recipe.where), options)
        if options.engine == AUTO and upscaler.engine == BICUBIC:  # here nobody would see the warning
            upscaler.close()
            raise Unavailable("has no TFLite interpreter; install edge-srcnn there with all that it depends on")
        return upscaler


def _has_threads(engine: str) -> bool:
    return backend_named(engine).accelerator is None


def _close_all(upscalers: list[Upscaler]) -> None:
    for upscaler in upscalers:
        with suppress(EdgeSrcnnError, OSError):
            upscaler.close()
