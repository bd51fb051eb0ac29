"""From options to what enhances live video: a ladder of models, or the one that was named."""

import logging
from collections.abc import Callable
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

from edge_srcnn.engine.build import occasion_of
from edge_srcnn.engine.edgetpu.delegate import Delegate
from edge_srcnn.engine.edgetpu.several import is_edgetpu
from edge_srcnn.engine.interpreter import AUTO, BICUBIC, choose_engine
from edge_srcnn.engine.tuning_cache import Measured, Occasion, recall_ms, remember_ms
from edge_srcnn.errors import CannotWrite
from edge_srcnn.live.governor import Governor
from edge_srcnn.live.ladder_upscaler import LadderUpscaler
from edge_srcnn.live.pipeline import FrameUpscaler
from edge_srcnn.live.region import RegionUpscaler
from edge_srcnn.loading import load_model, read_named
from edge_srcnn.models.bundled import is_auto, live_ladder
from edge_srcnn.system.temperature import Heat, HeatWatch

log = logging.getLogger(__name__)

HOT_C = 80.0


class LiveUpscalers:
    """Makes the upscaler of a live source, again and again if need be: the rung it was on stays.

    Parameters
    ----------
    model, scale, camera, engine, delegate
        As for ``load_model``. A named model, an Edge TPU or a delegate has no ladder, and nothing is stepped.
    roi
        Left, top, width, height: what the network sees of the camera's picture; None: all of it.
    keep_fps
        Frames a second that are to be kept; None: as many as the camera gives.
    rate
        Gives the camera's frames a second; None while nobody knows.
    hot_c
        From so many degrees Celsius on the processor is hot.
    heat
        Gives the last look at the processor, at once.
    options
        The other ones of ``load_model``.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        scale: int = 2,
        camera: bool = False,
        engine: str = AUTO,
        delegate: Delegate | None = None,
        roi: tuple[int, int, int, int] | None = None,
        keep_fps: Fraction | None = None,
        rate: Callable[[], Fraction | None] = lambda: None,
        hot_c: float = HOT_C,
        heat: Callable[[], Heat] | None = None,
        **options: Any,
    ) -> None:
        self._model, self._roi, self._keep_fps, self._rate = model, roi, keep_fps, rate
        self._options = options | {"scale": scale, "camera": camera, "engine": engine, "delegate": delegate}
        self._heat, self._hot_c = heat or HeatWatch().newest, hot_c
        self._governor: Governor | None = None

    def make(self) -> FrameUpscaler:
        """Make it ready.

        Raises
        ------
        EdgeSrcnnError
            As for ``load_model``.
        """
        if choose_engine(self._options["engine"]) == BICUBIC:
            return load_model(self._model, **self._options)
        if self._governor is None:
            self._governor = Governor(len(self._rungs), self._hot_c)
        return LadderUpscaler(
            self._rungs,
            self._enhancing,
            self._governor,
            target_fps=self._target_fps,
            times=_TunedTimes(self._options, whole=self._roi is None),
            heat=self._heat,
        )

    @cached_property
    def _rungs(self) -> tuple[str, ...]:
        if not is_auto(self._model):
            return (str(self._model),)
        rungs = live_ladder(self._options["scale"], camera=self._options["camera"]).rungs
        fixed = self._options["delegate"] is not None or is_edgetpu(self._options["engine"])
        return rungs[-1:] if fixed else rungs

    def _enhancing(self, name: str) -> FrameUpscaler:
        upscaler = load_model(name, **self._options)
        return upscaler if self._roi is None or upscaler.model is None else RegionUpscaler(upscaler, self._roi)

    def _target_fps(self) -> float | None:
        return min((float(fps) for fps in (self._keep_fps, self._rate()) if fps is not None), default=None)


class _TunedTimes:
    """Times beside the tunings, as far as nothing but the models decides on them."""

    def __init__(self, options: dict[str, Any], *, whole: bool) -> None:
        self._scale, self._engine = options["scale"], choose_engine(options["engine"])
        usual = {"threads": None, "block": AUTO, "tile": AUTO, "isolate": False, "delegate": None}
        self._is_usual = whole and all(options.get(name, value) == value for name, value in usual.items())

    def recall_s(self, model: str, size: tuple[int, int]) -> float | None:
        """Seconds for a frame of that size (width, height), or None."""
        if not self._is_usual:
            return None
        found_ms = recall_ms(self._occasion(model, size))
        return None if found_ms is None else found_ms / 1000

    def remember_s(self, model: str, size: tuple[int, int], seconds: float) -> None:
        """Keep it, if the cache can be written."""
        if not self._is_usual or seconds <= 0:
            return
        try:
            remember_ms(Measured(self._occasion(model, size), seconds * 1000))
        except CannotWrite as error:
            log.debug("what %s takes is not remembered: %s", model, error)

    def _occasion(self, model: str, size: tuple[int, int]) -> Occasion:
        found = read_named(model, self._scale)
        width, height = (side * found.spec.scale for side in size)
        return occasion_of(found, self._engine, height, width)
