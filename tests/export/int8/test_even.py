"""Even kernels in whole steps: all of them, those near, and what the int8 model makes of an edge."""

from itertools import product

import keras
import numpy as np
import pytest

from edge_srcnn.engine.interpreter import open_interpreter
from export.architectures import Architecture, Layer, find_architecture
from export.data.pair import Pair
from export.int8.convert import convert, representative_dataset
from export.int8.even import even_basis, even_step, round_even
from export.int8.fine_tuning import build_fake_quantized, quantized_layers
from export.int8.gptq import round_layers
from export.int8.nearest import STEPS, nearest_integers
from export.training.even import EvenKernel
from tests.export.layers import random_layers
from tests.export.training.test_even import unevenness
from tests.export.trainings import same


def metric(taps: int, seed: int = 0) -> np.ndarray:
    """Of inputs of which neighbours are alike."""
    rows = np.random.default_rng(seed).normal(size=(4 * taps, taps)).cumsum(axis=1)
    return np.asarray(rows.T @ rows / len(rows))


def cost(missed: np.ndarray, hessian: np.ndarray) -> float:
    return float(np.einsum("to,tu,uo->", missed, hessian, missed))


@pytest.mark.parametrize("side", [2, 3, 4])
def test_sums_of_the_basis_are_even_and_all_even_kernels_are_sums(side: int) -> None:
    basis = even_basis(3, side, 1)
    assert basis.shape == (side, side, 9, (2 * side + 1) ** 2)
    flat = basis.reshape(side**2 * 9, -1)
    assert np.linalg.matrix_rank(flat) == flat.shape[1]
    kernel = basis.reshape(side**2, 3, 3, 1, -1).transpose(1, 2, 3, 0, 4)
    assert max(unevenness(kernel[..., number]) for number in range(kernel.shape[-1])) == 0
    # projecting every unit kernel gives even ones of as many directions
    units = np.eye(9 * side**2, dtype=np.float32).reshape(-1, 3, 3, 1, side**2)
    even = [keras.ops.convert_to_numpy(EvenKernel(side)(unit)).ravel() for unit in units]
    assert np.linalg.matrix_rank(even) == flat.shape[1]


@pytest.mark.parametrize("side", [2, 3, 4])
@pytest.mark.parametrize("seed", range(5))
def test_rounded_kernels_are_even_in_steps_of_which_none_has_more_than_127(side: int, seed: int) -> None:
    hessian = metric(9 * 4, seed)
    weights = np.random.default_rng(seed).normal(size=(9 * 4, side**2))
    rounded = round_even(weights, hessian, 3)
    steps = rounded / even_step(rounded.astype(np.float32))
    assert np.abs(steps - np.rint(steps)).max() < 1e-4
    assert STEPS * 0.9 < np.abs(steps).max() < STEPS + 0.5
    assert unevenness(np.rint(steps).reshape(3, 3, 4, -1)) == 0


def test_the_step_of_a_kernel_is_found_whatever_its_largest_weight() -> None:
    random = np.random.default_rng(0)
    for largest in (127, 126, 119, 64):
        steps = random.integers(-largest, largest + 1, 200)
        steps[:2] = largest, 1
        assert even_step((steps * 0.013).astype(np.float32)) == pytest.approx(0.013, rel=1e-5)
    assert even_step(np.zeros(4, np.float32)) == 0
    assert even_step(random.normal(size=200).astype(np.float32)) > 0, "on no grid: as any other kernel"


@pytest.mark.parametrize("side", [2, 4])
def test_rounding_costs_little_beside_what_evenness_does(side: int) -> None:
    hessian = metric(9 * 4)
    weights = np.random.default_rng(side).normal(size=(9 * 4, side**2))
    nearest = keras.ops.convert_to_numpy(EvenKernel(side)(weights.reshape(3, 3, 4, -1))).reshape(weights.shape)
    rounded = round_even(weights, hessian, 3)
    assert cost(rounded - weights, hessian) < cost(nearest - weights, hessian), "it is nearest in the metric of inputs"
    by_itself = round_even(nearest, hessian, 3)
    step = even_step(by_itself.astype(np.float32))
    naive = np.rint(nearest / step) * step  # which is even no more
    assert cost(by_itself - nearest, hessian) < cost(naive - nearest, hessian)


def test_kernels_of_nothing_stay_nothing() -> None:
    assert not round_even(np.zeros((9, 4)), np.eye(9), 3).any()


def test_integers_are_nearer_in_the_metric_than_rounded_values() -> None:
    hessian, values = metric(5, seed=3), np.random.default_rng(1).normal(size=5) * 3
    found = nearest_integers(values, hessian)

    def missed(integers: np.ndarray) -> float:
        return float((integers - values) @ hessian @ (integers - values))

    best = min(missed(np.rint(values) + move) for move in product((-1, 0, 1), repeat=5))
    assert np.array_equal(found, np.rint(found))
    assert best <= missed(found) <= missed(np.rint(values))


def test_integers_of_values_that_do_not_vary_together_are_the_nearest_ones() -> None:
    assert nearest_integers(np.array([0.4, -1.6, 9.2]), np.diag([1.0, 5.0, 2.0]), most=8).tolist() == [0, -2, 8]


def edged(architecture: Architecture) -> tuple[tuple[Layer, ...], list[np.ndarray], np.ndarray]:
    """An even network of random weights, its representative inputs, and a picture of upright stripes."""
    *inner, last = random_layers(architecture)
    kernel = keras.ops.convert_to_numpy(EvenKernel(architecture.shuffle)(last.kernel))
    layers = (*inner, Layer(kernel, np.full_like(last.bias, 0.01)))
    random = np.random.default_rng(4)
    plane = random.integers(0, 256, (160, 160), dtype=np.uint8)
    samples = representative_dataset((Pair(plane, plane, plane),), architecture)
    stripes = np.broadcast_to(random.integers(0, 256, 48, dtype=np.uint8), (48, 48))
    return layers, samples, stripes


@pytest.mark.slow
@pytest.mark.parametrize(("name", "scale"), [("fast-c8d2", 2), ("fast-c8d2b2", 2), ("fast-c8d2b2", 1)])
def test_the_int8_model_leaves_nothing_along_an_edge(name: str, scale: int) -> None:
    architecture = find_architecture(name, scale)
    layers, samples, stripes = edged(architecture)
    rounded = round_layers(layers, samples, even=True)
    network = open_interpreter("litert", convert(rounded, architecture, samples), 1)
    block, side = architecture.unshuffle, architecture.shuffle
    for turned in (stripes, stripes.T):
        cells = turned.reshape(48 // block, block, 48 // block, block).swapaxes(1, 2)
        pixels = np.ascontiguousarray(cells).reshape(48 // block, 48 // block, block**2)
        out = network.compute((pixels ^ np.uint8(0x80)).view(np.int8))
        rows, columns = out.shape[:2]
        picture = out.reshape(rows, columns, side, side).transpose(0, 2, 1, 3).reshape(rows * side, columns * side)
        across = picture if turned is stripes else picture.T
        assert np.ptp(across.astype(int), axis=0).max() == 0
        assert np.ptp(across.astype(int), axis=1).max() > 10, "it does change where the picture does"


@pytest.mark.slow
def test_fine_tuning_lets_an_even_layer_be() -> None:
    architecture = find_architecture("fast-c8d2")
    layers, samples, _ = edged(architecture)
    rounded = round_layers(layers, samples, even=True)
    model = build_fake_quantized(architecture, rounded)
    assert [each.name for each in model.trainable_variables] == ["kernel", "bias"] * 2, "of the other two layers"
    assert same(quantized_layers(model), rounded, tolerance=1e-6)
