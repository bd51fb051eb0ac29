"""Make what a configuration names: a capture, an upscaler, sinks, and the supervisor that runs them."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from edge_srcnn.engine.backends import AUTO, Delegate
from edge_srcnn.engine.options import EngineOptions, may_be_missing
from edge_srcnn.engine.options import candidates as engines
from edge_srcnn.errors import describe
from edge_srcnn.live.backoff import Backoff
from edge_srcnn.live.capture import Capture, Opener
from edge_srcnn.live.failover import Candidate, FailoverUpscaler
from edge_srcnn.live.pipeline import FrameUpscaler
from edge_srcnn.live.region import RegionUpscaler
from edge_srcnn.live.retrying_sink import RetryingSink
from edge_srcnn.live.upscaler import LiveUpscalers
from edge_srcnn.models.bundled import is_auto
from edge_srcnn.service.settings import Config, Enhance
from edge_srcnn.service.supervisor import Supervisor
from edge_srcnn.sinks import Sink, open_sink
from edge_srcnn.sources import is_camera, kind_of
from edge_srcnn.system.temperature import Heat, HeatWatch
from edge_srcnn.upscaler import load, read_named
from edge_srcnn.uri import frame_rate, parse_uri, region, without_secrets


class Service:
    """A supervisor, and what of it can be changed while it runs.

    Parameters
    ----------
    steady
        Wait for a camera that is lost, fail over from an engine that fails, try failed sinks again; False: the first
        failure ends the run.
    heat
        Gives the last look at the processor; None: this machine's.

    Raises
    ------
    EdgeSrcnnError
        A part of the configuration makes no sense on this machine; not steady: or cannot be opened.
    """

    def __init__(self, config: Config, *, steady: bool = True, heat: Callable[[], Heat] | None = None) -> None:
        self._config = config
        self._one_reload = threading.Lock()
        self._camera = is_camera(config.source)
        self._heat = heat or HeatWatch().newest
        with ExitStack() as opened:
            self._capture = self._captured(config, steady=steady)
            opened.callback(self._capture.join)
            opened.callback(self._capture.close)
            self._upscaler: FrameUpscaler
            if steady:
                self._upscaler = FailoverUpscaler(self._candidates(config, camera=self._camera))
            else:
                self._upscaler = _maker(
                    config.enhance, _engine_options(config.enhance), self._camera, self._live(config)
                )()
            opened.callback(self._upscaler.close)
            self.sinks: list[Sink] = []
            for uri in config.sinks:
                sink = RetryingSink.of(uri, Backoff(config.service.retry_sink_s)) if steady else open_sink(uri)
                opened.callback(sink.close)
                self.sinks.append(sink)
            opened.pop_all()
        self.supervisor = Supervisor(
            self._capture, self._upscaler, self.sinks, statistics_s=config.service.statistics_s
        )

    def close(self) -> None:
        """Let go of the engine."""
        self._upscaler.close()

    def reload(self, load: Callable[[], Config]) -> None:
        """Take over what can be taken over; a configuration that is bad changes nothing. From any thread."""
        with self._one_reload:
            self._reload(load)

    @staticmethod
    def _captured(config: Config, *, steady: bool) -> Capture:
        """Make the capture of the source; one that is opened again and again is not opened yet."""
        opener = Opener.of(config.source)
        if steady and _reopens(config.source):
            return Capture(opener, Backoff(config.service.retry_camera_s))
        return Capture(opener).open()

    def _live(self, config: Config) -> dict[str, Any] | None:
        if not self._capture.live:
            return None
        return {"rate": lambda: self._capture.rate, "hot_c": config.service.hot_c, "heat": self._heat}

    def _candidates(self, config: Config, *, camera: bool) -> list[Candidate]:
        return candidates(config.enhance, camera=camera, live=self._live(config))

    def _reload(self, load: Callable[[], Config]) -> None:
        before, failover = self._config, self._upscaler
        if not isinstance(failover, FailoverUpscaler):
            raise TypeError("only a steady service takes over another configuration")
        self.supervisor.reloading()
        try:
            config = load()
            source = self._capture if self._capture.retries and _reopens(config.source) else None
            camera = self._camera if source is None else is_camera(config.source)  # of the frames that will come
            if config.enhance != before.enhance or (camera != self._camera and is_auto(config.enhance.model)):
                made = self._candidates(config, camera=camera)
                if not made[0].may_be_missing:
                    made[0].make().close()  # what cannot be made is not taken over
                failover.replace(made)
        except Exception as error:  # whatever it is, the service goes on as it was
            why = describe(error)
            self.supervisor.told(f"the old configuration stays: {without_secrets(why)}")
            return
        self._camera = camera
        later = []
        if config.source != before.source:
            if source is None:
                later.append("source")
            else:
                source.replace(Opener.of(config.source))
        if config.sinks != before.sinks:
            later.append("sinks")
        if config.service != before.service:
            later.append("[service]")
        self._config = config
        rest = f"; {', '.join(later)} from the next start on" if later else ""
        self.supervisor.told(f"configuration reloaded{rest}")


def _reopens(uri: str) -> bool:
    parsed = parse_uri(uri)
    return kind_of(parsed).reopens(parsed)


def candidates(enhance: Enhance, *, camera: bool = False, live: dict[str, Any] | None = None) -> list[Candidate]:
    """List the engine that is wanted, and those that take its place: this machine's processor, and bicubic scaling.

    Parameters
    ----------
    camera
        Where the pictures come from, see ``load_model``.
    live
        What ``LiveUpscalers`` has to know of a live source and of this machine; None: the source is a file, of which
        each frame counts, and the best model enhances it.
    """
    wanted, without_region = _engine_options(enhance), replace(enhance, roi=None)
    model = read_named(enhance.model, enhance.scale, camera=camera) if wanted.engine == AUTO else None
    found = []
    for options in engines(wanted, model):
        # bicubic alone has no region, and so goes on when the region fails
        part = enhance if options.backend().has_network else without_region
        name = options.label + (" (isolated)" if options.isolate else "")
        found.append(Candidate(name, _maker(part, options, camera, live), may_be_missing(options)))
    return found


def _engine_options(enhance: Enhance) -> EngineOptions:
    return EngineOptions.parse(
        engine=enhance.engine,
        threads=enhance.threads,
        block=enhance.block,
        tile=enhance.tile,
        reuse=enhance.reuse,
        isolate=enhance.isolate,
        delegate=None if enhance.delegate is None else Delegate.parse(enhance.delegate, enhance.delegate_options),
    )


def _maker(
    enhance: Enhance, options: EngineOptions, camera: bool, live: dict[str, Any] | None
) -> Callable[[], FrameUpscaler]:
    about: dict[str, Any] = {"scale": enhance.scale, "camera": camera}
    roi = None if enhance.roi is None else region(enhance.roi)
    if live is not None:
        keep_fps = None if enhance.keep_fps is None else frame_rate(enhance.keep_fps)
        return LiveUpscalers(enhance.model, options, roi=roi, keep_fps=keep_fps, **about, **live).make

    def make() -> FrameUpscaler:
        upscaler = load(enhance.model, options, **about)
        return upscaler if roi is None else RegionUpscaler(upscaler, roi)

    return make
