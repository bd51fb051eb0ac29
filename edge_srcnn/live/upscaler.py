"""From options to what enhances live video: a ladder of models, or the one that was named."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path

from edge_srcnn.engine.backends import AUTO
from edge_srcnn.engine.build import tuning_key
from edge_srcnn.engine.options import EngineOptions, candidates, may_be_missing
from edge_srcnn.engine.tuning_cache import TuningKey
from edge_srcnn.live.governor import Governor
from edge_srcnn.live.ladder_upscaler import LadderUpscaler
from edge_srcnn.live.pipeline import FrameUpscaler
from edge_srcnn.live.region import RegionUpscaler
from edge_srcnn.models.bundled import is_auto, live_ladder
from edge_srcnn.system.temperature import Heat, HeatWatch
from edge_srcnn.upscaler import load, read_named

HOT_C = 80.0


class LiveUpscalers:
    """Makes the upscaler of a live source, again and again if need be: the model that it came to stays.

    Parameters
    ----------
    model, options, scale, camera
        As for ``load``. A named model or an accelerator has no ladder, and nothing is stepped.
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
    """

    def __init__(
        self,
        model: str | Path | None = None,
        options: EngineOptions | None = None,
        *,
        scale: int = 2,
        camera: bool = False,
        roi: tuple[int, int, int, int] | None = None,
        keep_fps: Fraction | None = None,
        rate: Callable[[], Fraction | None] = lambda: None,
        hot_c: float = HOT_C,
        heat: Callable[[], Heat] | None = None,
    ) -> None:
        self._model, self._roi, self._keep_fps, self._rate = model, roi, keep_fps, rate
        self._options, self._scale, self._camera = options or EngineOptions(), scale, camera
        self._heat, self._hot_c = heat or HeatWatch().newest, hot_c
        self._governor: Governor | None = None

    def make(self) -> FrameUpscaler:
        """Make it ready.

        Raises
        ------
        EdgeSrcnnError
            As for ``load``.
        """
        first = candidates(self._options)[0]
        if not first.backend().has_network:
            return load(self._model, first, scale=self._scale, camera=self._camera)
        if self._governor is None:
            self._governor = Governor(len(self._models), self._hot_c)
        return LadderUpscaler(
            self._models,
            self._enhancing,
            self._governor,
            target_fps=self._target_fps,
            key_for=self._key_for,
            heat=self._heat,
        )

    @cached_property
    def _models(self) -> tuple[str, ...]:
        if not is_auto(self._model):
            return (str(self._model),)
        models = live_ladder(self._scale, camera=self._camera)
        return models[-1:] if may_be_missing(candidates(self._options)[0]) else models

    def _enhancing(self, name: str) -> FrameUpscaler:
        upscaler = load(name, self._options, scale=self._scale, camera=self._camera)
        return upscaler if self._roi is None or upscaler.model is None else RegionUpscaler(upscaler, self._roi)

    def _target_fps(self) -> float | None:
        return min((float(fps) for fps in (self._keep_fps, self._rate()) if fps is not None), default=None)

    def _key_for(self, model: str, size: tuple[int, int]) -> TuningKey | None:
        """Name what a time is kept under beside the tunings, as far as nothing but the model decides on it."""
        if self._roi is not None or replace(self._options, engine=AUTO, reuse=False) != EngineOptions():
            return None
        found = read_named(model, self._scale)
        width, height = (side * found.spec.scale for side in size)
        return tuning_key(found, candidates(self._options)[0].backend(), height, width)
