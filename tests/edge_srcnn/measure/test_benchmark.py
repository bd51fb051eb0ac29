"""The figures hang together, and the two networks that are compared are the same."""

import dataclasses

import numpy as np
import pytest

from edge_srcnn.engine.backends import backend_named
from edge_srcnn.engine.graph import FLOAT, Convolution, Graph, Quantization
from edge_srcnn.engine.luma import LumaUpscaler
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.engine.plan import WHOLE_TILE, Blocks, Plan
from edge_srcnn.measure import benchmark, picture_for
from edge_srcnn.measure.benchmark import STAGES, measure
from edge_srcnn.models.file import parse_model

MACS = 9 * 9 * 64 + 64 * 32 + 5 * 5 * 32
"""Multiply-accumulates of 9-1-5 with 64 and 32 channels for a pixel."""

SETTING = Plan(Blocks((2, 4), (4, 4)), (32, 64), 1)


def asked(engine, setting=SETTING):
    return EngineOptions(engine, setting.threads, setting.blocks, setting.tile)


@pytest.fixture(scope="module")
def model(model_bytes):
    return parse_model(model_bytes, "bundled")


def test_the_figures_hang_together(engine, model):
    found = measure(model, asked(engine), (40, 30), seconds=0.01)
    assert (found.size, found.output, found.plan) == ((40, 30), (80, 60), SETTING)
    assert found.identical
    assert min(found.plain_ms, found.packed_ms, found.frame_ms, found.ceiling_gmacs) > 0
    assert found.ratio == pytest.approx(found.plain_ms / found.packed_ms)
    assert found.gmacs == pytest.approx(MACS * 80 * 60 / (found.packed_ms / 1e3) / 1e9)
    assert found.ceiling_fraction == pytest.approx(found.gmacs / found.ceiling_gmacs)
    assert tuple(found.stages) == STAGES == ("resize", "pack", "invoke", "unpack")
    assert found.stages["invoke"] == found.packed_ms
    assert all(0 < ms < found.frame_ms for ms in found.stages.values())
    assert found.frames_per_second == pytest.approx(1000 / found.frame_ms)
    assert found.around_invoke == pytest.approx(1 - found.packed_ms / found.frame_ms)
    assert found.others == {}
    assert found.reuse is None


@pytest.mark.slow
@pytest.mark.parametrize("block", ["1x1", "2x4", "1x4-4x4"])
@pytest.mark.parametrize("size", [(1, 1), (7, 5)])
def test_packed_and_plain_put_out_the_same_bytes(engine, model, block, size):
    setting = Plan(Blocks.parse(block), WHOLE_TILE, 1)
    assert measure(model, asked(engine, setting), size, seconds=0.001).identical


def test_a_packed_network_that_computes_something_else_is_told_apart(monkeypatch, engine, model):
    network = benchmark.network_of(model)
    real = network.graph
    last = real.layers[-1]
    wrong = dataclasses.replace(last, bias=last.bias + np.int32(2000))
    other = Graph(real.input_shape, real.input, (*real.layers[:-1], wrong))
    monkeypatch.setattr(benchmark, "network_of", lambda model: dataclasses.replace(network, graph=other))
    assert not measure(model, asked(engine), (8, 6), seconds=0.001).identical


@pytest.mark.slow
def test_other_ways_are_measured_when_they_are_asked_for(engine, model):
    found = measure(model, asked(engine), (16, 12), seconds=0.01, compare=True)
    assert set(found.others) == {"float32 TFLite", "bicubic (cv2)", "Lanczos (cv2)", "edge-srcnn, isolated"}
    assert min(found.others.values()) > 0


@pytest.mark.slow
def test_with_reuse_a_still_picture_computes_no_tile_and_a_moving_one_some(engine, model):
    # 400 x 300 in tiles of 128 x 96 at most are 4 x 4; the tenth that moves, 126 x 94 in the middle, is in 2 x 2
    found = measure(model, EngineOptions(engine, 1, SETTING.blocks), (200, 150), seconds=0.001, reuse=True).reuse
    assert found is not None
    assert found.still_tiles_reused == 1
    assert found.tenth_changed_tiles_reused == 12 / 16
    assert 0 < found.still < found.tenth_changed < 1


def test_progress_rises_from_0_to_1(engine, model):
    told = []
    measure(model, asked(engine), (8, 6), seconds=0.05, progress=told.append)
    assert told == sorted(told)
    assert told[0] > 0
    assert told[-1] <= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("round_s", "seconds", "rounds"),
    [
        (1.0, 5.0, 5),  # five are just through at the end
        (1.5, 5.0, 3),  # a fourth would end a second late
        (9.0, 5.0, 1),  # one in any case
        (0.125, 0.1, 7),  # a fast one has seven, which take less than a second
        (0.5, 0.1, 2),
        (0.125, 2.0, 16),
    ],
)
def test_so_many_rounds_are_measured_as_there_is_time_for(monkeypatch, engine, model, round_s, seconds, rounds):
    now, told = [0.0], []
    monkeypatch.setattr(benchmark, "perf_counter", lambda: now[0])

    class Watched(benchmark.Stopwatch):
        def time(self, name, job):
            super().time(name, job)
            now[0] += round_s if name == "frame" else 0

    monkeypatch.setattr(benchmark, "Stopwatch", Watched)
    monkeypatch.setattr(benchmark.Stopwatch, "ms", lambda self, name: 1.0)  # no time passes in a frame
    measure(model, asked(engine), (8, 6), seconds=seconds, progress=told.append)
    assert len(told) == rounds


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (640, 480), (1280, 720)])
def test_the_picture_is_as_large_as_asked_for(size):
    picture = picture_for(*size)
    assert (picture.shape, picture.dtype) == ((size[1], size[0]), np.uint8)


@pytest.mark.parametrize("size", [(640, 480), (1280, 720)])
def test_the_picture_is_no_plain_surface(size):
    assert picture_for(*size).std() > 20


def test_in_float32_a_network_that_moves_the_picture_still_does(inference_for, networks, texture):
    graph = benchmark._in_float32(networks.tap(0, 3))
    assert graph.dtype == np.float32
    plane = texture(20, 30)
    assert (LumaUpscaler(inference_for(graph), 1).run_network(plane) == networks.moved(plane, 0, 3)).all()
    assert benchmark._in_float32(graph) is graph


def test_in_float32_scales_and_biases_mean_what_they_meant(inference_for):
    # grey g: 3/4 g + 1/4 of white in the first layer, 1/2 of that + 1/5 of white in the second
    first = Convolution(
        weights=np.full((1, 1, 1, 1), 3, np.int8),
        bias=np.array([255], np.int32),
        weight_scales=np.array([0.25], np.float32),
        output=Quantization(0.01, 0),
        relu=True,
    )
    second = Convolution(
        weights=np.full((1, 1, 1, 1), 5, np.int8),
        bias=np.array([200], np.int32),
        weight_scales=np.array([0.1], np.float32),
        output=Quantization(1 / 255, -128),
        relu=False,
    )
    source = Quantization(1 / 255, -128)
    graph = benchmark._in_float32(Graph((4, 4, 1), source, (first, second)))
    assert graph.output == graph.input == FLOAT
    assert [layer.relu for layer in graph.layers] == [True, False]
    for grey in (0, 100, 200):
        sharp = LumaUpscaler(inference_for(graph), 1).run_network(np.full((3, 3), grey, np.uint8))
        assert (sharp == round((grey * 0.75 + 255 * 0.25) * 0.5 + 255 * 0.2)).all()


@pytest.mark.parametrize("dtype", [np.int8, np.float32])
def test_the_ceiling_is_one_convolution_of_512_to_512_channels_that_neither_engine_refuses(engine, dtype):
    graph = benchmark.ceiling_graph(np.dtype(dtype))
    assert graph.dtype == dtype
    assert graph.macs_per_cell == 512 * 512
    network = backend_named(engine).compile(graph, 1)
    network.input[...] = 1
    network.run()
    # 512 products of 1; int8 counts them in units of 512
    assert (network.output == (1 if dtype == np.int8 else 512)).all()
