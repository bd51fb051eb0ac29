"""Where a frame is as the one before it, so is its result, which is not computed again; whatever comes in between."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_srcnn.engine.backends import backend_named
from edge_srcnn.engine.graph import Network
from edge_srcnn.engine.inference import TiledInference
from edge_srcnn.engine.luma import LumaUpscaler
from edge_srcnn.engine.plan import PLAIN, WHOLE_TILE, Plan
from edge_srcnn.imaging import bicubic
from edge_srcnn.imaging.bicubic import EXACT_SCALES, upscale_bicubic, upscale_window
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.imaging.tiles import Tile
from edge_srcnn.models.spec import BICUBIC_PLANE, LUMA_PLANE
from edge_srcnn.upscaler import load_model
from tests.edge_srcnn.engine.stacks import MORE, REPEATABLE, int8_stack, seeds


@pytest.mark.slow
@MORE
@given(seeds, st.tuples(st.integers(1, 40), st.integers(1, 40)), st.sampled_from(EXACT_SCALES), st.booleans())
def test_a_window_is_upscaled_as_within_the_whole_plane(seed, size, scale, extreme):
    rng = np.random.default_rng(seed)
    plane = rng.integers(0, 256, size, np.uint8)
    if extreme:
        plane = (plane // 128 * 255).astype(np.uint8)
    (top, left), (height, width) = rng.integers(0, size), rng.integers(1, 24, 2)
    tile = Tile(*(int(side) * scale for side in (top, left, height, width)))  # may go beyond the plane
    assert np.array_equal(upscale_window(plane, scale, tile), upscale_bicubic(plane, scale)[tile.place])


def network(kind, kernels, scale, residual, seed):
    """A network on the camera's plane, or on the bicubic one."""
    shuffle = scale if kind == LUMA_PLANE else 1
    hidden = [4] * (len(kernels) - 1)
    plan = seed, tuple((side, side) for side in kernels), (1, *hidden, shuffle**2), [False] * len(kernels)
    return Network(int8_stack(*plan), kind, 1, shuffle, residual)


@pytest.mark.slow
@REPEATABLE
@given(
    st.sampled_from([LUMA_PLANE, BICUBIC_PLANE]),
    st.lists(st.sampled_from([1, 3, 5]), min_size=1, max_size=3),
    st.integers(1, 4),
    st.booleans(),
    seeds,
    st.lists(st.sampled_from(["moves", "same", "all", "strength", "region", "network", "bands", "size"]), max_size=8),
)
def test_frames_of_a_still_scene_have_the_bytes_of_fresh_ones(engine, kind, kernels, scale, residual, seed, events):
    rng = np.random.default_rng(seed)
    plan = Plan(PLAIN, WHOLE_TILE, 1, still_tile=(8, 8))
    fresh, still = (
        LumaUpscaler(
            TiledInference(
                network(kind, kernels, scale, residual, seed),
                backend_named(engine),
                plan_for=lambda *_: plan,
                reuse=reuse,
            ),
            scale,
        )
        for reuse in (False, True)
    )
    plane, strength = rng.integers(0, 256, (23, 30), np.uint8), 1.0
    out = np.empty((plane.shape[0] * scale, plane.shape[1] * scale), np.uint8)
    for event in ("same", *events, "moves"):
        region = None
        if event == "moves":
            y, x = rng.integers(0, plane.shape)
            plane[y : y + 3, x : x + 3] ^= rng.integers(1, 256, dtype=np.uint8)
        elif event == "all":
            plane = ~plane
        elif event == "strength":
            strength = float(rng.choice([0.0, 0.5, 1.0, 1.25]))
        elif event == "region":
            region = Tile(*(int(side) * scale for side in (*rng.integers(0, 20, 2), *rng.integers(1, 20, 2))))
        elif event == "network":
            still.run_network(rng.integers(0, 256, plane.shape, np.uint8))
        elif event == "size":
            other = rng.integers(0, 256, (9, 30), np.uint8)
            assert np.array_equal(still.upscale(other), fresh.upscale(other))
        if event == "bands":
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(bicubic, "WHOLE_PIXELS", 0)
                patch.setattr(bicubic, "BAND_ROWS", 8)
                still.upscale(plane)
        out[:] = rng.integers(0, 256)  # whoever gave it may write into it
        still.upscale(plane, out, region, strength=strength)
        assert np.array_equal(out, fresh.upscale(plane, None, region, strength=strength)), event
        sharp, base = still.band(plane, 0, strength=strength)
        assert np.array_equal(base, upscale_bicubic(plane, scale))
        assert np.array_equal(sharp, fresh.upscale(plane, strength=strength))


@pytest.mark.slow
def test_a_still_frame_is_neither_upscaled_nor_added_to(engine, monkeypatch):
    """Only the tile that changed is; the other 299 are known."""
    windows = []
    monkeypatch.setattr(
        "edge_srcnn.engine.base.upscale_window",
        lambda plane, scale, tile: windows.append(tile) or upscale_window(plane, scale, tile),
    )
    luma = np.random.default_rng(0).integers(0, 256, (480, 640), np.uint8)
    with load_model("fast-s-x2", engine=engine, reuse=True, threads=1) as upscaler:

        def of(plane):
            return upscaler.upscale_frame(Frame(plane.copy(), None, Colour(), 0, 0.0, 0.0))

        first = of(luma)
        assert upscaler.reused == 0
        again = of(luma)
        assert (upscaler.reused, windows) == (1, [])
        assert np.array_equal(again.luma, first.luma)
        assert again.luma is not first.luma  # it was handed on
        luma[5, 5] ^= 1
        changed = of(luma)
        assert upscaler.reused == pytest.approx(1 - 1 / 300)
        assert [(tile.top, tile.left, tile.height, tile.width) for tile in windows] == [(0, 0, 64, 64)]
        assert np.array_equal(again.luma, first.luma)
    with load_model("fast-s-x2", engine=engine, threads=1) as upscaler:
        assert np.array_equal(of(luma).luma, changed.luma)
        assert upscaler.reused is None
