"""Pairs to patches: where they are cut, how they are rotated and flipped; and crops for evaluation."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from edge_srcnn.errors import BadData, UsageError
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.models.spec import LUMA_PLANE
from export.data.pair import Pair
from export.data.patch_spec import PatchSpec
from export.data.patches import PatchSampler, centre_crops

Draw = Callable[..., UInt8Array]

SPEC = PatchSpec(scale=2, halo_px=6)


def identity_pair(plane: UInt8Array) -> Pair:
    return Pair(plane, plane, plane)


def test_a_patch_is_its_input_without_the_halo(draw: Draw) -> None:
    x, y = PatchSampler((identity_pair(draw(0)),), SPEC, batch=64).batch(0)
    assert x.shape == (64, 44, 44, 1)
    assert y.shape == (64, 32, 32, 1)
    assert x.dtype == y.dtype == np.float32
    assert np.array_equal(x[:, 6:-6, 6:-6], y), "input and ground truth are turned alike"


@pytest.mark.parametrize("halo_px", [0, 6, 8])
def test_a_network_of_any_halo_gets_its_context(draw: Draw, halo_px: int) -> None:
    spec = PatchSpec(2, halo_px, patch_px=16)
    x, y = PatchSampler((identity_pair(draw(0)),), spec, batch=8).batch(0)
    assert x.shape[1:] == (16 + 2 * halo_px, 16 + 2 * halo_px, 1)
    inner = slice(halo_px, halo_px + 16)
    assert np.array_equal(x[:, inner, inner], y)


def test_values_span_zero_to_one(draw: Draw) -> None:
    plane = draw(0)
    plane[::2], plane[1::2] = 0, 255
    x, y = PatchSampler((identity_pair(plane),), SPEC).batch(0)
    assert (x.min(), x.max(), y.min(), y.max()) == (0.0, 1.0, 0.0, 1.0)


def test_all_eight_symmetries_occur_and_nothing_else() -> None:
    # One place alone: a picture of the size of a window.
    window = np.random.default_rng(0).integers(0, 256, (44, 44), dtype=np.uint8)
    x, _ = PatchSampler((identity_pair(window),), SPEC, batch=200).batch(0)
    seen = {np.rint(patch[..., 0] * 255).astype(np.uint8).tobytes() for patch in x}
    turned = [np.rot90(plane, quarter) for plane in (window, window[:, ::-1]) for quarter in range(4)]
    assert seen == {plane.tobytes() for plane in turned}


def test_flat_patches_are_never_drawn() -> None:
    # Left half flat, right half a checkerboard of 100 and 156: standard deviation 28 there, 0 in flat places.
    y, x = np.indices((200, 200))
    plane = np.where(x < 100, 128, np.where((y + x) % 2 == 0, 100, 156)).astype(np.uint8)
    _, hr = PatchSampler((identity_pair(plane),), PatchSpec(2, halo_px=6), batch=256).batch(0)
    # The filter looks before the jitter of up to 7 pixels; 12 of 28 is a fifth of the patch at least.
    textured = np.mean(hr[..., 0] * 255 != 128, axis=(1, 2))
    assert textured.min() > 0.15


def test_the_texture_threshold_is_in_grey_levels() -> None:
    def checkerboard(contrast: int) -> Pair:
        y, x = np.indices((64, 64))
        return identity_pair(np.where((y + x) % 2 == 0, 128 - contrast, 128 + contrast).astype(np.uint8))

    assert len(PatchSampler((checkerboard(13),), SPEC)) > 0  # standard deviation 13
    with pytest.raises(BadData, match="standard deviation of 12 or more: the pictures are flat"):
        PatchSampler((checkerboard(11),), SPEC)
    assert len(PatchSampler((checkerboard(11),), PatchSpec(2, halo_px=6, min_std=10))) > 0


def test_places_lie_on_a_grid_of_half_a_patch() -> None:
    y, x = np.indices((44 + 3 * 16, 44 + 16))
    plane = np.where((y + x) % 2 == 0, 60, 200).astype(np.uint8)
    assert len(PatchSampler((identity_pair(plane),), SPEC)) == 4 * 2


def test_batches_depend_on_the_seed_and_the_number_alone(draw: Draw) -> None:
    pairs = (identity_pair(draw(0)), identity_pair(draw(1)))

    def drawn(seed: int, n: int) -> bytes:
        return PatchSampler(pairs, SPEC, seed=seed).batch(n)[0].tobytes()

    assert drawn(0, 7) == drawn(0, 7)
    assert len({drawn(0, 7), drawn(0, 8), drawn(1, 7)}) == 3


def test_patches_come_from_every_picture() -> None:
    y, x = np.indices((64, 64))
    pairs = tuple(identity_pair(np.where((y + x) % 2 == 0, a, a + 40).astype(np.uint8)) for a in (0, 100, 200))
    _, hr = PatchSampler(pairs, SPEC).batch(0)
    assert set(np.rint(np.mean(hr * 255, axis=(1, 2, 3)))) == {20, 120, 220}


def test_places_are_jittered() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (44 + 16, 44 + 16), dtype=np.uint8)
    sampler = PatchSampler((identity_pair(noise),), SPEC, batch=200)
    x, _ = sampler.batch(0)
    assert len(sampler) == 4
    assert len({patch.tobytes() for patch in x}) > 4 * 8, "four places in eight symmetries would be all"


# --- patches of the camera's luma ---

LUMA = PatchSpec(scale=3, halo_px=4, patch_px=16, plane=LUMA_PLANE)


def enlarged(plane: UInt8Array, scale: int) -> UInt8Array:
    return plane.repeat(scale, axis=0).repeat(scale, axis=1)


def test_the_goal_of_a_luma_patch_is_the_residual_of_the_same_place(draw: Draw) -> None:
    plane = draw(0, 90, 100)
    pair = Pair(plane, enlarged(plane, 3), enlarged(255 - plane, 3))
    x, y = PatchSampler((pair,), LUMA, batch=40).batch(0)
    assert (x.shape, y.shape) == ((40, 24, 24, 1), (40, 48, 48, 1))
    inner = x[:, 4:-4, 4:-4].repeat(3, axis=1).repeat(3, axis=2)
    np.testing.assert_allclose(y, inner - (1 - inner), atol=1e-6)
    assert y.min() < -0.5, "residuals are not clipped"


def test_all_four_offsets_of_the_grid_of_blocks_come_in_each_batch() -> None:
    y, x = np.indices((80, 90))
    plane = (80 * (y % 2) + 40 * (x % 2)).astype(np.uint8)
    pair = Pair(plane, enlarged(plane, 2), enlarged(plane, 2))
    sampler = PatchSampler((pair,), replace(LUMA, scale=2, block_px=2))
    for number in range(3):
        patches, _ = sampler.batch(number)
        assert set(np.rint(patches[:, 0, 0, 0] * 255)) == {0, 40, 80, 120}


def test_patches_are_whole_blocks() -> None:
    with pytest.raises(UsageError, match="--patch 17: give a multiple of 2"):
        replace(LUMA, patch_px=17, block_px=2)


def test_texture_is_looked_for_in_the_ground_truth() -> None:
    y, x = np.indices((240, 240))
    checkerboard = np.where((y + x) % 2 == 0, 100, 156).astype(np.uint8)
    flat = np.full((80, 80), 128, np.uint8)
    assert len(PatchSampler((Pair(flat, checkerboard, enlarged(flat, 3)),), LUMA)) > 0
    with pytest.raises(BadData, match="the pictures are flat"):
        PatchSampler((Pair(checkerboard[:80, :80], enlarged(flat, 3), checkerboard),), LUMA)


# --- crops for evaluation ---


@pytest.mark.parametrize(("block_px", "side"), [(1, 31), (2, 30)])
def test_centre_crops_of_luma_are_whole_blocks_beside_ground_truth_and_bicubic(
    draw: Draw, block_px: int, side: int
) -> None:
    plane = draw(0, 39, 60)
    pair = Pair(plane, enlarged(plane, 3), enlarged(255 - plane, 3))
    x, y, base = centre_crops((pair,), replace(LUMA, block_px=block_px))
    assert (x.shape, y.shape) == ((1, side + 8, side + 8, 1), (1, 3 * side, 3 * side, 1))
    assert np.array_equal(y, x[:, 4:-4, 4:-4].repeat(3, axis=1).repeat(3, axis=2))
    np.testing.assert_allclose(y + base, 1, atol=1e-6)


def test_centre_crops_are_central_and_fit(draw: Draw) -> None:
    plane = draw(0, 180, 200)
    x, y, base = centre_crops((identity_pair(plane),), SPEC)
    assert (x.shape, y.shape) == ((1, 140, 140, 1), (1, 128, 128, 1))
    assert np.array_equal(np.rint(x[0, ..., 0] * 255), plane[20:160, 30:170])
    assert np.array_equal(x[:, 6:-6, 6:-6], y) and np.array_equal(y, base)
    assert y.max() <= 1.0


def test_the_smallest_picture_sets_the_size_of_the_crops(draw: Draw) -> None:
    x, y, _ = centre_crops((identity_pair(draw(0)), identity_pair(draw(1, 60, 90))), SPEC)
    assert (x.shape, y.shape) == ((2, 60, 60, 1), (2, 48, 48, 1))
