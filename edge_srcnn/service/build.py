"""Make what a configuration names: a capture, an upscaler, sinks, and the supervisor that runs them."""

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction

from edge_srcnn.engine.strength import Strength
from edge_srcnn.errors import describe
from edge_srcnn.imaging.overlay import Overlay, read_overlay
from edge_srcnn.live.capture import Capture
from edge_srcnn.live.engine_maker import EngineMaker
from edge_srcnn.live.failover import Candidate, FailoverUpscaler
from edge_srcnn.live.frame_upscaler import RegionControl
from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.live.reader import Opener
from edge_srcnn.live.retrying_sink import RetryingSink
from edge_srcnn.live.upscaler import Upscalers
from edge_srcnn.models.bundled import is_auto
from edge_srcnn.service.changes import Changes
from edge_srcnn.service.control import RunControl, transform_values
from edge_srcnn.service.settings import Config, Enhance
from edge_srcnn.service.settings import Service as ServiceSettings
from edge_srcnn.service.supervisor import Supervisor
from edge_srcnn.service.systemd import Notifier
from edge_srcnn.service.upscalers import keep_fps_of, region_of, strength_of, upscalers_of
from edge_srcnn.sinks import Sink, open_sink
from edge_srcnn.sources import is_camera
from edge_srcnn.system.backoff import Backoff
from edge_srcnn.system.temperature import HeatWatch
from edge_srcnn.uri import parse_uri, read_options

log = logging.getLogger(__name__)


class Service:
    """A supervisor, and what of it can be changed while it runs.

    Parameters
    ----------
    config
        Names the source, the sinks, and what enhances.
    steady
        Wait for a camera that is lost, fail over from an engine that fails, try failed sinks again; False: the first
        failure ends the run.
    changes
        Keeps what is changed while it runs.
    caller
        A sink of the program that runs this, besides those of the configuration.
    notifier
        Speaks to systemd; None: to that of this process.

    Attributes
    ----------
    camera
        Whether frames come from a camera.
    changing
        Whoever changes it holds this.

    Raises
    ------
    EdgeSrcnnError
        A part of the configuration makes no sense on this machine; not steady: or cannot be opened.
    """

    def __init__(
        self,
        config: Config,
        *,
        steady: bool = True,
        changes: Changes = Changes(),  # noqa: B008  # frozen, it names files
        caller: Sink | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        self.config, self.changes, self.changing = config, changes, threading.RLock()
        self.camera = is_camera(config.source)
        self._heat = HeatWatch().newest
        self._overlay = _overlay_of(config)
        self._strength = Strength(strength_of(config.enhance, camera=self.camera))
        self._region = RegionControl(region_of(config.enhance))
        with ExitStack() as opened:
            opener = self._opener(config)
            if steady and opener.reopens:
                self.capture = Capture(opener, Backoff(config.service.retry_camera_s))
            else:
                self.capture = Capture(opener).open()
            opened.callback(self.capture.join)
            opened.callback(self.capture.close)
            self._upscaler = FailoverUpscaler(self._candidates(config, steady=steady), steady=steady)
            self._maker = EngineMaker(self._upscaler)
            opened.callback(self._upscaler.close)
            self.sinks: list[Sink] = [] if caller is None else [caller]
            for uri in config.sinks:
                sink = RetryingSink.of(uri, Backoff(config.service.retry_sink_s)) if steady else open_sink(uri)
                opened.callback(sink.close)
                self.sinks.append(sink)
            opened.pop_all()
        told = config.service
        self.supervisor = Supervisor(
            self.capture,
            self._upscaler,
            self.sinks,
            statistics_s=told.statistics_s,
            name=told.name,
            overlay=lambda frame: self._overlay.text(frame),
            strength=self._strength,
            notifier=notifier,
            control=RunControl(self),
        )
        if not told.recording:
            self.pipeline.record(False)
            log.warning("recordings are switched off")

    @property
    def pipeline(self) -> Pipeline:
        """Give what runs."""
        return self.supervisor.pipeline

    @property
    def live(self) -> bool:
        """Tell whether the source does not wait, so that the newest frame counts."""
        return self.capture.live

    @property
    def scale(self) -> int:
        """Give the factor of upscaling."""
        return self._upscaler.scale

    def close(self) -> None:
        """Let go of the engine."""
        self._upscaler.close()

    def reload(self, load: Callable[[], Config]) -> None:
        """Take over what can be taken over; a configuration that is bad changes nothing. From any thread."""
        with self.changing:
            self.supervisor.reloading()
            try:
                said = self.take_over(load(), soon=False)
            except Exception as error:  # whatever it is, the service goes on as it was
                said = f"the old configuration stays: {describe(error)}"
            self.supervisor.told(said)

    def take_over(self, config: Config, *, soon: bool) -> str:
        """Change engines, source and settings, and tell what waits for the next start; nothing where this raises.

        Parameters
        ----------
        config
            The configuration that counts from now on.
        soon
            Return at once; another engine takes over when it is ready.

        Returns
        -------
        A sentence.
        """
        before, opener = self.config, self._opener(config)
        reopens = self.capture.retries and opener.reopens
        camera = is_camera(config.source) if reopens else self.camera  # of the frames that will come
        if _engine_of(config) != _engine_of(before) or (camera != self.camera and is_auto(config.enhance.model)):
            candidates = self._candidates(config, camera=camera, steady=self._upscaler.steady)
            if soon:
                self._maker.ask(candidates, lambda: self._keep_model(config, before))
            else:  # what cannot be made is not taken over
                first = candidates[0]
                self._maker.take(candidates, None if first.may_be_missing else self._maker.make(first))
        self._strength.asked = strength_of(config.enhance, camera=camera)
        self._region.asked = region_of(config.enhance)
        self.pipeline.record(config.service.recording)
        source = config.source if reopens else before.source
        if source != before.source:
            self.capture.replace(opener)
        elif self.capture.live:
            present = self.capture.opener
            if present.opening is not None:
                present.transform.asked = present.opening.transform(transform_values(config))
        self._overlay = _overlay_of(replace(config, source=source))
        changes = {
            "source": config.source != source,
            "sinks": config.sinks != before.sinks,
            "[transform]": config.transform != before.transform and not self.capture.live,
            "[service]": _later(config) != _later(before),
        }
        self.camera, self.config = camera, config
        later = ", ".join(name for name, changed in changes.items() if changed)
        return f"configuration reloaded; {later} from the next start on" if later else "configuration reloaded"

    def _keep_model(self, refused: Config, before: Config) -> None:
        """Take note that a model could not take over."""
        with self.changing:
            if self.config.enhance.model == refused.enhance.model:
                self.config = replace(self.config, enhance=replace(self.config.enhance, model=before.enhance.model))

    def _opener(self, config: Config) -> Opener:
        return Opener.of(config.source, self._temporal, transform_values(config))

    def _temporal(self) -> str | None:
        """Give what is to count where a source's name has no temporal=, now."""
        return self.config.enhance.temporal

    def _keep_fps(self) -> Fraction | None:
        """Give the rate that is to be kept, now."""
        return keep_fps_of(self.config.enhance)

    def _candidates(self, config: Config, *, camera: bool | None = None, steady: bool) -> list[Candidate]:
        """List the engines that can take each other's place; not steady: the one that is wanted."""
        upscalers = self._upscalers(config, camera=self.camera if camera is None else camera)
        return upscalers.candidates() if steady else [Candidate("of the run", upscalers.make)]

    def _upscalers(self, config: Config, *, camera: bool) -> Upscalers:
        return upscalers_of(
            config,
            self.capture,
            camera=camera,
            strength=self._strength,
            heat=self._heat,
            roi=self._region,
            keep_fps=self._keep_fps,
        )


def _engine_of(config: Config) -> Enhance:
    """Give what an engine is made of: what else is there changes without another one."""
    return replace(config.enhance, temporal=None, strength=None, roi=None, keep_fps=None)


def _later(config: Config) -> ServiceSettings:
    """Give what waits for the next start, of the table of the service."""
    return replace(config.service, name=None, overlay=None, recording=True, snapshots="", keep_snapshots=1)


def _overlay_of(config: Config) -> Overlay:
    """Choose what is written on pictures: what the source's name says, or else the service's setting."""
    uri = parse_uri(config.source)
    told = {name: text for name, text in uri.options.items() if name == "overlay"}
    read = read_options(replace(uri, options=told), overlay=read_overlay)
    return Overlay(read["overlay"] if read else read_overlay(config.service.overlay or "no"), config.service.name)
