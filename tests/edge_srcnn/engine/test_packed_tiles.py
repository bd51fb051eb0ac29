"""Tiles, bands, reuse and packing change no byte of a whole picture."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_srcnn.engine.backends import backend_named
from edge_srcnn.engine.build import network_of, self_test_tolerance
from edge_srcnn.engine.inference import TiledInference
from edge_srcnn.engine.interpreter import open_interpreter
from edge_srcnn.engine.plan import PLAIN, WHOLE_TILE, Blocks, Plan
from edge_srcnn.engine.tflite_writer import write_graph
from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.models.file import golden_plane, parse_model, read_model
from edge_srcnn.models.spec import BICUBIC_PLANE, LUMA_PLANE
from tests.edge_srcnn.engine.stacks import MORE, REPEATABLE, blocks, float_stacks, int8_stacks, seeds, sizes, tiles
from tests.edge_srcnn.networks import on_bicubic

pytestmark = pytest.mark.slow


def sharpened(graph, engine, plane, setting, *, residual):
    """Raw output and picture of a plane that goes through a ``TiledInference``."""
    return sharpened_by(on_bicubic(graph, residual=residual), engine, plane, setting)


def sharpened_by(network, engine, plane, setting):
    """The same of any network."""
    base = plane.repeat(network.upsampling, axis=0).repeat(network.upsampling, axis=1)
    inference, out = TiledInference(network, backend_named(engine), plan_for=lambda *_: setting), np.empty_like(base)
    inference.run(plane, base, out)
    return inference.raw.copy(), out


def grey_levels(seed, size):
    return np.random.default_rng(seed).integers(0, 256, size).astype(np.uint8)


@MORE
@given(int8_stacks(), blocks(), tiles, st.integers(1, 2), sizes, seeds, st.booleans())
def test_tiles_are_the_whole_byte_for_byte(engine, graph, packing, tile, threads, size, seed, residual):
    plane = grey_levels(seed, size)
    raw, out = sharpened(graph, engine, plane, Plan(packing, tile, threads), residual=residual)
    whole, expected = sharpened(graph, engine, plane, Plan(PLAIN, WHOLE_TILE, 1), residual=residual)
    down, across = graph.radius
    mirrored = np.pad(plane, ((down, down), (across, across)), mode="reflect")
    plain = open_interpreter(engine, write_graph(graph), 1).compute((mirrored.astype(int) - 128).astype(np.int8))
    assert raw.tobytes() == whole.tobytes() == plain.tobytes()
    assert out.tobytes() == expected.tobytes()


@REPEATABLE
@given(float_stacks(), blocks(), tiles, sizes, seeds)
def test_float_tiles_are_the_whole_but_for_the_order_of_sums(engine, graph, packing, tile, size, seed):
    plane = grey_levels(seed, size)
    raw, _ = sharpened(graph, engine, plane, Plan(packing, tile, 1), residual=True)
    whole, _ = sharpened(graph, engine, plane, Plan(PLAIN, WHOLE_TILE, 1), residual=True)
    assert raw.shape == whole.shape == plane.shape
    np.testing.assert_allclose(raw, whole, rtol=0, atol=1e-5)


def banded(graph, engine, plane, band, overlap, setting):
    """The picture of rows ``band[0]`` to ``band[1]`` of a plane, with so many overlap rows above and below."""
    (top, end), (above, below) = band, overlap
    inference, out = (
        TiledInference(on_bicubic(graph, residual=True), backend_named(engine), plan_for=lambda *_: setting),
        np.empty_like(plane[top:end]),
    )
    for frame in (255 - plane, plane):  # nothing of the frame before may stay
        window = frame[top - above : end + below]
        inference.run(window, frame[top:end], out, overlap_above=above, overlap_below=below)
    return out


@REPEATABLE
@given(int8_stacks(), blocks(), tiles, st.integers(1, 12), st.integers(1, 20), seeds, st.data())
def test_a_band_with_its_neighbours_rows_is_that_part_of_the_whole(
    engine, graph, packing, tile, rows, width, seed, data
):
    context = graph.radius[0]
    above, below = (data.draw(st.integers(0, context + 5), label) for label in ("rows above", "rows below"))
    plane = grey_levels(seed, (above + rows + below, width))
    _, whole = sharpened(graph, engine, plane, Plan(PLAIN, WHOLE_TILE, 1), residual=True)
    band, overlap = (above, above + rows), (min(context, above), min(context, below))
    out = banded(graph, engine, plane, band, overlap, Plan(packing, tile, 1))
    assert out.tobytes() == whole[slice(*band)].tobytes()


@REPEATABLE
@given(int8_stacks(), blocks(), tiles, sizes, seeds)
def test_reuse_changes_no_byte_of_the_frames_of_a_moving_thing(engine, graph, packing, tile, size, seed):
    rng, setting = np.random.default_rng(seed), Plan(packing, tile, 1)
    reusing = TiledInference(
        on_bicubic(graph, residual=True), backend_named(engine), plan_for=lambda *_: setting, reuse=True
    )
    plane, out = grey_levels(seed, size), np.empty(size, np.uint8)
    for _ in range(4):
        reusing.run(plane, plane, out)
        _, expected = sharpened(graph, engine, plane, setting, residual=True)
        assert out.tobytes() == expected.tobytes()
        y, x = rng.integers(0, size[0]), rng.integers(0, size[1])
        plane[y : y + 2, x : x + 2] ^= rng.integers(0, 2, dtype=np.uint8) * 0x80  # or nothing moves


PACKINGS = ("1x1", "2x2", "2x4", "2x4-4x4", "3x3", "1x2-3x4", "1x4-4x4", "4x1")
END_PACKINGS = ("2x2", "1x4", "1x4-3x4", "1x1-2x2", "8w", "6w-2x2", "16w-1x8")  # for kernels in the hidden layers too
HUGE = "16x16"
ON_THE_RESULT, ON_THE_CAMERAS = (
    [name for name, path in bundled_models().items() if read_model(path).spec.plane == plane]
    for plane in (BICUBIC_PLANE, LUMA_PLANE)
)
PACKED_MODELS = [
    *product(ON_THE_RESULT, PACKINGS),
    ("srcnn-915-x2", HUGE),  # half a minute for the others
    *product(ON_THE_CAMERAS, END_PACKINGS),
]


@pytest.mark.parametrize(("name", "packing"), PACKED_MODELS)
def test_the_shipped_networks_give_the_same_bytes_in_every_packing(engine, name, packing):
    model = parse_model(bundled_models()[name].read_bytes(), name)
    network, plane = network_of(model), golden_plane()
    raw, out = sharpened_by(network, engine, plane, Plan(Blocks.parse(packing), (24, 40), 1))
    whole, expected = sharpened_by(network, engine, plane, Plan(PLAIN, WHOLE_TILE, 1))
    assert raw.tobytes() == whole.tobytes()
    assert out.tobytes() == expected.tobytes()
    assert np.abs(out.astype(int) - model.golden).max() <= self_test_tolerance(model.spec)
