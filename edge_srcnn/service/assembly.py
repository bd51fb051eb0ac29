"""From a configuration to the service: steady parts around what the configuration names."""

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from edge_srcnn.bundled import is_auto
from edge_srcnn.engine.delegates import custom_delegate
from edge_srcnn.engine.edgetpu import is_edgetpu
from edge_srcnn.engine.interpreter import AUTO, BICUBIC, EDGETPU, choose_engine
from edge_srcnn.errors import EdgeSrcnnError
from edge_srcnn.loading import load_model, read_named
from edge_srcnn.pacing import PacedUpscaler, RegionUpscaler
from edge_srcnn.pipeline import FrameUpscaler
from edge_srcnn.service.backoff import Backoff
from edge_srcnn.service.configuration.settings import Config, Enhance
from edge_srcnn.service.steady_sink import SteadySink
from edge_srcnn.service.steady_source import SteadySource
from edge_srcnn.service.steady_upscaler import Rung, SteadyUpscaler
from edge_srcnn.service.supervisor import Supervisor
from edge_srcnn.sinks import kind_of as kind_of_sink
from edge_srcnn.sinks import open_sink
from edge_srcnn.sources import Source, is_camera, open_source
from edge_srcnn.sources import kind_of as kind_of_source
from edge_srcnn.uri import frame_rate, parse_uri, region, without_secrets

_LIVE_SINKS = frozenset({"http", "https", "push", "null"})


class Service:
    """A supervisor, and what of it can be changed while it runs.

    Raises
    ------
    EdgeSrcnnError
        A part of the configuration makes no sense on this machine.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._one_reload = threading.Lock()
        self._camera = is_camera(config.source)
        self._upscaler = SteadyUpscaler(rungs(config.enhance, camera=self._camera))
        self._source = steady_source(config)
        self.sinks = [_steady_sink(uri, config) for uri in config.sinks]
        self.supervisor = Supervisor(
            self._source,
            self._upscaler,
            self.sinks,
            hot_c=config.service.hot_c,
            statistics_s=config.service.statistics_s,
        )

    def reload(self, load: Callable[[], Config]) -> None:
        """Take over what can be taken over; a configuration that is bad changes nothing. From any thread."""
        with self._one_reload:
            self._reload(load)

    def _reload(self, load: Callable[[], Config]) -> None:
        before = self._config
        self.supervisor.reloading()
        try:
            config = load()
            source = self._source if isinstance(self._source, SteadySource) and comes_back(config.source) else None
            camera = self._camera if source is None else is_camera(config.source)  # of the frames that will come
            if config.enhance != before.enhance or (camera != self._camera and is_auto(config.enhance.model)):
                made = rungs(config.enhance, camera=camera)
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


def rungs(enhance: Enhance, *, camera: bool = False) -> list[Rung]:
    """The engine that is wanted, below it lesser ones: this machine's processor, and bicubic scaling.

    ``camera`` tells where the pictures come from, see ``load_model``.
    """
    enhancing = partial(_enhancing, camera=camera)
    if enhance.engine == AUTO and enhance.delegate is None and _is_compiled(enhance, camera=camera):
        enhance = replace(enhance, engine=EDGETPU)  # which may come later, or get lost
    first = Rung(enhance.delegate or enhance.engine, partial(enhancing, enhance))
    plain = replace(enhance, isolate=False, delegate=None, delegate_options=())
    if is_edgetpu(enhance.engine) or enhance.delegate is not None:
        processor = replace(plain, engine=choose_engine(AUTO))
        found = [replace(first, may_be_missing=True), Rung(processor.engine, partial(enhancing, processor))]
    elif enhance.isolate:
        found = [first, Rung(f"{enhance.engine}, not isolated,", partial(enhancing, plain))]
    else:
        found = [first]
    if enhance.engine != BICUBIC:
        found.append(Rung(BICUBIC, partial(enhancing, replace(plain, engine=BICUBIC))))
    return found


def _is_compiled(enhance: Enhance, *, camera: bool) -> bool:
    form = read_named(enhance.model, enhance.scale, camera=camera).tpu
    return form is not None and form.compiler is not None


def _enhancing(enhance: Enhance, *, camera: bool) -> FrameUpscaler:
    upscaler = load_model(
        enhance.model,
        scale=enhance.scale,
        camera=camera,
        engine=enhance.engine,
        threads=enhance.threads,
        block=enhance.block,
        tile=enhance.tile,
        reuse=enhance.reuse,
        isolate=enhance.isolate,
        delegate=None if enhance.delegate is None else custom_delegate(enhance.delegate, enhance.delegate_options),
    )
    if enhance.roi is not None and enhance.engine != BICUBIC:  # which has none, and so goes on when the region fails
        return RegionUpscaler(upscaler, region(enhance.roi))
    return PacedUpscaler(upscaler, None if enhance.keep_fps is None else frame_rate(enhance.keep_fps))


def _steady_sink(uri: str, config: Config) -> SteadySink:
    live = kind_of_sink(parse_uri(uri)) in _LIVE_SINKS
    return SteadySink(
        without_secrets(uri), partial(open_sink, uri), live=live, backoff=Backoff(config.service.retry_sink_s)
    )
