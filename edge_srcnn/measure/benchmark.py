"""How fast it is here: plain and packed network, each stage of a frame, and the share of what the processor can do.

Everything that is compared is timed in turns within one run; figures are medians.
"""

import math
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle
from time import perf_counter, process_time
from typing import Any

import cv2
import numpy as np

from edge_srcnn.engine.backends import Backend
from edge_srcnn.engine.build import network_of, plan_for
from edge_srcnn.engine.graph import FLOAT, Convolution, Graph, Network, Quantization
from edge_srcnn.engine.isolated import IsolatedLuma
from edge_srcnn.engine.luma import LumaUpscaler
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.engine.plan import PLAIN, WHOLE_TILE, Plan
from edge_srcnn.engine.tflite_reader import read_graph
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.temporal import TemporalMean
from edge_srcnn.measure import Stopwatch, inference_by, picture_for
from edge_srcnn.models.file import Model

STAGES = ("resize", "pack", "invoke", "unpack")
MIN_ROUNDS = 7
"""Rounds that a fast network gets in any case; one that is slow gets those that there is time for, and one at least."""
CHANGED_SHARE = 0.1
"""The part of the frame that moves in the second figure of ``Reuse``."""

NOISY_FRAMES, SIGMA = 8, 4.0
"""Frames that the mean over time is timed on, again and again, and their noise in grey levels."""

CEILING_SIZE = (32, 64)
"""Height and width of what ``ceiling_graph`` is timed on."""
_LEAST_S = 1.0
_CEILING_CHANNELS = 512


@dataclass(frozen=True)
class Reuse:
    """Give the cost of a frame with ``reuse``, as a share of a fresh one, and the share of tiles not computed."""

    still: float
    still_tiles_reused: float
    tenth_changed: float
    tenth_changed_tiles_reused: float


@dataclass(frozen=True)
class Benchmark:
    """Hold what was measured.

    Attributes
    ----------
    size, output
        Width and height of the frame, and of the result.
    plan
        Block, tile and threads.
    plain_ms, packed_ms
        The network alone over a frame: the model's own graph over the whole frame; and packed, tile by tile.
    ratio
        ``plain_ms / packed_ms``.
    identical
        Whether both put out the same bytes.
    ceiling_gmacs, gmacs
        10^9 multiply-accumulates a second: of a 1x1 convolution of 512 to 512 channels in the same interpreter, and of
        the packed network, counting only those that the plain one has.
    ceiling_fraction
        ``gmacs / ceiling_gmacs``.
    stages
        Milliseconds of a frame in each of ``STAGES``.
    first_frame_cpu_ms
        CPU time from a model in memory to its first frame: graph read, packed and written, interpreter made, and run.
    frame_ms, frames_per_second
        A whole frame of luma.
    around_invoke
        The share of a frame that is not ``invoke``.
    temporal_ms, temporal_ratio
        The mean over time of a noisy frame with 4:2:0 chroma; by what bicubic scaling of its luma by 2 takes.
    others
        Milliseconds of a frame by other ways.
    reuse
        With still pictures, if that was asked for.
    """

    size: tuple[int, int]
    output: tuple[int, int]
    plan: Plan
    plain_ms: float
    packed_ms: float
    ratio: float
    identical: bool
    ceiling_gmacs: float
    gmacs: float
    ceiling_fraction: float
    stages: dict[str, float]
    first_frame_cpu_ms: float
    frame_ms: float
    frames_per_second: float
    around_invoke: float
    temporal_ms: float
    temporal_ratio: float
    others: dict[str, float]
    reuse: Reuse | None


def measure(
    model: Model,
    options: EngineOptions,
    size: tuple[int, int],
    *,
    seconds: float,
    compare: bool = False,
    reuse: bool = False,
    progress: Callable[[float], None] = lambda share: None,
) -> Benchmark:
    """Measure for about ``seconds``, of which no more than a round may be exceeded.

    Parameters
    ----------
    model
        What is measured.
    options
        How it computes; another engine than ``auto``.
    size
        Width and height of the frame.
    seconds
        How long; a fast network gets ``MIN_ROUNDS`` in any case.
    compare
        Also time the plain network in float32, filters of cv2, and the engine in a process of its own.
    reuse
        Also time still and nearly still frames with tiles that are used again.
    progress
        Is told now and then how much is done, 0 to 1.

    Returns
    -------
    All figures.
    """
    scale, luma, watch = model.spec.scale, picture_for(*size), Stopwatch()
    out = np.empty([side * scale for side in luma.shape], np.uint8)
    backend, plan = options.backend(), plan_for(model, options, *out.shape)
    backend.prepare()
    began_cpu = process_time()
    network = network_of(model)
    inference = inference_by(plan, network, backend)
    upscaler = LumaUpscaler(inference, scale)
    upscaler.upscale(luma, out)
    first_frame_cpu_ms = (process_time() - began_cpu) * 1000
    own = replace(network, graph=read_graph(model.graph))
    plain_inference = inference_by(Plan(PLAIN, WHOLE_TILE, plan.threads), own, backend)
    plain = LumaUpscaler(plain_inference, scale)
    plain.upscale(luma, out)
    identical = np.array_equal(plain_inference.raw, inference.raw)
    best = ceiling_graph(network.graph.dtype)
    ceiling = backend.compile(best, plan.threads)
    mean, noisy = TemporalMean(), cycle(_noisy_frames(luma))
    for _ in range(NOISY_FRAMES):  # until it averages
        mean.filter(next(noisy))
    with ExitStack() as opened:
        others: dict[str, Callable[[], object]] = {}
        if compare:
            isolated = opened.enter_context(closing(IsolatedLuma(model, options)))
            others = _other_ways(network, backend, plan, luma, scale)
            others["edge-srcnn, isolated"] = partial(isolated.upscale, luma, out)
        began, rounds, spent = perf_counter(), 0, 0.0
        while not rounds or spent + spent / rounds <= max(seconds, _LEAST_S if rounds < MIN_ROUNDS else 0):
            upscaler.statistics.clear()
            watch.time("frame", lambda: upscaler.upscale(luma, out))
            for stage in STAGES:
                watch.add(stage, getattr(upscaler.statistics, f"{stage}_s"))
            watch.time("temporal", lambda: mean.filter(next(noisy)))
            watch.time("bicubic", partial(upscale_bicubic, luma, 2))
            plain.statistics.clear()
            plain.upscale(luma, out)
            watch.add("plain", plain.statistics.invoke_s)
            watch.time("ceiling", ceiling.run)
            for name, job in others.items():
                watch.time(name, job)
            rounds += 1
            spent = perf_counter() - began
            progress(min(spent / seconds, 1))
    packed_ms, plain_ms, frame_ms = watch.ms("invoke"), watch.ms("plain"), watch.ms("frame")
    gmacs = network.macs_per_pixel * out.size / packed_ms / 1e6
    ceiling_gmacs = best.macs_per_cell * math.prod(CEILING_SIZE) / watch.ms("ceiling") / 1e6
    again = None
    if reuse:
        still = replace(options, reuse=True).applied_to(plan, model.spec.plane)
        again = _measure_reuse(network, backend, still, luma, scale, min(rounds, MIN_ROUNDS))
    return Benchmark(
        size=size,
        output=(out.shape[1], out.shape[0]),
        plan=plan,
        plain_ms=plain_ms,
        packed_ms=packed_ms,
        ratio=plain_ms / packed_ms,
        identical=identical,
        ceiling_gmacs=ceiling_gmacs,
        gmacs=gmacs,
        ceiling_fraction=gmacs / ceiling_gmacs,
        stages={stage: watch.ms(stage) for stage in STAGES},
        first_frame_cpu_ms=first_frame_cpu_ms,
        frame_ms=frame_ms,
        frames_per_second=1000 / frame_ms,
        around_invoke=1 - packed_ms / frame_ms,
        temporal_ms=watch.ms("temporal"),
        temporal_ratio=watch.ms("temporal") / watch.ms("bicubic"),
        others={name: watch.ms(name) for name in others},
        reuse=again,
    )


def _noisy_frames(luma: UInt8Array) -> list[Frame]:
    """Make frames of a still scene, each with noise of its own, and with 4:2:0 chroma."""
    rng = np.random.default_rng(0)
    grey = np.full([-(-side // 2) for side in luma.shape], 128, np.uint8)

    def seen(plane: UInt8Array) -> UInt8Array:
        noisy = plane + np.rint(rng.normal(0, SIGMA, plane.shape))
        return np.clip(noisy, 0, 255).astype(np.uint8)

    return [Frame(seen(luma), (seen(grey), seen(grey)), Colour(), number, 0.0, 0.0) for number in range(NOISY_FRAMES)]


def _measure_reuse(network: Network, backend: Backend, plan: Plan, luma: UInt8Array, scale: int, rounds: int) -> Reuse:
    """Time fresh frames, frames that are the last one, and frames of which a tenth (a rectangle) changed, in turns."""
    watch, share = Stopwatch(), dict[str, float]()
    upscaler = LumaUpscaler(inference_by(plan, network, backend, reuse=True), scale)
    out = np.empty([side * scale for side in luma.shape], np.uint8)
    moved = luma.copy()
    height, width = (round(side * math.sqrt(CHANGED_SHARE)) for side in luma.shape)
    top, left = (luma.shape[0] - height) // 2, (luma.shape[1] - width) // 2
    moved[top : top + height, left : left + width] ^= 1
    for _ in range(rounds):
        for name, frame in (("fresh", ~luma), ("again", luma), ("still", luma), ("tenth", moved)):
            upscaler.statistics.clear()
            watch.time(name, partial(upscaler.upscale, frame, out))
            share[name] = upscaler.statistics.tiles_reused / upscaler.statistics.tiles
    fresh = watch.ms("fresh")
    return Reuse(watch.ms("still") / fresh, share["still"], watch.ms("tenth") / fresh, share["tenth"])


def _other_ways(
    network: Network, backend: Backend, plan: Plan, luma: UInt8Array, scale: int
) -> dict[str, Callable[[], object]]:
    """Give what people have otherwise: the same network in float32 and not packed, and filters."""
    in_float32 = replace(network, graph=_in_float32(network.graph))
    real = LumaUpscaler(inference_by(Plan(PLAIN, plan.tile, plan.threads), in_float32, backend), scale)
    bigger = (luma.shape[1] * scale, luma.shape[0] * scale)
    out = real.upscale(luma)
    ways: dict[str, Callable[[], object]] = {"float32 TFLite": lambda: real.upscale(luma, out)}
    if scale == 1:
        return ways | {
            "bilateral filter (cv2)": lambda: cv2.bilateralFilter(luma, 5, 20, 2),
            "non-local means (cv2)": lambda: cv2.fastNlMeansDenoising(luma, h=6),
        }
    return ways | {
        "bicubic (cv2)": lambda: cv2.resize(luma, bigger, interpolation=cv2.INTER_CUBIC),
        "Lanczos (cv2)": lambda: cv2.resize(luma, bigger, interpolation=cv2.INTER_LANCZOS4),
    }


def _in_float32(graph: Graph) -> Graph:
    """Convert a network to real weights; a float graph is given back as it is."""
    if graph.dtype == np.float32:
        return graph
    layers, scale = [], np.float32(graph.input.scale)
    for layer in graph.layers:
        weights = layer.weights * layer.weight_scales[:, None, None, None]
        bias = layer.bias * layer.weight_scales * scale
        layers.append(Convolution(weights, bias.astype(np.float32), np.zeros(0, np.float32), FLOAT, layer.relu))
        scale = np.float32(layer.output.scale)
    return Graph(graph.input_shape, FLOAT, tuple(layers))


def ceiling_graph(dtype: np.dtype[Any]) -> Graph:
    """Make a 1x1 convolution of many channels: what the interpreter does best."""
    weights = np.ones((_CEILING_CHANNELS, 1, 1, _CEILING_CHANNELS), dtype)
    scales, result = np.ones(_CEILING_CHANNELS, np.float32), Quantization(float(_CEILING_CHANNELS), 0)
    if dtype == np.float32:
        scales, result = np.zeros(0, np.float32), FLOAT
    bias = np.zeros(_CEILING_CHANNELS, np.float32 if dtype == np.float32 else np.int32)
    source = FLOAT if dtype == np.float32 else Quantization(1.0, 0)
    layer = Convolution(weights, bias, scales, result, relu=False)
    return Graph((*CEILING_SIZE, _CEILING_CHANNELS), source, (layer,))
