"""Kernels trained as products: the product is what convolves, is saved, and is taken out."""

from pathlib import Path

import keras
import numpy as np
import pytest

from edge_srcnn.errors import BadData, UsageError
from export.architectures import find_architecture
from export.training.expansion import ExpandedConvolution
from export.training.network import build_model, convolutions_of, layers_of
from export.training.plan import TrainingPlan
from export.training.start_from import begin_with
from tests.export.trainings import same

pytestmark = pytest.mark.slow

FAST = find_architecture("fast-c8d3")


def convolved(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    k = kernel.shape[0]
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))
    return np.einsum("nyxcij,ijco->nyxo", windows, kernel, optimize=True)


@pytest.mark.parametrize("skip", [False, True])
def test_it_is_a_wide_convolution_and_a_1x1_one_and_a_skip(skip: bool) -> None:
    layer = ExpandedConvolution(4, 3, expand=24, skip=skip, kernel_initializer=keras.initializers.HeNormal(seed=1))
    x = np.random.default_rng(0).random((2, 9, 11, 4), dtype=np.float32)
    out = keras.ops.convert_to_numpy(layer(x))
    wide, narrow = (keras.ops.convert_to_numpy(each) for each in (layer.wide, layer.narrow))
    assert wide.shape == (3, 3, 4, 24)
    assert narrow.shape == (24, 4)
    expected = convolved(x, wide) @ narrow + (x[:, 1:-1, 1:-1] if skip else 0)
    assert np.allclose(out, expected, atol=1e-5)


def test_the_ends_have_no_skip_and_what_is_inside_has_one() -> None:
    assert [layer.skip for layer in convolutions_of(build_model(FAST, expand=16))] == [False, True, True, False]


def test_an_expanded_network_is_the_plain_network_of_its_layers() -> None:
    expanded, plain = build_model(FAST, expand=16), build_model(FAST)
    x = np.random.default_rng(1).random((1, 20, 24, 1), dtype=np.float32)
    for layer, product in zip(convolutions_of(plain), convolutions_of(expanded), strict=True):
        layer.kernel.assign(product.kernel)
        layer.bias.assign(product.bias)
    assert same(layers_of(expanded), layers_of(plain))
    out, expected = (keras.ops.convert_to_numpy(model(x, training=False)) for model in (expanded, plain))
    assert np.allclose(out, expected, atol=1e-6)
    assert {layer.kernel.shape for layer in layers_of(expanded)} == set(FAST.shapes)


def test_the_product_spreads_as_the_kernel_of_a_plain_network_would() -> None:
    network = find_architecture("fast-c32d4")
    for expanded, plain in zip(
        layers_of(build_model(network, expand=128)), layers_of(build_model(network)), strict=True
    ):
        identity = np.trace(expanded.kernel[1, 1]) > 20
        without = expanded.kernel - (
            np.eye(32)[None, None] * (np.arange(9).reshape(3, 3, 1, 1) == 4) if identity else 0
        )
        assert without.std() == pytest.approx(plain.kernel.std(), rel=0.5)


def test_the_channels_between_are_never_fewer_than_those_behind() -> None:
    assert {layer.expand for layer in convolutions_of(build_model(FAST, expand=2))} == {4, 8}


def test_weights_come_back_from_a_file(tmp_path: Path) -> None:
    first, second = build_model(FAST, expand=16), build_model(FAST, expand=16)
    convolutions_of(first)[0].wide.assign_add(np.float32(0.1))
    first.save_weights(tmp_path / "x.weights.h5")
    begin_with(second, FAST, tmp_path / "x.weights.h5", 16)
    assert same(layers_of(first), layers_of(second))


def test_a_training_can_begin_with_plain_weights(tmp_path: Path) -> None:
    plain, expanded = build_model(FAST), build_model(FAST, expand=16)
    for layer in convolutions_of(plain):
        layer.kernel.assign(np.random.default_rng(3).normal(size=layer.kernel.shape) * 0.2)
        layer.bias.assign(np.random.default_rng(4).normal(size=layer.bias.shape))
    last = convolutions_of(plain)[-1]
    last.kernel.assign(last.kernel_constraint(last.kernel))
    plain.save_weights(tmp_path / "x.weights.h5")
    begin_with(expanded, FAST, tmp_path / "x.weights.h5", 16)
    assert same(layers_of(expanded), layers_of(plain), tolerance=1e-5)


def test_plain_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    build_model(find_architecture("fast-c4d3")).save_weights(tmp_path / "x.weights.h5")
    with pytest.raises(BadData, match="no weights of a fast-c8d3 that was trained here"):
        begin_with(build_model(FAST, expand=16), FAST, tmp_path / "x.weights.h5", 16)


def test_the_body_of_another_scale_begins_an_expanded_network(tmp_path: Path) -> None:
    other = find_architecture("fast-c8d3", 3)
    source, target = build_model(FAST, expand=16), build_model(other, expand=16)
    source.save_weights(tmp_path / "x.weights.h5")
    begin_with(target, other, tmp_path / "x.weights.h5", 16)
    assert same(layers_of(target)[:-1], layers_of(source)[:-1])
    assert layers_of(target)[-1].kernel.shape == (3, 3, 8, 9)


def test_symmetric_filters_are_trained_as_they_are() -> None:
    with pytest.raises(UsageError, match="--symmetry flips trains kernels as they are: give --expand 0"):
        TrainingPlan(steps=1, symmetry="flips", expand=16)


def test_fast_networks_are_expanded_four_times_and_srcnn_is_not() -> None:
    found = {name: find_architecture(name).expand for name in ("fast-s", "fast-m", "fast-xl", "srcnn-915")}
    assert found == {"fast-s": 32, "fast-m": 64, "fast-xl": 128, "srcnn-915": 0}
