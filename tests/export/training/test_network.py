"""The network as a formula: parameters counted by hand, outputs computed again in plain numpy."""

import keras
import numpy as np
import pytest

from edge_srcnn.errors import UsageError
from edge_srcnn.models.bundled import SCALES
from export.architectures import Layer, find_architecture
from export.architectures.srcnn import KERNELS, LAYER_NAMES
from export.data.pairs import Float32Array
from export.training.network import build_model, build_stack, layers_of, set_layers
from tests.export.layers import random_layers


def noise(*shape: int) -> Float32Array:
    return np.random.default_rng(7).random(shape, dtype=np.float32)


def convolved(luma: Float32Array, layers: tuple[Layer, ...]) -> Float32Array:
    """Equations 1 to 3 of the paper: ``max(0, W1 * Y + B1)``, ``max(0, W2 * F1 + B2)``, ``W3 * F2 + B3``."""
    x = luma
    for number, layer in enumerate(layers, 1):
        k = layer.kernel.shape[0]
        windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(1, 2))
        x = np.einsum("nyxcij,ijco->nyxo", windows, layer.kernel, optimize=True) + layer.bias
        x = x if number == len(layers) else np.maximum(x, 0)
    return x


def blocks(plane: Float32Array, side: int) -> Float32Array:
    """Pixel (uy, ux) of each block is channel ``uy * side + ux``."""
    return np.stack([plane[:, y::side, x::side, 0] for y in range(side) for x in range(side)], axis=-1)


def pixels(cells: Float32Array, side: int) -> Float32Array:
    """Channel ``vy * side + vx`` is pixel (vy, vx) of each block."""
    n, h, w, _ = cells.shape
    out = np.empty((n, h * side, w * side, 1), cells.dtype)
    for channel in range(side**2):
        out[:, channel // side :: side, channel % side :: side, 0] = cells[..., channel]
    return out


def predicted(model: keras.Model, luma: Float32Array) -> Float32Array:
    out: Float32Array = keras.ops.convert_to_numpy(model(luma, training=False))
    return out


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        # Dong et al., section 4.3.2: weights n1 f1^2 + n1 f2^2 n2 + n2 f3^2, and one bias a filter
        ("srcnn-915", 9 * 9 * 64 + 64 + 64 * 32 + 32 + 5 * 5 * 32 + 1),
        ("srcnn-935", 9 * 9 * 64 + 64 + 3 * 3 * 64 * 32 + 32 + 5 * 5 * 32 + 1),
        ("srcnn-955", 9 * 9 * 64 + 64 + 5 * 5 * 64 * 32 + 32 + 5 * 5 * 32 + 1),
    ],
)
def test_parameters_are_those_of_the_paper(name: str, parameters: int) -> None:
    assert build_model(find_architecture(name)).count_params() == parameters
    # "9-1-5: 8,032 weights, 9-3-5: 24,416, 9-5-5: 57,184" (section 4.3.2), without the 97 biases
    assert parameters - 97 == {"srcnn-915": 8032, "srcnn-935": 24416, "srcnn-955": 57184}[name]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "halo"), [("srcnn-915", 6), ("srcnn-935", 7), ("srcnn-955", 8)])
@pytest.mark.parametrize("residual", [True, False])
def test_valid_convolutions_use_up_the_halo_on_each_side(name: str, halo: int, residual: bool) -> None:
    architecture = find_architecture(name, filters=(4, 2), residual=residual)
    assert architecture.halo_px == halo
    assert sum(k - 1 for k in KERNELS[name]) == 2 * halo
    for model in (build_model(architecture), build_stack(architecture)):
        assert predicted(model, noise(2, 40, 50, 1)).shape == (2, 40 - 2 * halo, 50 - 2 * halo, 1)


def test_the_smallest_input_gives_one_pixel() -> None:
    assert predicted(build_model(find_architecture("srcnn-915", filters=(4, 2))), noise(1, 13, 13, 1)).shape == (
        1,
        1,
        1,
        1,
    )


def test_a_new_residual_network_is_nearly_bicubic() -> None:
    luma = noise(1, 60, 60, 1)
    out = predicted(build_model(find_architecture("srcnn-915")), luma)
    # 800 weights of standard deviation 1e-3 in the last layer: a few hundredths at most
    assert np.abs(out - luma[:, 6:-6, 6:-6]).max() < 0.05
    assert np.abs(out - luma[:, 6:-6, 6:-6]).max() > 0


def test_a_new_direct_network_knows_nothing_of_its_input() -> None:
    luma = noise(1, 60, 60, 1)
    assert np.abs(predicted(build_model(find_architecture("srcnn-915", residual=False)), luma)).max() < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("residual", [True, False])
def test_the_layers_alone_compute_what_keras_computes(name: str, residual: bool) -> None:
    architecture = find_architecture(name, filters=(8, 4), residual=residual)
    model = build_model(architecture)
    set_layers(model, random_layers(architecture))
    luma = noise(2, 30, 34, 1)
    halo = architecture.halo_px
    expected = convolved(luma, layers_of(model))
    if residual:
        expected = expected + luma[:, halo:-halo, halo:-halo]
    np.testing.assert_allclose(predicted(model, luma), expected, atol=1e-5)


def test_the_layers_of_a_new_network_hold_the_centring_too() -> None:
    architecture = find_architecture("srcnn-915", filters=(8, 4))
    model = build_model(architecture)
    luma = noise(1, 30, 30, 1)
    # the trained biases start at 0 for luma that is centred about 1/2
    first = layers_of(model)[0]
    np.testing.assert_allclose(first.bias, -0.5 * first.kernel.sum(axis=(0, 1, 2)), atol=1e-6)
    expected = convolved(luma, layers_of(model)) + luma[:, 6:-6, 6:-6]
    np.testing.assert_allclose(predicted(model, luma), expected, atol=1e-5)


def test_layers_come_out_as_they_went_in() -> None:
    architecture = find_architecture("srcnn-935", filters=(8, 4))
    layers = random_layers(architecture)
    model = build_model(architecture)
    set_layers(model, layers)
    for before, after in zip(layers, layers_of(model), strict=True):
        assert np.array_equal(before.kernel, after.kernel)
        np.testing.assert_allclose(before.bias, after.bias, atol=1e-6)
        assert after.kernel.dtype == after.bias.dtype == np.float32


@pytest.mark.parametrize("n", [2, 4])
def test_other_than_three_layers_are_refused(n: int) -> None:
    architecture = find_architecture("srcnn-915", filters=(4, 2))
    with pytest.raises(ValueError, match="argument 2"):
        set_layers(build_model(architecture), (random_layers(architecture) * 2)[:n])


def test_layers_of_another_shape_are_refused_by_keras() -> None:
    with pytest.raises(ValueError, match="shape"):
        set_layers(
            build_model(find_architecture("srcnn-915", filters=(4, 2))),
            random_layers(find_architecture("srcnn-915", filters=(8, 2))),
        )


def test_the_residual_is_added_to_the_very_pixels_of_the_input() -> None:
    architecture = find_architecture("srcnn-915", filters=(4, 2))
    model = build_model(architecture)
    silent = tuple(Layer(layer.kernel * 0, layer.bias * 0) for layer in random_layers(architecture))
    set_layers(model, silent)
    luma = noise(1, 20, 24, 1)
    assert np.array_equal(predicted(model, luma), luma[:, 6:-6, 6:-6])


def test_two_new_networks_are_the_same() -> None:
    first, second = (layers_of(build_model(find_architecture("srcnn-915"))) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a.kernel, b.kernel)


def test_the_layers_are_named_for_what_they_do() -> None:
    assert LAYER_NAMES == ("patches", "mapping", "reconstruction")
    stack = build_model(find_architecture("srcnn-915")).get_layer("srcnn")
    assert [layer.name for layer in stack.layers if layer.count_params()] == list(LAYER_NAMES)


def test_an_architecture_is_known_by_its_name_alone() -> None:
    with pytest.raises(UsageError, match="use one of srcnn-915, srcnn-935, srcnn-955"):
        find_architecture("srcnn-999")


# --- networks on the camera's grid ---


@pytest.mark.slow
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", ["fast-c8d2", "fast-c4d3k3", "fast-c8d1b2", "fast-c4d2k5b2"])
def test_a_fast_network_is_its_layers_between_blocks_and_pixels(name: str, scale: int) -> None:
    architecture = find_architecture(name, scale)
    model = build_model(architecture)
    set_layers(model, random_layers(architecture))
    plane = noise(2, 28, 32, 1)
    expected = pixels(convolved(blocks(plane, architecture.unshuffle), layers_of(model)), architecture.shuffle)
    halo = architecture.halo_px
    assert expected.shape == (2, (28 - 2 * halo) * scale, (32 - 2 * halo) * scale, 1)
    np.testing.assert_allclose(predicted(model, plane), expected, atol=1e-5)


def test_a_new_fast_network_adds_next_to_nothing() -> None:
    out = predicted(build_model(find_architecture("fast-m")), noise(1, 40, 40, 1))
    assert 0 < np.abs(out).max() < 0.05


def test_every_layer_of_a_fast_network_begins_in_its_own_way() -> None:
    kernels = [layer.kernel for layer in layers_of(build_model(find_architecture("fast-c16d4")))]
    assert not np.allclose(kernels[1], kernels[2])
    assert np.std(kernels[-1]) == pytest.approx(1e-3, rel=0.1)
