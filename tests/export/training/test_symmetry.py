"""Symmetric networks: what they give of a turned picture is turned, before, while and after they are trained."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_srcnn.errors import UsageError
from export.architectures import Architecture, find_architecture
from export.data.pairs import Split, load_split
from export.data.patch_spec import patch_spec
from export.training.network import build_model
from export.training.plan import SQUARE, SYMMETRIES, Symmetry, check_filters
from export.training.symmetry import averaged, begin_symmetric, check_symmetric
from export.training.train import train
from tests.export.trainings import PLAN, weight_files

pytestmark = pytest.mark.slow

SMALL = find_architecture("srcnn-935", filters=(16, 8))
WIDE = find_architecture("srcnn-955", filters=(16, 8))
PATCHES = patch_spec(SMALL, 16)
FAST = {
    name: find_architecture(name, scale) for name, scale in (("fast-c16d2", 2), ("fast-c8d1", 3), ("fast-c8d2b2", 2))
}
NETWORKS = {"srcnn-935": SMALL, **FAST}
PICTURE = np.random.default_rng(5).random((32, 28), np.float32)


@pytest.fixture(params=SYMMETRIES)
def symmetry(request: pytest.FixtureRequest) -> Symmetry:
    return SYMMETRIES[request.param]


def random_model(architecture: Architecture, symmetry: Symmetry) -> keras.Model:
    """Weights of one size, biases too, so that each layer matters."""
    model = build_model(architecture)
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(scale=0.2, size=variable.shape))
    begin_symmetric(model, symmetry)
    return model


def transformed(picture: NDArray[np.float32], element: int) -> NDArray[np.float32]:
    turned = np.rot90(picture, element % 4)
    return np.ascontiguousarray(np.fliplr(turned) if element >= 4 else turned)


def residual(model: keras.Model, picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the network adds to a picture; whatever adds to a bicubic plane has a layer that adds."""
    out: NDArray[np.float32] = keras.ops.convert_to_numpy(model(picture[None, ..., None]))[0, ..., 0]
    if any(layer.name == "skip" for layer in model.layers):
        out = out - picture[SMALL.halo_px : -SMALL.halo_px, SMALL.halo_px : -SMALL.halo_px]
    return out


def keeps(model: keras.Model, element: int) -> bool:
    """Whether a transformed picture gives the transformed residual."""
    wanted = transformed(residual(model, PICTURE), element)
    difference = residual(model, transformed(PICTURE, element)) - wanted
    return float(np.abs(difference).max()) < 1e-3 * float(np.abs(wanted).max())


# --- networks ---


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_keeps_the_elements_of_its_symmetry_and_no_other(name: str, symmetry: Symmetry) -> None:
    model = random_model(NETWORKS[name], symmetry)
    assert {element for element in SQUARE if keeps(model, element)} == set(symmetry.elements)


def test_weights_spread_as_they_did_before(symmetry: Symmetry) -> None:
    free, model = build_model(SMALL), build_model(SMALL)
    begin_symmetric(model, symmetry)
    for before, after in zip(free.trainable_variables, model.trainable_variables, strict=True):
        if len(before.shape) > 1:
            assert np.std(after.numpy()) == pytest.approx(np.std(before.numpy()), rel=0.25)


def random_weights(seed: int) -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=v.shape).astype(np.float32) for v in build_model(WIDE).trainable_variables]


def means(weights: list[NDArray[np.float32]], symmetry: Symmetry) -> list[NDArray[np.float32]]:
    return [keras.ops.convert_to_numpy(mean) for mean in averaged(weights, symmetry)]


def test_averaging_twice_is_averaging_once(symmetry: Symmetry) -> None:
    weights = random_weights(2)
    once = means(weights, symmetry)
    for first, second in zip(once, means(once, symmetry), strict=True):
        np.testing.assert_allclose(second, first, atol=1e-6)
    kernel, mean = weights[2], once[2]
    assert np.linalg.norm(mean) ** 2 == pytest.approx(np.linalg.norm(kernel) ** 2 / symmetry.order, rel=0.2)


def test_the_nearest_symmetric_weights_are_found(symmetry: Symmetry) -> None:
    """What averaging takes away is at right angles to all that is symmetric."""
    weights = random_weights(3)
    for one, mean, other in zip(weights, means(weights, symmetry), means(random_weights(4), symmetry), strict=True):
        assert float(np.sum((one - mean) * other)) == pytest.approx(0.0, abs=1e-2)


# --- trainings ---


@pytest.mark.parametrize("optimizer", ["muon", "adam"])
def test_a_trained_network_is_as_symmetric_as_an_untrained_one(
    symmetry: Symmetry, optimizer: str, split: Split, tmp_path: Path
) -> None:
    plan = replace(PLAN, steps=20, epoch_steps=10, optimizer=optimizer, symmetry=symmetry.name)
    trained = train(SMALL, PATCHES, split, plan, tmp_path)
    assert all(keeps(trained.model, element) for element in symmetry.elements)
    assert trained.state.history[1][1] != trained.state.history[0][1], "the weights moved"


def test_a_trained_fast_network_is_symmetric_too(pictures: Path, tmp_path: Path) -> None:
    network = FAST["fast-c8d2b2"]
    spec = patch_spec(network, 16)
    plan = replace(PLAN, symmetry="square")
    trained = train(network, spec, load_split([pictures], spec), plan, tmp_path)
    assert all(keeps(trained.model, element) for element in SQUARE)


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
    network = find_architecture("srcnn-955", filters=filters)
    assert network.symmetry == name
    check_filters(SYMMETRIES[name], network)


def test_small_networks_are_left_free() -> None:
    assert find_architecture("srcnn-915").symmetry == "none"


def test_filters_that_make_up_no_sets_are_refused() -> None:
    with pytest.raises(UsageError, match=r"--symmetry square: filters come in sets of 8, not 64,12"):
        check_filters(SYMMETRIES["square"], find_architecture("srcnn-955", filters=(64, 12)))
