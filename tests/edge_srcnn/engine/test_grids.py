"""Networks on the camera's grid, and on blocks of pixels: packed is plain, tiled is whole, reused is fresh."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_srcnn.engine.backends import backend_named
from edge_srcnn.engine.graph import Network
from edge_srcnn.engine.inference import TiledInference
from edge_srcnn.engine.interpreter import open_interpreter
from edge_srcnn.engine.luma import LumaUpscaler
from edge_srcnn.engine.plan import PLAIN, WHOLE_TILE, Blocks, Plan
from edge_srcnn.engine.tflite_writer import write_graph
from edge_srcnn.errors import UsageError
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.models.spec import BICUBIC_PLANE, LUMA_PLANE
from tests.edge_srcnn.engine.stacks import MORE, REPEATABLE, as_blocks, float_stack, int8_stack, seeds, sizes, tiles

pytestmark = pytest.mark.slow

SIDES = st.sampled_from([1, 3, 5, 7])
TEXTS = (
    "1x1",
    "1x1-1x2",
    "1x1-2x2",
    "1x2-1x4",
    "1x4",
    "2x2",
    "2x4-4x4",
    "3x2-3x4",
    "8w",
    "8w-1x2",
    "7w-2x2",
    "12w-3x3",
)


@st.composite
def network_plans(draw):
    """Kernels, channels, seed, sides of the blocks, and the plane: all that a family may choose."""
    kernels = draw(st.lists(SIDES, min_size=1, max_size=4))
    plane, unshuffle, scale = (
        draw(st.sampled_from([LUMA_PLANE, BICUBIC_PLANE])),
        draw(st.integers(1, 3)),
        draw(st.integers(1, 4)),
    )
    shuffle = unshuffle * (scale if plane == LUMA_PLANE else 1)
    hidden = draw(st.lists(st.integers(1, 6), min_size=len(kernels) - 1, max_size=len(kernels) - 1))
    relus = draw(st.lists(st.booleans(), min_size=len(kernels), max_size=len(kernels)))
    channels = (unshuffle**2, *hidden, shuffle**2)
    plan = draw(seeds), tuple((side, side) for side in kernels), channels, relus
    return plan, plane, unshuffle, shuffle, draw(st.booleans())


def as_network(plans, stack=int8_stack):
    plan, plane, unshuffle, shuffle, residual = plans
    return Network(stack(*plan), plane, unshuffle, shuffle, residual)


def packings_of(network):
    """The packings that fit: windows want one channel, two layers, and a kernel that is not wider."""
    graph = network.graph
    windows = len(graph.layers) > 1 and graph.input_shape[2] == 1
    every = [Blocks.parse(text) for text in TEXTS]
    return [blocks for blocks in every if not blocks.window or (windows and graph.layers[0].kernel[1] <= blocks.window)]


def greys(seed, size):
    return np.random.default_rng(seed).integers(0, 256, size).astype(np.uint8)


def repeated(plane, times):
    return np.kron(plane, np.ones((times, times), np.uint8))


def plain_output(engine, network, plane):
    """What an interpreter makes of the plain graph, by numpy's own padding, blocks and depth-to-space."""
    side, (down, across) = network.unshuffle, network.context_px
    (height, width), (below, right) = plane.shape, (-plane.shape[0] % side, -plane.shape[1] % side)
    padded = np.pad(plane, ((down, down + below), (across, across + right)), mode="reflect")
    cells = as_blocks(padded[:, :, None], (side, side))
    integers = network.graph.dtype == np.int8
    cells = (cells.astype(int) - 128).astype(np.int8) if integers else cells * np.float32(1 / 255)
    raw = open_interpreter(engine, write_graph(network.graph), 1).compute(np.ascontiguousarray(cells))
    raw = raw.reshape(*raw.shape[:2], -1)
    rows, columns, _ = raw.shape
    pixels = raw.reshape(rows, columns, network.shuffle, network.shuffle).transpose(0, 2, 1, 3)
    pixels = pixels.reshape(rows * network.shuffle, columns * network.shuffle)
    return pixels[: height * network.upsampling, : width * network.upsampling]


def run(engine, network, plane, setting, **overlap):
    rows = len(plane) - sum(overlap.values())
    base = repeated(plane[overlap.get("overlap_above", 0) :][:rows], network.upsampling)
    inference, out = TiledInference(network, backend_named(engine), plan_for=lambda *_: setting), np.empty_like(base)
    inference.run(plane, base, out, **overlap)
    return inference.raw.copy(), out


@MORE
@given(network_plans(), st.data(), tiles, st.integers(1, 2), sizes, seeds)
def test_packed_and_tiled_is_the_plain_graph_byte_for_byte(engine, plans, data, tile, threads, size, seed):
    network, plane = as_network(plans), greys(seed, size)
    blocks = data.draw(st.sampled_from(packings_of(network)))
    raw, _ = run(engine, network, plane, Plan(blocks, tile, threads))
    assert raw.tobytes() == plain_output(engine, network, plane).tobytes()


@REPEATABLE
@given(network_plans(), st.data(), tiles, sizes, seeds)
def test_float_networks_differ_by_the_order_of_sums_alone(engine, plans, data, tile, size, seed):
    network, plane = as_network(plans, float_stack), greys(seed, size)
    blocks = data.draw(st.sampled_from(packings_of(network)))
    raw, _ = run(engine, network, plane, Plan(blocks, tile, 1))
    np.testing.assert_allclose(raw, plain_output(engine, network, plane), rtol=0, atol=1e-5)


@REPEATABLE
@given(network_plans(), st.data(), tiles, sizes, seeds)
def test_a_residual_is_added_to_the_base_in_whole_grey_levels(engine, plans, data, tile, size, seed):
    network, plane = as_network((*plans[:4], True)), greys(seed, size)
    blocks = data.draw(st.sampled_from(packings_of(network)))
    raw, out = run(engine, network, plane, Plan(blocks, tile, 1))
    output = network.graph.output
    levels = np.rint((raw.astype(float) - output.zero_point) * output.scale * 255)
    assert (out == np.clip(repeated(plane, network.upsampling) + levels, 0, 255)).all()


@REPEATABLE
@given(network_plans(), st.data(), tiles, st.integers(1, 6), st.integers(1, 20), seeds)
def test_a_band_that_is_overlap_its_neighbours_rows_is_that_part_of_the_whole(
    engine, plans, data, tile, rows, width, seed
):
    network = as_network(plans)
    side, context, times = network.unshuffle, network.context_px[0], network.upsampling
    above, band, below = (side * data.draw(st.integers(least, 6)) for least in (0, 1, 0))
    plane = greys(seed, (above + band + below, width))
    _, whole = run(engine, network, plane, Plan(PLAIN, WHOLE_TILE, 1))
    overlap = {"overlap_above": min(context, above), "overlap_below": min(context, below)}
    window = plane[above - overlap["overlap_above"] : above + band + overlap["overlap_below"]]
    blocks = data.draw(st.sampled_from(packings_of(network)))
    _, out = run(engine, network, window, Plan(blocks, tile, 1), **overlap)
    assert out.tobytes() == whole[above * times : (above + band) * times].tobytes()


@REPEATABLE
@given(network_plans(), st.data(), tiles, st.none() | tiles, sizes, seeds)
def test_reuse_changes_no_byte_of_the_frames_of_a_moving_thing(engine, plans, data, tile, still_tile, size, seed):
    network, rng = as_network(plans), np.random.default_rng(seed)
    setting = Plan(data.draw(st.sampled_from(packings_of(network))), tile, 1, still_tile)
    reusing = TiledInference(network, backend_named(engine), plan_for=lambda *_: setting, reuse=True)
    plane = greys(seed, size)
    for _ in range(4):
        base = repeated(plane, network.upsampling)
        out = np.empty_like(base)
        reusing.run(plane, base, out)
        assert out.tobytes() == run(engine, network, plane, setting)[1].tobytes()
        (y, x), far = rng.integers(0, size), rng.choice([2, 33])  # a little of it moves, or all
        plane[y : y + far, x : x + far] ^= rng.integers(0, 2, dtype=np.uint8) * 0x80


def test_a_plane_that_changed_everywhere_is_computed_in_large_tiles(engine, texture):
    plan = 5, ((3, 3), (3, 3)), (1, 4, 4), (True, False)
    network, runs = Network(int8_stack(*plan), LUMA_PLANE, 1, 2, residual=True), []
    setting = Plan(PLAIN, WHOLE_TILE, 1, still_tile=(8, 8))
    reusing = TiledInference(network, backend_named(engine), plan_for=lambda *_: setting, reuse=True)
    plane, out = texture(16, 32), np.empty((32, 64), np.uint8)
    moved = plane.copy()
    moved[3, 3] ^= 1  # in the first tile, out of reach of the others
    for frame in (plane, plane, moved, 255 - plane):
        reusing.statistics.clear()
        reusing.run(frame, repeated(frame, 2), out)
        runs.append((reusing.statistics.tiles, reusing.statistics.tiles_reused))
    assert runs == [(8, 0), (8, 8), (8, 7), (8, 0)]


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("unshuffle", [1, 2])
def test_a_network_on_the_camera_s_grid_adds_to_the_bicubic_picture(engine, texture, scale, unshuffle):
    shuffle = unshuffle * scale
    plan = 5, ((5, 5), (3, 3), (3, 3)), (unshuffle**2, 4, 4, shuffle**2), (True, True, False)
    network = Network(int8_stack(*plan), LUMA_PLANE, unshuffle, shuffle, residual=True)
    plane = texture(23, 30)
    setting = Plan(Blocks.parse("1x1-1x2"), (8, 16), 1)
    upscaler = LumaUpscaler(TiledInference(network, backend_named(engine), plan_for=lambda *_: setting), scale)
    raw, output = plain_output(engine, network, plane), network.graph.output
    levels = np.rint((raw.astype(float) - output.zero_point) * output.scale * 255)
    assert (upscaler.upscale(plane) == np.clip(upscale_bicubic(plane, scale) + levels, 0, 255)).all()
    assert (upscaler.run_network(plane) == np.clip(repeated(plane, scale) + levels, 0, 255)).all()


def test_large_pictures_in_bands_are_the_whole(engine, texture, in_bands):
    plan = 6, ((5, 5), (3, 3), (3, 3)), (1, 4, 4, 4), (True, True, False)
    network = Network(int8_stack(*plan), LUMA_PLANE, 1, 2, residual=True)
    plane = texture(37, 30)
    setting = Plan(Blocks.parse("8w-1x2"), (8, 16), 1)

    def upscaled():
        return LumaUpscaler(TiledInference(network, backend_named(engine), plan_for=lambda *_: setting), 2).upscale(
            plane
        )

    whole = upscaled()
    in_bands(6)
    assert (upscaled() == whole).all()


@pytest.mark.parametrize(
    ("kernels", "channels", "why"),
    [
        (((9, 9), (3, 3)), (1, 2, 1), "narrower than the first kernel, 9 pixels"),
        (((5, 5), (3, 3)), (4, 2, 4), "of one channel"),
        (((5, 5),), (1, 1), "of two layers or more"),
    ],
)
def test_windows_that_do_not_fit_a_network_are_refused_with_the_reason(engine, texture, kernels, channels, why):
    graph, unshuffle = int8_stack(1, kernels, channels, [False] * len(kernels)), 2 if channels[0] == 4 else 1
    network = Network(graph, BICUBIC_PLANE, unshuffle, unshuffle, residual=False)
    with pytest.raises(UsageError, match=why):
        run(engine, network, texture(12, 12), Plan(Blocks.parse("8w-1x2"), WHOLE_TILE, 1))
