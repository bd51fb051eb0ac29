"""Make what a configuration names: a capture, an upscaler, sinks, and the supervisor that runs them."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from edge_srcnn.engine.backends import Delegate
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.engine.postprocess import AS_TRAINED
from edge_srcnn.engine.strength import AUTO, Strength
from edge_srcnn.errors import describe
from edge_srcnn.imaging.overlay import Overlay, read_overlay
from edge_srcnn.live.capture import Capture
from edge_srcnn.live.failover import FailoverUpscaler
from edge_srcnn.live.frame_upscaler import FrameUpscaler
from edge_srcnn.live.reader import Opener
from edge_srcnn.live.retrying_sink import RetryingSink
from edge_srcnn.live.upscaler import Upscalers
from edge_srcnn.models.bundled import is_auto
from edge_srcnn.service.settings import Config, Enhance
from edge_srcnn.service.supervisor import Supervisor
from edge_srcnn.service.systemd import Notifier
from edge_srcnn.sinks import Sink, open_sink
from edge_srcnn.sources import is_camera
from edge_srcnn.system.backoff import Backoff
from edge_srcnn.system.temperature import Heat, HeatWatch
from edge_srcnn.uri import frame_rate, parse_uri, read_options, region


class Service:
    """A supervisor, and what of it can be changed while it runs.

    Parameters
    ----------
    config
        Names the source, the sinks, and what enhances.
    steady
        Wait for a camera that is lost, fail over from an engine that fails, try failed sinks again; False: the first
        failure ends the run.
    caller
        A sink of the program that runs this, besides those of the configuration.
    notifier
        Speaks to systemd; None: to that of this process.

    Raises
    ------
    EdgeSrcnnError
        A part of the configuration makes no sense on this machine; not steady: or cannot be opened.
    """

    def __init__(
        self, config: Config, *, steady: bool = True, caller: Sink | None = None, notifier: Notifier | None = None
    ) -> None:
        self._config = config
        self._one_reload = threading.Lock()
        self._camera = is_camera(config.source)
        self._heat = HeatWatch().newest
        self._overlay = _overlay_of(config)
        self._strength = Strength(strength_of(config.enhance, camera=self._camera))
        with ExitStack() as opened:
            opener = Opener.of(config.source, self._temporal)
            if steady and opener.reopens:
                self._capture = Capture(opener, Backoff(config.service.retry_camera_s))
            else:
                self._capture = Capture(opener).open()
            opened.callback(self._capture.join)
            opened.callback(self._capture.close)
            upscalers = self._upscalers(config, self._camera)
            self._failover = FailoverUpscaler(upscalers.candidates()) if steady else None
            self._upscaler: FrameUpscaler = self._failover or upscalers.make()
            opened.callback(self._upscaler.close)
            self.sinks: list[Sink] = [] if caller is None else [caller]
            for uri in config.sinks:
                sink = RetryingSink.of(uri, Backoff(config.service.retry_sink_s)) if steady else open_sink(uri)
                opened.callback(sink.close)
                self.sinks.append(sink)
            opened.pop_all()
        told = config.service
        self.supervisor = Supervisor(
            self._capture,
            self._upscaler,
            self.sinks,
            statistics_s=told.statistics_s,
            name=told.name,
            overlay=lambda frame: self._overlay.text(frame),
            strength=self._strength,
            notifier=notifier,
        )

    @property
    def live(self) -> bool:
        """Tell whether the source does not wait, so that the newest frame counts."""
        return self._capture.live

    @property
    def scale(self) -> int:
        """Give the factor of upscaling."""
        return self._upscaler.scale

    def close(self) -> None:
        """Let go of the engine."""
        self._upscaler.close()

    def reload(self, load: Callable[[], Config]) -> None:
        """Take over what can be taken over; a configuration that is bad changes nothing. From any thread."""
        with self._one_reload:
            self.supervisor.reloading()
            try:
                said = self._take_over(load())
            except Exception as error:  # whatever it is, the service goes on as it was
                said = f"the old configuration stays: {describe(error)}"
            self.supervisor.told(said)

    def _take_over(self, config: Config) -> str:
        """Change engines and source, and tell what waits for the next start; nothing is changed where this raises."""
        before, opener = self._config, Opener.of(config.source, self._temporal)
        reopens = self._capture.retries and opener.reopens
        camera = is_camera(config.source) if reopens else self._camera  # of the frames that will come
        engine, engine_before = (replace(each.enhance, temporal=None, strength=None) for each in (config, before))
        if engine != engine_before or (camera != self._camera and is_auto(config.enhance.model)):
            candidates = self._upscalers(config, camera).candidates()
            if not candidates[0].may_be_missing:
                candidates[0].make().close()  # what cannot be made is not taken over
            if self._failover is not None:
                self._failover.replace(candidates)
        self._strength.asked = strength_of(config.enhance, camera=camera)
        if config.source != before.source and reopens:
            self._capture.replace(opener)
            self._overlay = _overlay_of(replace(config, service=before.service))
        changes = {
            "source": config.source != before.source and not reopens,
            "sinks": config.sinks != before.sinks,
            "[service]": config.service != before.service,
        }
        self._camera, self._config = camera, config
        later = ", ".join(name for name, changed in changes.items() if changed)
        return f"configuration reloaded; {later} from the next start on" if later else "configuration reloaded"

    def _temporal(self) -> str | None:
        """Give what is to count where a source's name has no temporal=, now."""
        return self._config.enhance.temporal

    def _upscalers(self, config: Config, camera: bool) -> Upscalers:
        return upscalers_of(config, self._capture, camera=camera, strength=self._strength, heat=self._heat)


def upscalers_of(
    config: Config, capture: Capture, *, camera: bool, strength: Strength, heat: Callable[[], Heat] | None = None
) -> Upscalers:
    """Make what makes the upscaler that a configuration names, for frames of a capture that is open.

    Parameters
    ----------
    config
        Names model, engine, region and rate.
    capture
        Where the frames come from.
    camera
        Whether they come from a camera.
    strength
        All that is made shares it.
    heat
        Gives the last look at the processor; None: a look of its own.

    Returns
    -------
    It makes upscalers, again and again if need be.
    """
    asked = config.enhance
    options = EngineOptions.parse(
        engine=asked.engine,
        threads=asked.threads,
        block=asked.block,
        tile=asked.tile,
        reuse=asked.reuse,
        isolate=asked.isolate,
        delegate=None if asked.delegate is None else Delegate.parse(asked.delegate, asked.delegate_options),
    )
    return Upscalers(
        asked.model,
        options,
        scale=asked.scale,
        camera=camera,
        live=capture.live,
        roi=None if asked.roi is None else region(asked.roi),
        strength=strength,
        keep_fps=None if asked.keep_fps is None else frame_rate(asked.keep_fps),
        rate=lambda: capture.rate,
        hot_c=config.service.hot_c,
        heat=heat or HeatWatch().newest,
    )


def strength_of(asked: Enhance, *, camera: bool) -> float | str:
    """Choose the strength where nothing is asked for: less than was trained where a camera is too noisy for it."""
    return (AUTO if camera else AS_TRAINED) if asked.strength is None else asked.strength


def _overlay_of(config: Config) -> Overlay:
    """Choose what is written on pictures: what the source's name says, or else the service's setting."""
    uri = parse_uri(config.source)
    told = {name: text for name, text in uri.options.items() if name == "overlay"}
    read = read_options(replace(uri, options=told), overlay=read_overlay)
    return Overlay(read["overlay"] if read else read_overlay(config.service.overlay or "no"), config.service.name)
