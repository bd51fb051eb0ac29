"""Drawn edges: what the camera would see of them, and where it counts what a network makes of them."""

import numpy as np
import pytest

from edge_srcnn.errors import UsageError
from edge_srcnn.models.spec import LUMA_PLANE
from export.architectures import find_architecture
from export.data.degradation import imresize
from export.data.edges import FAR, LEAST_STEP, N_EDGES, NEAR, draw_edges
from export.data.pair import GREY_LEVEL, UNCOUNTED
from export.data.pairs import make_pairs
from export.data.patch_spec import PatchSpec, patch_spec
from export.data.patches import PatchSampler
from export.training.plan import EDGES, TrainingPlan, check_edges, usual_edges

SCALES = [2, 3, 4]


def spec_of(scale: int) -> PatchSpec:
    return patch_spec(find_architecture("fast-c8d2", scale))


@pytest.mark.parametrize("scale", SCALES)
def test_each_is_a_step_between_two_levels_and_what_a_camera_sees_of_it(scale: int) -> None:
    edges = draw_edges(spec_of(scale))
    assert len(edges) == N_EDGES
    for pair in edges[:50]:
        left, right = int(pair.hr[0, 0]), int(pair.hr[0, -1])
        assert abs(left - right) >= LEAST_STEP
        assert np.isin(pair.hr, (left, right)).all()
        assert np.array_equal(pair.plane, imresize(np.ascontiguousarray(pair.hr), *pair.plane.shape))
    assert {int(np.argmax(pair.hr[0] != pair.hr[0, 0])) % scale for pair in edges} == set(range(scale))


@pytest.mark.parametrize("scale", SCALES)
def test_what_counts_is_a_strip_of_one_level_beside_the_edge(scale: int) -> None:
    sides = set()
    for pair in draw_edges(spec_of(scale)):
        assert pair.residual is not None
        counted = np.flatnonzero(pair.residual[0] != UNCOUNTED)
        middle = int(np.argmax(pair.hr[0] != pair.hr[0, 0]))
        places = (counted - middle if counted[0] >= middle else middle - 1 - counted[::-1]).tolist()
        assert places == list(range(NEAR * scale, FAR * scale))
        sides.add(bool(counted[0] >= middle))
        goal = pair.base[:, counted].astype(int) + pair.residual[:, counted] // GREY_LEVEL
        assert np.array_equal(goal, pair.hr[:, counted])
    assert sides == {False, True}


def test_other_seeds_draw_others_and_rows_take_no_memory() -> None:
    first, again, other = (draw_edges(spec_of(2), seed)[0] for seed in (0, 0, 1))
    assert np.array_equal(first.hr, again.hr)
    assert not np.array_equal(first.hr, other.hr)
    assert {each.strides[0] for each in (first.plane, first.hr, first.base, first.residual)} == {0}


def test_the_last_patches_of_a_batch_are_drawn_and_the_others_stay_as_they_are() -> None:
    spec = spec_of(2)
    pairs = tuple(make_pairs(np.random.default_rng(0).integers(0, 256, (160, 160), dtype=np.uint8), spec))
    plain = PatchSampler(pairs, spec, batch=16, seed=3)
    mixed = PatchSampler(pairs, spec, batch=16, seed=3, edges=draw_edges(spec), n_edges=5)
    for number in range(4):
        x, y = plain.batch(number)
        mixed_x, mixed_y = mixed.batch(number)
        assert np.array_equal(mixed_x[:11], x[:11])
        assert np.array_equal(mixed_y[:11], y[:11])
        assert np.isnan(mixed_y).any(axis=(1, 2, 3)).tolist() == [False] * 11 + [True] * 5
        # a whole strip lies in every patch: four of the camera's pixels wide, as long as the patch
        assert np.isfinite(mixed_y[11:]).sum(axis=(1, 2, 3)).tolist() == [(FAR - NEAR) * 2 * 24 * 2] * 5
        assert np.isfinite(mixed_x).all()
        assert np.array_equal(mixed.batch(number, slice(9, 14))[0], mixed_x[9:14])


@pytest.mark.parametrize(("share", "batch", "n"), [(0.0, 64, 0), (EDGES, 64, 5), (0.5, 8, 4), (0.01, 16, 1)])
def test_a_share_of_a_batch_is_one_patch_at_least(share: float, batch: int, n: int) -> None:
    assert TrainingPlan(steps=1, batch=batch, edges=share).n_edges == n


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_other_shares_are_refused(share: float) -> None:
    with pytest.raises(UsageError, match=r"--edges .*: give a share of each batch, from 0 to less than 1"):
        TrainingPlan(steps=1, edges=share)


@pytest.mark.parametrize(
    ("name", "scale", "degradation", "edges"),
    [
        ("fast-m", 2, "bicubic", EDGES),
        ("fast-c8d2b2", 2, "cv2", EDGES),
        ("fast-m", 3, "bicubic", 0.0),
        ("fast-m", 2, "camera", 0.0),
        ("fast-m", 1, "bicubic", 0.0),
        ("srcnn-915", 2, "bicubic", 0.0),
    ],
)
def test_networks_of_sub_pixels_and_clean_pictures_have_them(
    name: str, scale: int, degradation: str, edges: float
) -> None:
    architecture = find_architecture(name, scale)
    assert usual_edges(architecture, degradation) == edges
    check_edges(0.0, architecture, degradation)
    if edges:
        check_edges(0.3, architecture, degradation)
        assert patch_spec(architecture).plane == LUMA_PLANE
    else:
        with pytest.raises(UsageError, match=r"--edges 0.3: is for fast networks for x2 and pictures without noise"):
            check_edges(0.3, architecture, degradation)
