"""The same for Prometheus; names and units follow its conventions."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from edge_srcnn.system.temperature import processor_temperature_c
from edge_srcnn.uri import without_secrets
from edge_srcnn.web.broadcast import Broadcast
from edge_srcnn.web.state import PROJECT, versions
from edge_srcnn.web.views import PARTS, VIEWS

_PREFIX = "edge_srcnn_"


def registry(look: Callable[[], Any], broadcast: Broadcast) -> CollectorRegistry:
    """Metrics of one sink and of this process; ``look`` gives the pipeline's state."""
    own = CollectorRegistry()
    own.register(_Metrics(look, broadcast))
    ProcessCollector(registry=own)
    return own


class _Metrics(Collector):
    def __init__(self, look: Callable[[], Any], broadcast: Broadcast) -> None:
        self._look, self._broadcast = look, broadcast

    def describe(self) -> list[Metric]:
        """Nothing beforehand: the pipeline need not run yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Look once, and tell."""
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
    if state.ladder is not None:
        yield from _of_ladder(state.ladder)
    if state.age_s is not None:
        yield _gauge("frame_age_seconds", "Since the last enhanced frame.", state.age_s)
    yield _quantiles("enhance_seconds", "What the upscaler took for a frame.", state.enhance)
    yield _quantiles("latency_seconds", "From the sensor until the sinks had the frame.", state.latency)
    names = [(without_secrets(sink.name), sink) for sink in state.sinks]
    yield _counters("sink_frames", "Frames that a sink took.", "sink", {n: s.written for n, s in names})
    yield _counters("sink_frames_dropped", "Frames that a sink missed.", "sink", {n: s.dropped for n, s in names})
    yield _gauges("sink_up", "1, or 0 when the sink has failed.", "sink", {n: s.error is None for n, s in names})


def _of_ladder(ladder: Any) -> Iterator[Metric]:
    present = {model: number == ladder.index for number, model in enumerate(ladder.models)}
    yield _gauges("active_model", "1 for the model that enhances, of those to choose from.", "model", present)
    steps = CounterMetricFamily(
        _PREFIX + "ladder_steps", "Steps to a faster or a better model.", labels=["direction", "reason"]
    )
    for step in ladder.steps:
        steps.add_metric([step.direction, step.reason], step.count)
    yield steps
    yield _gauge("too_slow", "1 while even the fastest model is too slow.", ladder.too_slow is not None)


def _of_viewer(broadcast: Broadcast) -> Iterator[Metric]:
    yield _gauge("signal", "1 when a frame came of late.", broadcast.is_fresh())
    viewers = {view: broadcast.viewers[view] for view in PARTS}
    yield _gauges("clients", "Streams that are open.", "view", viewers)
    yield _counters("jpegs", "Pictures that were encoded.", "view", {v: broadcast.jpegs[v] for v in VIEWS})
    sizes = {view: broadcast.jpeg_bytes[view] for view in VIEWS}
    yield _counters("jpeg_bytes", "Bytes of the pictures that were encoded.", "view", sizes)
    seconds = {view: broadcast.encode_s.get(view, 0.0) for view in VIEWS}
    yield _counters("jpeg_encode_seconds", "Time that encoding took.", "view", seconds)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(_PREFIX + name, text, value=float(value))


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(_PREFIX + name, text, value=float(value))


def _gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(_PREFIX + name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], float(value))
    return family


def _counters(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(_PREFIX + name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], float(value))
    return family


def _quantiles(name: str, text: str, times: Any) -> Metric:
    values = {"0.5": times.median_ms, "0.95": times.p95_ms, "0.99": times.p99_ms}
    return _gauges(name, text, "quantile", {quantile: ms / 1000 for quantile, ms in values.items()})
