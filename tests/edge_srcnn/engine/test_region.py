"""A region is sharpened as if all of the picture were, and around it the picture is bicubic; byte for byte."""

import numpy as np
import pytest

from edge_srcnn.engine.luma import LumaUpscaler
from edge_srcnn.imaging import bicubic
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.imaging.tiles import Tile
from edge_srcnn.upscaler import load_model

HEIGHT, WIDTH = 23, 31
TILES = [(8, 8), (8, 16), (16, 64), (1 << 20, 1 << 20)]


def random_region(rng, height, width):
    top, left = int(rng.integers(height)), int(rng.integers(width))
    return Tile(top, left, int(rng.integers(1, height - top + 1)), int(rng.integers(1, width - left + 1)))


def with_region(full, flat, region):
    expected = flat.copy()
    expected[region.place] = full[region.place]
    return expected


EDGES = [
    Tile(0, 0, 2 * HEIGHT, 2 * WIDTH),
    Tile(0, 0, 1, 1),
    Tile(2 * HEIGHT - 1, 2 * WIDTH - 1, 1, 1),
    Tile(8, 8, 8, 8),
    Tile(7, 7, 1, 1),
    Tile(0, 5, 2 * HEIGHT, 1),
    Tile(9, 0, 1, 2 * WIDTH),
]


@pytest.mark.slow
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("block", ["1x1", "2x4"])
@pytest.mark.parametrize("tile", TILES)
def test_a_region_has_the_bytes_of_the_whole(inference_for, networks, texture, residual, block, tile):
    graph, luma = networks.random(), texture(HEIGHT, WIDTH)
    options = {"residual": residual, "block": block, "tile": tile}
    full = LumaUpscaler(inference_for(graph, **options), 2).upscale(luma)
    flat = upscale_bicubic(luma, 2)
    assert (full != flat).mean() > 0.5
    part = LumaUpscaler(inference_for(graph, **options), 2)
    rng = np.random.default_rng(tile[0])
    for region in EDGES + [random_region(rng, 2 * HEIGHT, 2 * WIDTH) for _ in range(20)]:
        assert (part.upscale(luma, region=region) == with_region(full, flat, region)).all(), region


@pytest.mark.parametrize("tile", [(8, 8), (8, 16)])
def test_only_tiles_that_the_region_touches_are_computed(inference_for, networks, texture, tile):
    part = LumaUpscaler(inference_for(networks.random(), tile=tile), 2)
    # rows 8 to 15 and columns 16 to 31 of a grid that begins at 0: whole tiles
    part.upscale(texture(16, 32), region=Tile(8, 16, 8, 16))
    assert part.statistics.tiles == (8 // tile[0]) * (16 // tile[1])
    part.statistics.clear()
    # one pixel more on each side touches a ring of neighbours
    part.upscale(texture(16, 32), region=Tile(7, 15, 10, 18))
    assert part.statistics.tiles == (8 // tile[0] + 2) * (16 // tile[1] + 2)


@pytest.mark.parametrize("block", ["1x1", "2x4"])
def test_reuse_with_regions_and_pictures_that_change_gives_the_same_bytes(inference_for, networks, texture, block):
    graph, rng = networks.random(), np.random.default_rng(1)
    options = {"block": block, "tile": (8, 16), "residual": True}
    whole = LumaUpscaler(inference_for(graph, **options), 2)
    again = LumaUpscaler(inference_for(graph, **options, reuse=True), 2)
    luma = texture(HEIGHT, WIDTH)
    region: Tile | None = None
    for step in range(60):
        luma = luma.copy()
        if step % 3:  # a still picture now and then, else a spot that moves
            row, column = int(rng.integers(HEIGHT)), int(rng.integers(WIDTH))
            luma[row : row + 3, column : column + 3] ^= 0x55
        if step % 4 == 0:
            region = None if step % 8 == 0 else random_region(rng, 2 * HEIGHT, 2 * WIDTH)
        full, flat = whole.upscale(luma), upscale_bicubic(luma, 2)
        expected = full if region is None else with_region(full, flat, region)
        assert (again.upscale(luma, region=region) == expected).all(), (step, region)
    assert again.statistics.tiles_reused > 0


def test_a_tile_that_was_out_of_the_region_is_not_taken_for_known(inference_for, networks, texture):
    graph, still, other = networks.random(), texture(16, 32), texture(16, 32, seed=1)
    again = LumaUpscaler(inference_for(graph, tile=(8, 16), reuse=True), 2)
    fresh = LumaUpscaler(inference_for(graph, tile=(8, 16)), 2)
    left, right = Tile(0, 0, 32, 32), Tile(0, 32, 32, 32)
    again.upscale(other)  # all tiles hold the other picture
    again.upscale(still, region=left)  # the right half was not computed
    again.statistics.clear()
    expected = with_region(fresh.upscale(still), upscale_bicubic(still, 2), right)
    assert (again.upscale(still, region=right) == expected).all()
    assert (again.statistics.tiles, again.statistics.tiles_reused) == (8, 0)
    assert (again.upscale(still, region=right) == expected).all()
    assert again.statistics.tiles_reused == 8


@pytest.mark.parametrize("rows", [4, 7])
def test_a_region_of_a_picture_in_bands(monkeypatch, inference_for, networks, texture, rows):
    graph, luma = networks.random(), texture(HEIGHT, WIDTH)
    monkeypatch.setattr(bicubic, "WHOLE_PIXELS", 0)
    monkeypatch.setattr(bicubic, "BAND_ROWS", rows)
    full = LumaUpscaler(inference_for(graph, tile=(8, 8)), 2).upscale(luma)
    flat, rng = upscale_bicubic(luma, 2), np.random.default_rng(rows)
    part = LumaUpscaler(inference_for(graph, tile=(8, 8)), 2)
    for region in EDGES + [random_region(rng, 2 * HEIGHT, 2 * WIDTH) for _ in range(20)]:
        assert (part.upscale(luma, region=region) == with_region(full, flat, region)).all(), region


def test_a_region_into_memory_that_is_given(inference_for, networks, texture):
    luma, region = texture(HEIGHT, WIDTH), Tile(3, 5, 20, 30)
    part = LumaUpscaler(inference_for(networks.random(), tile=(8, 16)), 2)
    expected = part.upscale(luma, region=region)
    out = np.full_like(expected, 77)
    assert part.upscale(luma, out, region) is out
    assert (out == expected).all()


def test_without_a_network_a_region_changes_nothing(texture):
    luma = texture(HEIGHT, WIDTH)
    assert (LumaUpscaler(None, 2).upscale(luma, region=Tile(1, 2, 3, 4)) == upscale_bicubic(luma, 2)).all()


@pytest.mark.parametrize("reuse", [False, True])
def test_a_shipped_model_keeps_to_the_region(engine, texture, reuse):
    luma = texture(40, 56)
    chroma = texture(20, 28, seed=1), texture(20, 28, seed=2)
    frame, rng = Frame(luma, chroma, Colour(), 0, 0.0, 0.0), np.random.default_rng(3)
    flat = upscale_bicubic(luma, 2)
    with load_model(engine=engine, reuse=reuse, tile="32x48") as upscaler:
        full = upscaler.upscale_frame(frame)
        assert (full.luma == upscaler.upscale(luma)).all()
        for _ in range(8):
            region = random_region(rng, 80, 112)
            part = upscaler.upscale_frame(frame, region)
            assert (part.luma == with_region(full.luma, flat, region)).all(), region
            assert all((a == b).all() for a, b in zip(part.chroma, full.chroma, strict=True))
