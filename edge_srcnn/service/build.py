"""From a configuration to the service: steady parts around what the configuration names."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from edge_srcnn.engine.edgetpu.delegate import custom_delegate
from edge_srcnn.engine.edgetpu.several import is_edgetpu
from edge_srcnn.engine.interpreter import AUTO, BICUBIC, EDGETPU, choose_engine
from edge_srcnn.errors import describe
from edge_srcnn.live.backoff import Backoff
from edge_srcnn.live.capture import Capture, Opener
from edge_srcnn.live.failover import Rung, SteadyUpscaler
from edge_srcnn.live.pipeline import FrameUpscaler
from edge_srcnn.live.region import RegionUpscaler
from edge_srcnn.live.retrying_sink import RetryingSink
from edge_srcnn.live.upscaler import HOT_C, LiveUpscalers
from edge_srcnn.loading import load_model, read_named
from edge_srcnn.models.bundled import is_auto
from edge_srcnn.service.config.settings import Config, Enhance
from edge_srcnn.service.supervisor import Supervisor
from edge_srcnn.sources import is_camera
from edge_srcnn.sources import kind_of as kind_of_source
from edge_srcnn.system.temperature import Heat, HeatWatch
from edge_srcnn.uri import frame_rate, parse_uri, region, without_secrets


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
        self._capture = capture_of(config)
        try:
            self._upscaler = SteadyUpscaler(self._rungs(config, camera=self._camera))
        except BaseException:
            self._capture.close()
            raise
        self.sinks = [RetryingSink.of(uri, Backoff(config.service.retry_sink_s)) for uri in config.sinks]
        self.supervisor = Supervisor(
            self._capture,
            self._upscaler,
            self.sinks,
            statistics_s=config.service.statistics_s,
        )

    def reload(self, load: Callable[[], Config]) -> None:
        """Take over what can be taken over; a configuration that is bad changes nothing. From any thread."""
        with self._one_reload:
            self._reload(load)

    def _rungs(self, config: Config, *, camera: bool) -> list[Rung]:
        if not self._capture.live:
            return rungs(config.enhance, camera=camera)
        live = Live(lambda: self._capture.rate, config.service.hot_c, self._heat)
        return rungs(config.enhance, camera=camera, live=live)

    def _reload(self, load: Callable[[], Config]) -> None:
        before = self._config
        self.supervisor.reloading()
        try:
            config = load()
            source = self._capture if self._capture.retries and comes_back(config.source) else None
            camera = self._camera if source is None else is_camera(config.source)  # of the frames that will come
            if config.enhance != before.enhance or (camera != self._camera and is_auto(config.enhance.model)):
                made = self._rungs(config, camera=camera)
                if not made[0].may_be_missing:
                    made[0].make().close()  # what cannot be made is not taken over
                self._upscaler.replace(made)
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


@dataclass(frozen=True)
class Live:
    """What a ladder of models has to know of a live source and of this machine; see ``LiveUpscalers``."""

    rate: Callable[[], Fraction | None] = lambda: None
    hot_c: float = HOT_C
    heat: Callable[[], Heat] | None = None


def comes_back(uri: str) -> bool:
    """Whether a source is one that may get lost and found: a camera or a stream, not a file."""
    parsed = parse_uri(uri)
    return kind_of_source(parsed).reopens(parsed)


def capture_of(config: Config) -> Capture:
    """Make the capture of the configured source; a camera or stream is not opened yet."""
    opener = Opener.of(config.source)
    if comes_back(config.source):
        return Capture(opener, Backoff(config.service.retry_camera_s))
    return Capture(opener).open()


def rungs(enhance: Enhance, *, camera: bool = False, live: Live | None = None) -> list[Rung]:
    """The engine that is wanted, below it lesser ones: this machine's processor, and bicubic scaling.

    Parameters
    ----------
    camera
        Where the pictures come from, see ``load_model``.
    live
        None: the source is a file, of which each frame counts, and the best model enhances it.
    """
    if enhance.engine == AUTO and enhance.delegate is None and _is_compiled(enhance, camera=camera):
        enhance = replace(enhance, engine=EDGETPU)  # which may come later, or get lost

    def enhancing(wanted: Enhance) -> Callable[[], FrameUpscaler]:
        return _enhancing(wanted, camera, live)

    first = Rung(enhance.delegate or enhance.engine, enhancing(enhance))
    plain = replace(enhance, isolate=False, delegate=None, delegate_options=())
    if is_edgetpu(enhance.engine) or enhance.delegate is not None:
        processor = replace(plain, engine=choose_engine(AUTO))
        found = [replace(first, may_be_missing=True), Rung(processor.engine, enhancing(processor))]
    elif enhance.isolate:
        found = [first, Rung(f"{enhance.engine}, not isolated,", enhancing(plain))]
    else:
        found = [first]
    if enhance.engine != BICUBIC:
        found.append(Rung(BICUBIC, enhancing(replace(plain, engine=BICUBIC))))
    return found


def _is_compiled(enhance: Enhance, *, camera: bool) -> bool:
    form = read_named(enhance.model, enhance.scale, camera=camera).tpu
    return form is not None and form.compiler is not None


def _enhancing(enhance: Enhance, camera: bool, live: Live | None) -> Callable[[], FrameUpscaler]:
    options: dict[str, Any] = {
        "scale": enhance.scale,
        "camera": camera,
        "engine": enhance.engine,
        "threads": enhance.threads,
        "block": enhance.block,
        "tile": enhance.tile,
        "reuse": enhance.reuse,
        "isolate": enhance.isolate,
        "delegate": None if enhance.delegate is None else custom_delegate(enhance.delegate, enhance.delegate_options),
    }
    # bicubic alone has no region, and so goes on when the region fails
    roi = None if enhance.roi is None or enhance.engine == BICUBIC else region(enhance.roi)
    if live is not None:
        keep_fps = None if enhance.keep_fps is None else frame_rate(enhance.keep_fps)
        options |= {"rate": live.rate, "hot_c": live.hot_c, "heat": live.heat}
        return LiveUpscalers(enhance.model, roi=roi, keep_fps=keep_fps, **options).make

    def make() -> FrameUpscaler:
        upscaler = load_model(enhance.model, **options)
        return upscaler if roi is None else RegionUpscaler(upscaler, roi)

    return make
