"""Tiles that are used again are those that are the same: ``reuse`` never changes a byte, whatever came before."""

import numpy as np
import pytest

from edge_srcnn.engine.backends import backend_named
from edge_srcnn.engine.inference import TiledInference
from edge_srcnn.engine.luma import LumaUpscaler
from edge_srcnn.engine.plan import PLAIN, Plan
from edge_srcnn.errors import UsageError
from edge_srcnn.imaging import bicubic
from tests.edge_srcnn.networks import on_bicubic

pytestmark = pytest.mark.slow

HEIGHT, WIDTH = 24, 32
TILE = (8, 16)
TILES = 3 * 2
CORNERS = [(0, 0), (0, 4), (4, 0), (4, 4)]


def sharpened(inference, plane, **overlap):
    rows = len(plane) - sum(overlap.values())
    out = np.full((rows, plane.shape[1]), 77, np.uint8)
    above = overlap.get("overlap_above", 0)
    inference.run(plane, plane[above : above + rows], out, **overlap)
    return out


def tiles_that_see(row, column, reach):
    """How many tiles cover what depends on a pixel: they lie anywhere in steps of 8 pixels."""
    rows = {seen // 8 for seen in range(max(row - reach, 0), min(row + reach, HEIGHT - 1) + 1)}
    columns = {seen // 8 for seen in range(max(column - reach, 0), min(column + reach, WIDTH - 1) + 1)}
    assert len(rows) <= 2 and len(columns) <= 2 == TILE[1] // 8
    return len(rows)


# 5x5 reaches 2 pixels, 3x3 reaches 1: 3 in all, however they are packed
@pytest.mark.parametrize("block", ["1x1", "2x4", "2x2-4x4", "1x4-4x4"])
def test_one_changed_pixel_anywhere_is_seen_and_only_its_tiles_are_computed(inference_for, networks, texture, block):
    graph, still = networks.random(), texture(HEIGHT, WIDTH)
    full = inference_for(graph, block=block, tile=TILE)
    again = inference_for(graph, block=block, tile=TILE, reuse=True)
    sharpened(again, still)
    expected_still = sharpened(full, still)
    for row in range(HEIGHT):
        for column in range(WIDTH):
            frame = still.copy()
            frame[row, column] ^= 1
            again.statistics.clear()
            assert (sharpened(again, frame) == sharpened(full, frame)).all(), (row, column)
            assert again.statistics.tiles == TILES
            assert again.statistics.tiles_reused == TILES - tiles_that_see(row, column, 3), (row, column)
            assert (again.raw == full.raw).all()
            assert (sharpened(again, still) == expected_still).all(), (row, column)


@pytest.mark.parametrize(
    ("changed", "computed"),
    [
        ((4, 8), 1),  # the middle of the first tile
        ((7, 4), 2),  # its last row: tiles are as high as the steps between the places where they may lie
        ((8, 4), 2),
        ((3, 15), 1),  # its last column: a tile lies across the border
        ((7, 15), 2),  # its corner
        ((12, 8), 1),  # the middle of a tile in the second row
        ((9, 15), 2),  # 2 rows below a border, at another
        ((10, 15), 1),  # 3 rows below it is out of reach
        ((0, 0), 1),  # mirrored into its own tile alone
    ],
)
def test_a_changed_pixel_costs_the_tiles_that_cover_what_depends_on_it(
    inference_for, networks, texture, changed, computed
):
    again = inference_for(networks.tap(0, 4), tile=TILE, reuse=True)  # reaches 2 pixels
    frame = texture(HEIGHT, WIDTH)
    sharpened(again, frame)
    assert again.statistics.tiles_reused == 0
    sharpened(again, frame)
    assert again.statistics.tiles_reused == TILES  # a still frame: all
    frame[changed] ^= 0x80
    assert (sharpened(again, frame) == networks.moved(frame, 0, 4)).all()
    assert again.statistics.tiles_reused == TILES + TILES - computed
    assert again.statistics.tiles == 3 * TILES


def test_without_reuse_every_tile_is_computed_every_time(inference_for, networks, texture):
    inference = inference_for(networks.tap(2, 2), tile=TILE)
    for _ in range(3):
        sharpened(inference, texture(HEIGHT, WIDTH))
    assert (inference.statistics.tiles, inference.statistics.tiles_reused) == (3 * TILES, 0)


@pytest.mark.parametrize("block", ["1x1", "2x4", "2x2-4x4", "1x4-4x4"])
@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_any_sequence_of_frames_gives_what_a_full_computation_gives(
    inference_for, networks, texture, block, residual, seed
):
    rng, graph = np.random.default_rng(seed), networks.random(seed)
    again = inference_for(graph, residual=residual, block=block, tile=TILE, reuse=True)
    full = inference_for(graph, residual=residual, block=block, tile=TILE)
    frame = texture(HEIGHT, WIDTH, seed=seed)
    earlier = [frame]
    for number in range(40):
        match rng.choice(["still", "pixel", "part", "back", "new", "size"], p=[0.2, 0.3, 0.2, 0.15, 0.1, 0.05]):
            case "pixel":
                frame = frame.copy()
                frame[rng.integers(frame.shape[0]), rng.integers(frame.shape[1])] ^= rng.integers(
                    1, 256, dtype=np.uint8
                )
            case "part":
                frame = frame.copy()
                top, left = rng.integers(frame.shape[0]), rng.integers(frame.shape[1])
                frame[top : top + 5, left : left + 9] += np.uint8(3)
            case "back":
                frame = earlier[rng.integers(len(earlier))]
            case "new":
                frame = texture(*frame.shape, seed=number)
            case "size":
                frame = texture(*rng.integers(1, 30, 2), seed=number)
        earlier.append(frame)
        assert (sharpened(again, frame) == sharpened(full, frame)).all(), number
        assert (again.raw == full.raw).all()
    assert again.statistics.tiles == full.statistics.tiles
    assert 0 < again.statistics.tiles_reused < again.statistics.tiles


@pytest.mark.parametrize("rows", [8, 16, 5])
@pytest.mark.parametrize("block", ["1x1", "2x4"])
def test_the_bands_of_a_large_picture_do_not_take_each_others_tiles(
    monkeypatch, inference_for, networks, texture, rows, block
):
    monkeypatch.setattr(bicubic, "WHOLE_PIXELS", 0)
    monkeypatch.setattr(bicubic, "BAND_ROWS", rows)
    graph = networks.random()
    again, full = (
        LumaUpscaler(inference_for(graph, block=block, tile=(8, 8), reuse=reuse), 2) for reuse in (True, False)
    )
    frames = [texture(37, 20), texture(40, 20), np.tile(texture(8, 20), (5, 1)), np.full((32, 20), 9, np.uint8)]
    for frame in frames:
        for change in (0, 0, 1):
            frame = frame.copy()
            frame[-1, -1] ^= change
            assert (again.upscale(frame) == full.upscale(frame)).all()


@pytest.mark.parametrize("corner", CORNERS)
def test_a_band_sees_the_overlap_rows_of_its_neighbours(inference_for, networks, texture, corner):
    plane, network = texture(30, 20), networks.tap(*corner)
    expected = networks.moved(plane, *corner)
    for block in ("1x1", "2x4", "4x4", "1x4-4x4"):
        for reuse in (False, True):
            inference = inference_for(network, block=block, tile=TILE, reuse=reuse)
            assert inference.network.context_px == (2, 2)
            top = sharpened(inference, plane[:12], overlap_below=2)
            middle = sharpened(inference, plane[8:22], overlap_above=2, overlap_below=2)
            bottom = sharpened(inference, plane[18:], overlap_above=2)
            assert (np.vstack([top, middle, bottom]) == expected).all(), (block, reuse)


def test_the_same_rows_with_overlap_or_without_are_told_apart(inference_for, networks, texture):
    inference = inference_for(networks.tap(0, 0), tile=TILE, reuse=True)
    plane = texture(20, 20)
    sharpened(inference, plane[4:])  # mirrored above
    assert (sharpened(inference, plane[2:], overlap_above=2) == networks.moved(plane, 0, 0)[4:]).all()
    assert (sharpened(inference, plane[4:]) == networks.moved(plane[4:], 0, 0)).all()


@pytest.mark.parametrize("error", [RuntimeError, MemoryError, KeyboardInterrupt])
@pytest.mark.parametrize("number", range(TILES))
def test_an_error_in_the_middle_of_a_frame_leaves_no_stale_tile_behind(
    monkeypatch, inference_for, networks, texture, error, number
):
    first, second = texture(HEIGHT, WIDTH, seed=1), texture(HEIGHT, WIDTH, seed=2)
    for after in (first, second):
        again = inference_for(networks.random(), tile=TILE, reuse=True)
        expected = sharpened(inference_for(networks.random(), tile=TILE), after)
        sharpened(again, first)
        invoke_number(monkeypatch, again, number, error)
        with pytest.raises(error):
            sharpened(again, second)
        again.statistics.clear()
        assert (sharpened(again, after) == expected).all()
        assert again.statistics.tiles_reused == 0
        assert (sharpened(again, after) == expected).all()
        assert again.statistics.tiles_reused == TILES


def invoke_number(monkeypatch, inference, number, error) -> None:
    """Let one invocation of the real interpreter end in an error."""
    program, calls = inference._sized._fresh._program, []
    real = program.run

    def run():
        calls.append(error)
        if len(calls) == number + 1:
            raise error
        real()

    monkeypatch.setattr(program, "run", run)


def test_a_plane_that_is_refused_leaves_no_stale_tile_behind(inference_for, networks, texture):
    again = inference_for(networks.tap(0, 0), tile=TILE, reuse=True)
    first, second = texture(HEIGHT, WIDTH, seed=1), texture(HEIGHT, WIDTH, seed=2)
    for plane in (first, second):
        sharpened(again, plane)
    with pytest.raises(Exception, match="copyMakeBorder"):  # OpenCV knows no complex numbers
        sharpened(again, first.astype(np.complex64))
    for plane in (first, second):
        assert (sharpened(again, plane) == networks.moved(plane, 0, 0)).all()


def test_the_raw_output_is_what_the_network_put_out_without_what_fills_the_last_blocks(
    inference_for, networks, texture
):
    for block in ("1x1", "4x4"):
        inference = inference_for(networks.tap(0, 0), residual=True, block=block, tile=(8, 8))
        plane = texture(9, 11)
        sharpened(inference, plane)
        assert inference.raw.dtype == np.int8
        assert (inference.raw == networks.moved(plane, 0, 0).astype(int) - 128).all()


def test_there_is_no_raw_output_before_the_first_plane(inference_for, networks):
    with pytest.raises(UsageError, match="nothing has been computed"):
        _ = inference_for(networks.tap(0, 0)).raw


def test_the_setting_is_asked_for_when_a_size_comes_that_was_not_there(engine, networks, texture):
    asked = []

    def plan_for(height, width):
        asked.append((height, width))
        return Plan(PLAIN, (16, 16), 1)

    inference = TiledInference(on_bicubic(networks.tap(2, 2)), backend_named(engine), plan_for=plan_for)
    for size in ((8, 9), (8, 9), (5, 4), (8, 9)):
        sharpened(inference, texture(*size))
    assert asked == [(8, 9), (5, 4), (8, 9)]


def test_the_result_may_be_written_over_the_plane(inference_for, networks, texture):
    plane = texture(20, 30)
    expected = networks.moved(plane, 4, 4).copy()
    inference_for(networks.tap(4, 4), tile=TILE).run(plane, plane, plane)
    assert (plane == expected).all()


def test_with_reuse_each_program_is_made_when_it_is_first_needed(engine, networks, texture, monkeypatch):
    backend, compiled = backend_named(engine), []
    monkeypatch.setattr(
        backend, "compile", lambda *graph: compiled.append(graph) or type(backend).compile(backend, *graph)
    )
    plan = Plan(PLAIN, (HEIGHT, WIDTH), 1, still_tile=TILE)
    inference = TiledInference(on_bicubic(networks.tap(2, 2)), backend, plan_for=lambda *_: plan, reuse=True)
    frame = texture(HEIGHT, WIDTH)
    for change, programs in ((0, 1), (0, 1), (1, 2), (1, 2)):  # all is new, all is still, a pixel moves
        frame[4, 4] ^= change
        sharpened(inference, frame)
        assert len(compiled) == programs
