"""How it goes: ``/state`` as JSON, and ``/metrics`` for Prometheus, by whose conventions names and units are chosen."""

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, is_dataclass, make_dataclass
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from edge_srcnn.errors.masking import without_secrets
from edge_srcnn.system.temperature import processor_temperature_c
from edge_srcnn.web.broadcast import Broadcast
from edge_srcnn.web.openapi import PROJECT
from edge_srcnn.web.views import PARTS, VIEWS

_TOLD = (PROJECT, "aiohttp", "simplejpeg")
_PREFIX = "edge_srcnn_"


@dataclass(frozen=True)
class Viewed:
    """Tell what the viewer adds to the pipeline's state.

    Attributes
    ----------
    signal
        A picture came of late.
    picture_age_s, picture_interval_s
        Since the newest picture; and what is usual between two.
    clients, views
        Streams that are open, in all and by view.
    control
        Settings can be changed, at ``/control``.
    """

    name: str | None
    signal: bool
    picture_age_s: float | None
    picture_interval_s: float
    clients: int
    views: dict[str, int]
    temperature_c: float | None
    control: bool
    versions: dict[str, str]


def status(
    look: Callable[[], Any], broadcast: Broadcast, name: str | None = None, *, control: bool = False
) -> dict[str, Any]:
    """Collect the camera's name, the pipeline's state and the viewers', for JSON; ``look`` gives a dataclass."""
    state = asdict(look())
    for sink in state.get("sinks", ()):
        sink["name"] = without_secrets(sink["name"])
        sink["error"] = sink["error"] and without_secrets(sink["error"])
    viewed = Viewed(
        name=name,
        signal=broadcast.is_fresh(),
        picture_age_s=broadcast.age_s(),
        picture_interval_s=broadcast.interval_s(),
        clients=broadcast.viewers.total(),
        views={view: broadcast.viewers[view] for view in (*VIEWS, *sorted(set(broadcast.viewers) - set(VIEWS)))},
        temperature_c=processor_temperature_c(),
        control=control,
        versions=versions(),
    )
    return {"name": name, **state, **asdict(viewed)}


def shown_of(look: Callable[[], Any]) -> type:
    """Give the type of what ``status`` collects: the pipeline's state, with what the viewer adds."""
    state = type(look())
    return make_dataclass("Shown", [], bases=(Viewed, state), frozen=True) if is_dataclass(state) else Viewed


@cache
def versions() -> dict[str, str]:
    """Give the versions of this package and of what it serves with, as far as they are installed."""
    found = {"python": platform.python_version()}
    for name in _TOLD:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def registry(look: Callable[[], Any], broadcast: Broadcast) -> CollectorRegistry:
    """Make the metrics of one sink and of this process; ``look`` gives the pipeline's state."""
    own = CollectorRegistry()
    own.register(_Metrics(look, broadcast))
    ProcessCollector(registry=own)
    return own


class _Metrics(Collector):
    def __init__(self, look: Callable[[], Any], broadcast: Broadcast) -> None:
        self._look, self._broadcast = look, broadcast

    def collect(self) -> Iterator[Metric]:
        """Look at the pipeline once, and give its metrics."""
        yield InfoMetricFamily(f"{_PREFIX}build", "What runs here.", {"version": versions().get(PROJECT, "unknown")})
        yield from _of_pipeline(self._look())
        yield from _of_viewer(self._broadcast)
        temperature_c = processor_temperature_c()
        if temperature_c is not None:
            yield _gauge("temperature_celsius", "Of the processor.", temperature_c)


def _of_pipeline(state: Any) -> Iterator[Metric]:
    yield _gauge("running_seconds", "Since the pipeline began.", state.running_s)
    yield _counter("frames_in", "Frames that came, those that the source left out included.", state.frames_in)
    yield _counter("frames", "Frames that were enhanced.", state.frames_out)
    yield _counter("frames_dropped", "Frames that a newer one overtook.", state.dropped)
    yield _gauge("idle", "1 while nobody takes enhanced frames, and none is computed.", state.idle)
    yield _counter("frames_idle", "Frames that nobody took, and that were not computed.", state.idle_frames)
    yield _gauge("frames_in_per_second", "Frames a second from the source, of late.", state.fps_in)
    yield _gauge("frames_per_second", "Frames a second that were enhanced, of late.", state.fps_out)
    yield _gauge("enhanced_ratio", "The part of the picture that the network sees.", state.enhanced_share)
    yield _gauge("strength_ratio", "Factor on what the network changes; 1 is what was trained.", state.strength)
    if state.ladder is not None:
        yield from _of_ladder(state.ladder)
    yield from _of_temporal(state.temporal)
    if state.still_share is not None:
        text = "The part of the tiles of late that were as before, and not computed again."
        yield _gauge("still_ratio", text, state.still_share)
    if state.age_s is not None:
        yield _gauge("frame_age_seconds", "Since the last enhanced frame.", state.age_s)
    yield _quantiles("enhance_seconds", "What the upscaler took for a frame.", state.enhance)
    yield _quantiles("latency_seconds", "From the sensor until the sinks had the frame.", state.latency)
    names = list(zip(_labels(sink.name for sink in state.sinks), state.sinks, strict=True))
    yield _counter("sink_frames", "Frames that a sink took.", {n: s.written for n, s in names}, "sink")
    yield _counter("sink_frames_dropped", "Frames that a sink missed.", {n: s.dropped for n, s in names}, "sink")
    yield _gauge("sink_up", "1, or 0 when the sink has failed.", {n: s.error is None for n, s in names}, "sink")


def _labels(names: Iterable[str]) -> Iterator[str]:
    """Tell sinks apart that differ in their secrets alone."""
    seen: Counter[str] = Counter()
    for name in map(without_secrets, names):
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name} ({seen[name]})"


def _of_ladder(ladder: Any) -> Iterator[Metric]:
    present = {model: number == ladder.index for number, model in enumerate(ladder.models)}
    yield _gauge("active_model", "1 for the model that enhances, of those to choose from.", present, "model")
    steps = {(step.direction, step.reason): step.count for step in ladder.steps}
    yield _counter("ladder_steps", "Steps to a faster or a better model.", steps, "direction", "reason")
    yield _gauge("too_slow", "1 while even the fastest model is too slow.", ladder.too_slow is not None)


def _of_temporal(temporal: Any) -> Iterator[Metric]:
    active = temporal.strength is not None and temporal.passing is None
    yield _gauge("temporal_active", "1 while frames are averaged over time.", active)
    if temporal.strength is None:
        return
    yield _gauge("temporal_seconds", "What averaging took for a frame, median.", temporal.median_ms / 1000)
    if temporal.noise is not None:
        yield _gauge("noise_grey_levels", "Standard deviation of the sensor's noise in one frame.", temporal.noise)


def _of_viewer(broadcast: Broadcast) -> Iterator[Metric]:
    yield _gauge("signal", "1 when a frame came of late.", broadcast.is_fresh())
    yield _gauge("clients", "Streams that are open.", {view: broadcast.viewers[view] for view in PARTS}, "view")
    yield _counter("jpegs", "Pictures that were encoded.", {view: broadcast.jpegs[view] for view in VIEWS}, "view")
    sizes = {view: broadcast.jpeg_bytes[view] for view in VIEWS}
    yield _counter("jpeg_bytes", "Bytes of the pictures that were encoded.", sizes, "view")
    seconds = {view: broadcast.encode_s[view] for view in VIEWS}
    yield _counter("jpeg_encode_seconds", "Time that encoding took.", seconds, "view")


def _family(
    kind: type[GaugeMetricFamily] | type[CounterMetricFamily],
    name: str,
    text: str,
    value: float | Mapping[Any, float],
    *labels: str,
) -> Metric:
    """Make a metric of one value, or of values by label (by tuples of labels, where there are several)."""
    family = kind(_PREFIX + name, text, labels=labels)
    for key, each in value.items() if isinstance(value, Mapping) else [((), value)]:
        family.add_metric(key if isinstance(key, tuple) else (key,), float(each))
    return family


_gauge = partial(_family, GaugeMetricFamily)
_counter = partial(_family, CounterMetricFamily)


def _quantiles(name: str, text: str, times: Any) -> Metric:
    values = {"0.5": times.median_ms, "0.95": times.p95_ms, "0.99": times.p99_ms}
    return _gauge(name, text, {quantile: ms / 1000 for quantile, ms in values.items()}, "quantile")
