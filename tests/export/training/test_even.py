"""Last layers that are even: no row of sub-pixels differs from the next where the picture does not change downwards."""

import keras
import numpy as np
import pytest

from export.architectures import find_architecture
from export.training.even import EvenBias, EvenKernel
from export.training.expansion import ExpandedConvolution
from export.training.network import build_model, convolutions_of, layers_of
from tests.export.layers import random_layers

NAMES = [("fast-c8d2", 2), ("fast-c8d2b2", 2), ("fast-c8d2b2", 1)]

OTHERS = [("fast-m", 1), ("fast-m", 3), ("fast-m", 4), ("srcnn-915", 2)]


def unevenness(kernel: np.ndarray) -> float:
    """How far sums downwards differ between rows of sub-pixels, and sums across between columns."""
    side = round(kernel.shape[3] ** 0.5)
    kernels = kernel.reshape(*kernel.shape[:3], side, side)
    return max(np.ptp(kernels.sum(axis=0), axis=2).max(), np.ptp(kernels.sum(axis=1), axis=3).max())


@pytest.mark.parametrize("side", [2, 3, 4])
def test_the_nearest_even_kernel_is_even_and_no_even_one_is_nearer(side: int) -> None:
    random = np.random.default_rng(side)
    kernel, other = (random.normal(size=(3, 3, 5, side**2)).astype(np.float32) for _ in range(2))
    even, another = (keras.ops.convert_to_numpy(EvenKernel(side)(each)) for each in (kernel, other))
    assert unevenness(kernel) > 1
    assert unevenness(even) < 1e-5
    assert np.allclose(EvenKernel(side)(even), even, atol=1e-6)
    # what is nearest misses at a right angle to all that is even
    assert np.vdot(kernel - even, another) == pytest.approx(0, abs=1e-3)


def test_even_biases_are_their_mean() -> None:
    assert keras.ops.convert_to_numpy(EvenBias()(np.float32([1, 2, 6, 7]))).tolist() == [4, 4, 4, 4]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "scale"), NAMES)
@pytest.mark.parametrize("expand", [0, 16])
def test_a_training_step_leaves_the_last_layer_even(name: str, scale: int, expand: int) -> None:
    architecture = find_architecture(name, scale)
    model = build_model(architecture, expand=expand)
    model.compile(keras.optimizers.SGD(1e-2), loss="mse")
    x = np.random.default_rng(0).random((2, 32, 32, 1), np.float32)
    model.train_on_batch(x, np.random.default_rng(1).random(model(x).shape).astype(np.float32))
    last = layers_of(model)[-1]
    assert np.abs(last.kernel).max() > 1e-3, "it has moved"
    assert unevenness(last.kernel) < 1e-5
    assert np.ptp(last.bias) < 1e-6
    assert unevenness(layers_of(model)[0].kernel.reshape(5 if "b2" not in name else 3, -1, 1, 4)[:3, :3]) > 0.1


@pytest.mark.parametrize(("name", "scale"), NAMES)
def test_nothing_lies_along_an_edge(name: str, scale: int) -> None:
    architecture = find_architecture(name, scale)
    model = build_model(architecture, expand=16)
    for convolution, layer in zip(convolutions_of(model), random_layers(architecture), strict=True):
        convolution.assign_kernel(layer.kernel)
        convolution.bias.assign(np.full_like(layer.bias, 0.1))
    plane = np.broadcast_to(np.random.default_rng(2).random(48, np.float32), (1, 48, 48))
    for turned in (plane, plane.transpose(0, 2, 1)):
        out = keras.ops.convert_to_numpy(model(np.ascontiguousarray(turned[..., None]), training=False))[0, ..., 0]
        across = out if turned is plane else out.T
        assert np.ptp(across, axis=0).max() < 1e-4
        assert np.ptp(across, axis=1).max() > 0.1, "it does change where the picture does"


def test_every_network_of_sub_pixels_for_x2_is_even_and_no_other() -> None:
    found = {(name, scale): find_architecture(name, scale).even for name, scale in (*NAMES, ("fast-m", 2), *OTHERS)}
    assert found == dict.fromkeys((*NAMES, ("fast-m", 2)), True) | dict.fromkeys(OTHERS, False)


def test_a_kernel_that_is_given_is_made_even() -> None:
    layer = ExpandedConvolution(4, 3, expand=16, skip=False, kernel_constraint=EvenKernel(2))
    layer.build((None, None, None, 5))
    kernel = np.random.default_rng(0).normal(size=(3, 3, 5, 4)).astype(np.float32)
    layer.assign_kernel(kernel)
    assert np.allclose(layer.kernel, EvenKernel(2)(kernel), atol=1e-5)
