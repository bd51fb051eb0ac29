"""Symmetric networks: what they give of a turned picture is turned, before, while and after they are trained."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_srcnn.errors import UsageError
from export.architecture import Architecture, build_model
from export.dataset import Split
from export.symmetry import (
    SQUARE,
    SYMMETRIES,
    Symmetry,
    averaged,
    begin_symmetric,
    check_filters,
    check_symmetric,
    usual_symmetry,
)
from export.training import train
from tests.export.trainings import PLAN, SPEC, weight_files

SMALL = Architecture("srcnn-935", (16, 8))
PATCHES = replace(SPEC, halo_px=SMALL.halo_px)
PICTURE = np.random.default_rng(5).random((32, 28), np.float32)


@pytest.fixture(params=SYMMETRIES)
def symmetry(request: pytest.FixtureRequest) -> Symmetry:
    return SYMMETRIES[request.param]


def random_model(symmetry: Symmetry) -> keras.Model:
    """Weights of one size, biases too, so that each layer matters."""
    model = build_model(SMALL)
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(scale=0.2, size=variable.shape))
    begin_symmetric(model, symmetry)
    return model


def transformed(picture: NDArray[np.float32], element: int) -> NDArray[np.float32]:
    turned = np.rot90(picture, element % 4)
    return np.ascontiguousarray(np.fliplr(turned) if element >= 4 else turned)


def residual(model: keras.Model, picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the network adds to a picture."""
    inner = slice(SMALL.halo_px, -SMALL.halo_px)
    out: NDArray[np.float32] = keras.ops.convert_to_numpy(model(picture[None, ..., None]))[0, ..., 0]
    return out - picture[inner, inner]


def keeps(model: keras.Model, element: int) -> bool:
    """Whether a transformed picture gives the transformed residual."""
    wanted = transformed(residual(model, PICTURE), element)
    difference = residual(model, transformed(PICTURE, element)) - wanted
    return float(np.abs(difference).max()) < 1e-3 * float(np.abs(wanted).max())


# --- networks ---


def test_a_network_keeps_the_elements_of_its_symmetry_and_no_other(symmetry: Symmetry) -> None:
    model = random_model(symmetry)
    assert {element for element in SQUARE if keeps(model, element)} == set(symmetry.elements)


def test_weights_spread_as_they_did_before(symmetry: Symmetry) -> None:
    free, model = build_model(SMALL), build_model(SMALL)
    begin_symmetric(model, symmetry)
    for before, after in zip(free.trainable_variables, model.trainable_variables, strict=True):
        if len(before.shape) > 1:
            assert np.std(after.numpy()) == pytest.approx(np.std(before.numpy()), rel=0.25)


def test_averaging_twice_is_averaging_once(symmetry: Symmetry) -> None:
    kernel = np.random.default_rng(2).normal(size=(5, 5, 16, 8)).astype(np.float32)
    once = averaged(kernel, symmetry)
    np.testing.assert_allclose(averaged(once, symmetry), once, atol=1e-6)
    assert np.linalg.norm(once) ** 2 == pytest.approx(np.linalg.norm(kernel) ** 2 / symmetry.order, rel=0.2)


def test_the_nearest_symmetric_weights_are_found(symmetry: Symmetry) -> None:
    """What averaging takes away is at right angles to all that is symmetric."""
    rng = np.random.default_rng(3)
    kernel, other = (rng.normal(size=(3, 3, 8, 16)).astype(np.float32) for _ in range(2))
    difference = kernel - keras.ops.convert_to_numpy(averaged(kernel, symmetry))
    symmetric = keras.ops.convert_to_numpy(averaged(other, symmetry))
    assert float(np.sum(difference * symmetric)) == pytest.approx(0.0, abs=1e-2)


# --- trainings ---


@pytest.mark.parametrize("optimizer", ["muon", "adam"])
def test_a_trained_network_is_as_symmetric_as_an_untrained_one(
    symmetry: Symmetry, optimizer: str, split: Split, tmp_path: Path
) -> None:
    plan = replace(PLAN, steps=20, epoch_steps=10, optimizer=optimizer, symmetry=symmetry.name)
    trained = train(SMALL, PATCHES, split, plan, tmp_path)
    assert all(keeps(trained.model, element) for element in symmetry.elements)
    assert trained.state.history[1][1] != trained.state.history[0][1], "the weights moved"


def test_a_symmetric_training_goes_on_from_its_weights(split: Split, tmp_path: Path) -> None:
    plan = replace(PLAN, steps=6, epoch_steps=6, symmetry="square")
    train(SMALL, PATCHES, split, plan, tmp_path / "first")
    (weights,) = weight_files(tmp_path / "first")
    trained = train(SMALL, PATCHES, split, plan, tmp_path / "second", start_from=tmp_path / "first" / weights)
    check_symmetric(trained.model, SYMMETRIES["square"], "trained on")


def test_weights_without_the_symmetry_are_refused(split: Split, tmp_path: Path) -> None:
    train(SMALL, PATCHES, split, replace(PLAN, steps=6, epoch_steps=6), tmp_path / "first")
    (weights,) = weight_files(tmp_path / "first")
    path = tmp_path / "first" / weights
    with pytest.raises(UsageError, match=r"filters come in no sets of 'flips'; give --symmetry none") as refusal:
        train(SMALL, PATCHES, split, replace(PLAN, symmetry="flips"), tmp_path / "second", start_from=path)
    assert str(path) in str(refusal.value)


# --- which symmetry ---


@pytest.mark.parametrize(
    ("filters", "name"),
    [((64, 32), "square"), ((8, 8), "square"), ((12, 8), "flips"), ((64, 4), "flips"), ((10, 8), "none")],
)
def test_the_usual_symmetry_is_the_largest_that_fits(filters: tuple[int, int], name: str) -> None:
    assert usual_symmetry((9, 5, 5), filters) == name
    check_filters(SYMMETRIES[name], filters)


def test_the_small_network_is_left_free() -> None:
    assert usual_symmetry((9, 1, 5), (64, 32)) == "none"


def test_filters_that_make_up_no_sets_are_refused() -> None:
    with pytest.raises(UsageError, match=r"--symmetry square: filters come in sets of 8, not 64,12"):
        check_filters(SYMMETRIES["square"], (64, 12))
