"""From a configuration to the service: steady parts around what the configuration names."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from edge_srcnn.engine.backends import AUTO
from edge_srcnn.engine.candidates import candidates, may_be_missing
from edge_srcnn.engine.delegate import Delegate
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.errors import EdgeSrcnnError
from edge_srcnn.live.backoff import Backoff
from edge_srcnn.live.failover import Candidate, Failover
from edge_srcnn.live.pipeline import FrameUpscaler
from edge_srcnn.live.reconnecting_source import SteadySource
from edge_srcnn.live.region import RegionUpscaler
from edge_srcnn.live.retrying_sink import SteadySink
from edge_srcnn.live.upscaler import HOT_C, LiveUpscalers
from edge_srcnn.loading import load, read_named
from edge_srcnn.models.bundled import is_auto
from edge_srcnn.service.config.settings import Config, Enhance
from edge_srcnn.service.supervisor import Supervisor
from edge_srcnn.sinks import kind_of as kind_of_sink
from edge_srcnn.sinks import open_sink
from edge_srcnn.sources import Source, is_camera, open_source
from edge_srcnn.sources import kind_of as kind_of_source
from edge_srcnn.system.temperature import Heat, HeatWatch
from edge_srcnn.uri import frame_rate, parse_uri, region, without_secrets

_LIVE_SINKS = frozenset({"http", "https", "push", "null"})


class Service:
    """A supervisor, and what of it can be changed while it runs.

    Parameters
    ----------
    heat
        Gives the last look at the processor; None: this machine's.

    Raises
    ------
    EdgeSrcnnError
        A part of the configuration makes no sense on this machine.
    """

    def __init__(self, config: Config, *, heat: Callable[[], Heat] | None = None) -> None:
        self._config = config
        self._one_reload = threading.Lock()
        self._camera = is_camera(config.source)
        self._heat = heat or HeatWatch().newest
        self._source = steady_source(config)
        try:
            self._upscaler = Failover(self._rungs(config, camera=self._camera))
        except BaseException:
            self._source.close()
            raise
        self.sinks = [_steady_sink(uri, config) for uri in config.sinks]
        self.supervisor = Supervisor(
            self._source,
            self._upscaler,
            self.sinks,
            statistics_s=config.service.statistics_s,
        )

    def reload(self, load: Callable[[], Config]) -> None:
        """Take over what can be taken over; a configuration that is bad changes nothing. From any thread."""
        with self._one_reload:
            self._reload(load)

    def _rungs(self, config: Config, *, camera: bool) -> list[Candidate]:
        if not self._source.live:
            return rungs(config.enhance, camera=camera)
        live = Live(lambda: self._source.rate, config.service.hot_c, self._heat)
        return rungs(config.enhance, camera=camera, live=live)

    def _reload(self, load: Callable[[], Config]) -> None:
        before = self._config
        self.supervisor.reloading()
        try:
            config = load()
            source = self._source if isinstance(self._source, SteadySource) and comes_back(config.source) else None
            camera = self._camera if source is None else is_camera(config.source)  # of the frames that will come
            if config.enhance != before.enhance or (camera != self._camera and is_auto(config.enhance.model)):
                made = self._rungs(config, camera=camera)
                if not made[0].may_be_missing:
                    made[0].make().close()  # what cannot be made is not taken over
                self._upscaler.replace(made)
        except Exception as error:  # whatever it is, the service goes on as it was
            why = str(error) if isinstance(error, EdgeSrcnnError) else f"{type(error).__name__}: {error}"
            self.supervisor.told(f"the old configuration stays: {without_secrets(why)}")
            return
        self._camera = camera
        later = []
        if config.source != before.source:
            if source is None:
                later.append("source")
            else:
                source.replace(partial(open_source, config.source))
        if config.sinks != before.sinks:
            later.append("sinks")
        if config.service != before.service:
            later.append("[service]")
        self._config = config
        rest = f"; {', '.join(later)} from the next start on" if later else ""
        self.supervisor.told(f"configuration reloaded{rest}")


@dataclass(frozen=True)
class Live:
    """What a ladder of models has to know of a live source and of this machine; see ``LiveUpscalers``."""

    rate: Callable[[], Fraction | None] = lambda: None
    hot_c: float = HOT_C
    heat: Callable[[], Heat] | None = None


def comes_back(uri: str) -> bool:
    """Whether a source is one that may get lost and found: a camera or a stream, not a file."""
    parsed = parse_uri(uri)
    endless = kind_of_source(parsed) == "test" and parsed.options.get("fps") != "max"
    return endless or is_camera(uri)


def steady_source(config: Config) -> Source:
    """The configured source; one that comes back is not opened yet."""
    if comes_back(config.source):
        return SteadySource(partial(open_source, config.source), Backoff(config.service.retry_camera_s))
    return open_source(config.source)


def rungs(enhance: Enhance, *, camera: bool = False, live: Live | None = None) -> list[Candidate]:
    """List the engine that is wanted, and those that take its place: this machine's processor, and bicubic scaling.

    Parameters
    ----------
    camera
        Where the pictures come from, see ``load_model``.
    live
        None: the source is a file, of which each frame counts, and the best model enhances it.
    """
    options = engine_options(enhance)
    model = read_named(enhance.model, enhance.scale, camera=camera) if options.engine == AUTO else None
    return [
        Candidate(
            each.label + (" (isolated)" if each.isolate else ""),
            _enhancing(enhance, each, camera, live),
            may_be_missing(each),
        )
        for each in candidates(options, model)
    ]


def engine_options(enhance: Enhance) -> EngineOptions:
    """Give what a configuration asks of an engine."""
    return EngineOptions.parse(
        engine=enhance.engine,
        threads=enhance.threads,
        block=enhance.block,
        tile=enhance.tile,
        reuse=enhance.reuse,
        isolate=enhance.isolate,
        delegate=None if enhance.delegate is None else Delegate.parse(enhance.delegate, enhance.delegate_options),
    )


def _enhancing(
    enhance: Enhance, options: EngineOptions, camera: bool, live: Live | None
) -> Callable[[], FrameUpscaler]:
    # bicubic alone has no region, and so goes on when the region fails
    roi = None if enhance.roi is None or not options.backend().has_network else region(enhance.roi)
    if live is not None:
        keep_fps = None if enhance.keep_fps is None else frame_rate(enhance.keep_fps)
        return LiveUpscalers(
            enhance.model,
            options,
            scale=enhance.scale,
            camera=camera,
            roi=roi,
            keep_fps=keep_fps,
            rate=live.rate,
            hot_c=live.hot_c,
            heat=live.heat,
        ).make

    def make() -> FrameUpscaler:
        upscaler = load(enhance.model, options, scale=enhance.scale, camera=camera)
        return upscaler if roi is None else RegionUpscaler(upscaler, roi)

    return make


def _steady_sink(uri: str, config: Config) -> SteadySink:
    live = kind_of_sink(parse_uri(uri)) in _LIVE_SINKS
    return SteadySink(
        without_secrets(uri), partial(open_sink, uri), live=live, backoff=Backoff(config.service.retry_sink_s)
    )
