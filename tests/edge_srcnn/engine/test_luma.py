"""The way of the luma plane: tiles leave no seam, bands leave no seam, and the arithmetic is that of the page."""

import time
import tracemalloc
from math import ceil

import numpy as np
import pytest

from edge_srcnn.engine.graph import FLOAT, Quantization
from edge_srcnn.engine.inference import Statistics
from edge_srcnn.engine.luma import LumaUpscaler
from edge_srcnn.imaging.bicubic import bands, upscale_bicubic
from edge_srcnn.models.spec import BICUBIC_PLANE
from edge_srcnn.upscaler import load_model
from tests.edge_srcnn.cleaning import BUNDLED_CLEANING

pytestmark = pytest.mark.slow

LEVELS = Quantization(1 / 255, 0)
"""An int8 residual counts whole grey levels."""

SCALES = [1, 2, 3, 4]
MODELS = [f"{family}-x{scale}" for family in ("srcnn-915", "fast-s") for scale in (2, 3, 4)] + BUNDLED_CLEANING


@pytest.mark.parametrize(
    ("size", "tiles"),
    [
        ((1, 1), [(1, 1), (3, 2), (7, 640)]),
        ((3, 2), [(1, 1), (3, 2), (7, 640)]),
        ((9, 13), [(1, 1), (3, 2), (7, 640), (16, 16)]),
        ((37, 23), [(7, 640), (16, 16), (64, 8), (256, 512)]),
    ],
)
@pytest.mark.parametrize("name", MODELS)
def test_tiled_equals_untiled_byte_for_byte(engine, texture, size, tiles, name):
    plane = texture(*size)
    with load_model(name, engine=engine, block="1x1", tile="whole") as whole:
        expected = whole.upscale(plane)
        assert expected.shape == (size[0] * whole.scale, size[1] * whole.scale)
    for tile in tiles:
        for block in ("1x1", "auto"):
            with load_model(name, engine=engine, block=block, tile=tile) as tiled:
                assert (tiled.upscale(plane) == expected).all(), (block, tile)


@pytest.mark.parametrize("shape", [(1, 30), (2, 9), (23, 17), (30, 9)])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("rows", [4, 7])
def test_bands_leave_no_seam(in_bands, engine, upscalers, texture, shape, name, rows):
    plane = texture(*shape)
    upscaler = upscalers(engine=engine, name=name)
    whole, scale = upscaler.upscale(plane), upscaler.scale
    in_bands(rows)
    banded = upscaler.upscale(plane)
    if upscaler.spec.plane == BICUBIC_PLANE:
        # the network sees the banded bicubic plane as one piece, whatever the scale
        assert (banded == upscaler.run_network(upscale_bicubic(plane, scale))).all()
    assert np.abs(banded.astype(int) - whole).max() <= (1 if scale == 3 else 0)


@pytest.mark.parametrize("corner", [(0, 0), (0, 4), (4, 0), (4, 4)])
@pytest.mark.parametrize("block", ["1x1", "2x4", "2x2-4x4", "4x4"])
def test_a_network_that_moves_the_picture_moves_it_over_the_seams_of_tiles_and_bands(
    in_bands, inference_for, networks, texture, corner, block
):
    plane = texture(19, 13)
    for rows in (100, 4, 7):
        in_bands(rows)
        upscaler = LumaUpscaler(inference_for(networks.tap(*corner), block=block, tile=(8, 12)), 2)
        assert (upscaler.upscale(plane) == networks.moved(upscale_bicubic(plane, 2), *corner)).all(), rows


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("block", ["1x1", "2x4", "3x5", "2x2-4x4", "1x4-4x4", "16x16"])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 2), (7, 11), (8, 8)])
def test_sizes_that_are_no_multiples_of_the_block_give_the_same_picture(
    inference_for, networks, texture, scale, block, size
):
    plane = texture(*size)
    upscaler = LumaUpscaler(inference_for(networks.tap(4, 1), block=block, tile=(16, 16)), scale)
    out = upscaler.upscale(plane)
    assert out.shape == (size[0] * scale, size[1] * scale)
    assert (out == networks.moved(upscale_bicubic(plane, scale), 4, 1)).all()


@pytest.mark.parametrize("block", ["1x1", "2x4"])
def test_sizes_may_change_from_call_to_call(inference_for, networks, texture, block):
    upscaler = LumaUpscaler(inference_for(networks.tap(0, 3), block=block, tile=(16, 16)), 2)
    for number, size in enumerate([(20, 30), (5, 4), (20, 30), (30, 20), (20, 31), (1, 1), (20, 30)]):
        plane = texture(*size, seed=number)
        assert (upscaler.upscale(plane) == networks.moved(upscale_bicubic(plane, 2), 0, 3)).all(), size


@pytest.mark.parametrize(
    ("raw", "grey", "expected"),
    [
        (0, 100, 100),
        (30, 100, 130),
        (-30, 100, 70),
        (127, 200, 255),  # 200 + 127 = 327
        (-128, 100, 0),  # 100 - 128 = -28
        (127, 0, 127),
        (-128, 255, 127),
    ],
)
def test_an_int8_residual_in_whole_levels_is_added_and_clipped(inference_for, networks, raw, grey, expected):
    luma = LumaUpscaler(inference_for(networks.constant(raw, LEVELS), residual=True, block="2x4"), 2)
    assert (luma.upscale(np.full((5, 4), grey, np.uint8)) == expected).all()


@pytest.mark.parametrize(
    ("quantization", "raw", "expected"),
    [
        (Quantization(0.5 / 255, 10), 50, 120),  # (50 - 10) / 2
        (Quantization(0.5 / 255, 10), -50, 70),
        (Quantization(2 / 255, -128), 0, 255),  # 100 + 256
        (Quantization(2 / 255, 127), 0, 0),  # 100 - 254
    ],
)
def test_scale_and_zero_point_of_the_residual_count(inference_for, networks, quantization, raw, expected):
    luma = LumaUpscaler(inference_for(networks.constant(raw, quantization), residual=True), 2)
    assert (luma.upscale(np.full((5, 4), 100, np.uint8)) == expected).all()


@pytest.mark.parametrize("block", ["1x1", "1x2", "2x4"])
def test_int8_pixels_are_the_greys_less_128(inference_for, networks, block):
    inference = inference_for(networks.tap(2, 2), block=block)
    greys = np.array([[0, 1, 127, 128, 254, 255]], np.uint8)
    out = LumaUpscaler(inference, 1).run_network(greys)
    assert inference.raw.dtype == np.int8
    assert inference.raw.tolist() == [[-128, -127, -1, 0, 126, 127]]
    assert (out == greys).all()


@pytest.mark.parametrize("real", [False, True])
@pytest.mark.parametrize("block", ["1x1", "2x2", "2x4-4x4"])
def test_a_direct_network_that_passes_its_input_on_gives_the_bicubic_picture(
    inference_for, networks, texture, real, block
):
    plane = texture(9, 14)
    luma = LumaUpscaler(inference_for(networks.tap(2, 2, real=real), block=block, tile=(5, 6)), 3)
    assert (luma.upscale(plane) == upscale_bicubic(plane, 3)).all()


@pytest.mark.parametrize(("residual", "expected"), [(True, 151), (False, 51)])
def test_a_float_network_speaks_in_parts_of_255(inference_for, networks, residual, expected):
    luma = LumaUpscaler(inference_for(networks.constant(0.2, FLOAT), residual=residual), 2)
    assert (luma.upscale(np.full((5, 4), 100, np.uint8)) == expected).all()


def test_a_float_network_sees_parts_of_255(inference_for, networks):
    inference = inference_for(networks.tap(2, 2, real=True))
    LumaUpscaler(inference, 2).upscale(np.full((5, 4), 100, np.uint8))
    assert inference.raw.dtype == np.float32
    assert np.allclose(inference.raw, 100 / 255)


@pytest.mark.parametrize(("value", "expected"), [(3.0, 255), (-3.0, 0)])
def test_a_float_network_is_clipped_on_both_sides(inference_for, networks, value, expected):
    luma = LumaUpscaler(inference_for(networks.constant(value, FLOAT), residual=True), 2)
    assert (luma.upscale(np.full((5, 4), 100, np.uint8)) == expected).all()


@pytest.mark.parametrize("scale", SCALES)
def test_without_a_network_it_is_bicubic_alone(in_bands, texture, scale):
    plane = texture(9, 14)
    luma = LumaUpscaler(None, scale)
    assert (luma.upscale(plane) == upscale_bicubic(plane, scale)).all()
    assert (luma.run_network(plane) == plane).all()
    in_bands(4)
    assert (luma.upscale(plane) == upscale_bicubic(plane, scale)).all()
    assert luma.statistics.frames == 2
    assert luma.statistics.tiles == 0


def test_bands_give_the_sharp_and_the_bicubic_rows(in_bands, inference_for, networks, texture):
    plane = texture(11, 6)
    in_bands(4)
    luma = LumaUpscaler(inference_for(networks.constant(5, LEVELS), residual=True), 2)
    bands = [[band.copy() for band in luma.band(plane, number)] for number in range(3)]
    assert [len(sharp) for sharp, _ in bands] == [8, 8, 6]
    soft = np.vstack([band for _, band in bands])
    assert (soft == upscale_bicubic(plane, 2)).all()
    assert (np.vstack([band for band, _ in bands]) == np.minimum(soft.astype(int) + 5, 255)).all()


def test_the_plane_and_the_sharpened_plane_are_left_alone(inference_for, networks, texture):
    luma = LumaUpscaler(inference_for(networks.constant(5, LEVELS), residual=True), 2)
    plane = texture(9, 7)
    before = plane.copy()
    luma.upscale(plane)
    luma.run_network(plane)
    assert (plane == before).all()


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("rows", [4, 100])
def test_what_is_given_as_out_is_written_in_place_and_equals_the_other_way(
    in_bands, inference_for, networks, texture, scale, rows
):
    in_bands(rows)
    luma = LumaUpscaler(inference_for(networks.random(), block="2x4", tile=(16, 16)), scale)
    for seed, size in enumerate([(11, 7), (11, 7), (6, 9)]):
        plane = texture(*size, seed=seed)
        out = np.full((size[0] * scale, size[1] * scale), 77, np.uint8)
        assert luma.upscale(plane, out) is out
        assert (out == luma.upscale(plane)).all()
        count = len(list(bands(*size)))
        assert (out == np.vstack([luma.band(plane, number)[0] for number in range(count)])).all()


def test_what_an_earlier_call_returned_is_left_alone(inference_for, networks, texture):
    luma = LumaUpscaler(inference_for(networks.tap(1, 1), tile=(16, 16)), 2)
    first = luma.upscale(texture(9, 9, seed=1))
    kept = first.copy()
    luma.upscale(texture(9, 9, seed=2))
    assert (first == kept).all()


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_with_out_nothing_of_a_frames_size_is_allocated_from_the_second_frame_on(
    inference_for, networks, texture, residual, dtype
):
    graph = networks.random() if dtype == "int8" else networks.tap(2, 2, real=True)
    luma = LumaUpscaler(inference_for(graph, residual=residual, block="2x4", tile=(32, 64)), 2)
    frames = [texture(240, 320, seed=seed) for seed in range(3)]
    out = np.empty((480, 640), np.uint8)
    luma.upscale(frames[0], out)
    tracemalloc.start()
    try:
        for frame in frames[1:]:
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            luma.upscale(frame, out)
            assert tracemalloc.get_traced_memory()[1] - before < out.nbytes / 4
    finally:
        tracemalloc.stop()


def test_the_statistics_add_up(inference_for, networks, texture):
    luma = LumaUpscaler(inference_for(networks.random(), block="2x4", tile=(16, 24)), 2)
    began = time.perf_counter()
    for seed in range(3):
        luma.upscale(texture(20, 40, seed=seed))
    for _ in range(2):
        luma.upscale(texture(8, 12))
    wall = time.perf_counter() - began
    found = luma.statistics
    assert found.frames == 5
    # 40 x 80 in tiles of 16 x 24 at most; 16 x 24 is a single one
    assert found.tiles == 3 * ceil(40 / 16) * ceil(80 / 24) + 2
    assert found.tiles_reused == 0
    stages = (found.resize_s, found.pack_s, found.invoke_s, found.unpack_s)
    assert min(stages) > 0
    assert sum(stages) < wall
    found.clear()
    assert found == Statistics()
    assert luma.statistics is found


def test_the_statistics_count_a_picture_in_bands_as_one_frame_and_the_tiles_of_every_band(
    in_bands, inference_for, networks, texture
):
    in_bands(8)
    luma = LumaUpscaler(inference_for(networks.tap(2, 2), tile=(8, 8)), 2)
    luma.upscale(texture(20, 16))
    assert luma.statistics.frames == 1
    assert luma.statistics.tiles == (2 + 2 + 1) * 4  # bands of 16, 16 and 8 rows, 32 columns
