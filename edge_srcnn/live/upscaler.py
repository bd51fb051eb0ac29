"""From options to what enhances a source: the best model for a file, for live video a ladder of them; and stand-ins."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path

from edge_srcnn.engine.backends import AUTO
from edge_srcnn.engine.build import tuning_key
from edge_srcnn.engine.options import EngineOptions, may_be_missing
from edge_srcnn.engine.options import candidates as engines
from edge_srcnn.engine.strength import Strength
from edge_srcnn.engine.tuning_cache import TuningKey
from edge_srcnn.live.failover import Candidate
from edge_srcnn.live.frame_upscaler import FrameUpscaler, RegionControl, RegionUpscaler
from edge_srcnn.live.governor import Governor
from edge_srcnn.live.ladder_upscaler import LadderUpscaler
from edge_srcnn.models.bundled import is_auto, live_ladder
from edge_srcnn.system.temperature import Heat, HeatWatch
from edge_srcnn.upscaler import load, read_named


@dataclass
class Upscalers:
    """Makes what enhances a source, again and again if need be: the model that it came to stays.

    Attributes
    ----------
    model, options, scale, camera
        As for ``load``. A named model or an accelerator has no ladder, and nothing is stepped.
    live
        Take the best model that keeps up; False: each frame counts, and the best model enhances it.
    roi
        What the network sees of the camera's picture; None: all of it, always.
    strength
        Chooses how strongly frames are sharpened; all that is made shares it.
    keep_fps
        Gives the frames a second that are to be kept; None: as many as the camera gives.
    rate
        Gives the camera's frames a second; None while nobody knows.
    hot_c
        From so many degrees Celsius on the processor is hot.
    heat
        Gives the last look at the processor, at once.
    """

    model: str | Path | None = None
    options: EngineOptions = field(default_factory=EngineOptions)
    scale: int = 2
    camera: bool = False
    live: bool = True
    roi: RegionControl | None = None
    strength: Strength = field(default_factory=Strength)
    keep_fps: Callable[[], Fraction | None] = lambda: None
    rate: Callable[[], Fraction | None] = lambda: None
    hot_c: float = 80.0
    heat: Callable[[], Heat] = field(default_factory=lambda: HeatWatch().newest)
    _governor: Governor | None = field(default=None, init=False)

    def make(self) -> FrameUpscaler:
        """Make one ready; raises what ``load`` does."""
        if not self.live:
            return self._load(self.model)
        first = engines(self.options)[0]
        if not first.backend().has_network:
            return load(self.model, first, scale=self.scale, camera=self.camera)
        if self._governor is None:
            self._governor = Governor(len(self.models), self.hot_c)
        return LadderUpscaler(
            self.models, self._load, self._governor, target_fps=self._target_fps, key_for=self._key_for, heat=self.heat
        )

    def candidates(self) -> list[Candidate]:
        """List the engine that is wanted, and those that take its place: the processor, and bicubic scaling."""
        auto = self.options.engine == AUTO
        model = read_named(self.model, self.scale, camera=self.camera) if auto else None
        found = []
        for options in engines(self.options, model):
            # bicubic alone has no region, and so goes on when the region fails
            made = replace(self, options=options, roi=self.roi if options.backend().has_network else None)
            name = options.label + (" (isolated)" if options.isolate else "")
            found.append(Candidate(name, made.make, may_be_missing(options)))
        return found

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Names of the models to choose from for live video, the fastest first."""
        if not is_auto(self.model):
            return (str(self.model),)
        models = live_ladder(self.scale, camera=self.camera)
        return models[-1:] if may_be_missing(engines(self.options)[0]) else models

    def _load(self, name: str | Path | None) -> FrameUpscaler:
        upscaler = load(name, self.options, scale=self.scale, camera=self.camera)
        upscaler.strength_control = self.strength
        return upscaler if self.roi is None else RegionUpscaler(upscaler, self.roi)

    def _target_fps(self) -> float | None:
        return min((float(fps) for fps in (self.keep_fps(), self.rate()) if fps is not None), default=None)

    def _key_for(self, model: str, size: tuple[int, int]) -> TuningKey | None:
        """Name what a time is kept under beside the tunings, as far as nothing but the model decides on it."""
        if (self.roi is not None and self.roi.asked is not None) or replace(
            self.options, engine=AUTO, reuse=False
        ) != EngineOptions():
            return None
        found = read_named(model, self.scale)
        width, height = (side * found.spec.scale for side in size)
        return tuning_key(found, engines(self.options)[0].backend(), height, width)
