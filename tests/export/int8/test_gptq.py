import numpy as np
import pytest

from export.architectures import Layer, find_architecture
from export.architectures.srcnn import LAYER_NAMES
from export.int8.convert import convert
from export.int8.gptq import STEPS, round_layers
from export.int8.trace import trace
from tests.export.layers import random_layers


def smooth_samples(n: int = 12) -> list[np.ndarray]:
    """Pictures as they are: neighbouring pixels alike, brightness far from zero."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(n):
        walk = rng.normal(size=(60, 76)).cumsum(0).cumsum(1)
        walk = (walk - walk.min()) / np.ptp(walk)
        found.append((np.rint(walk * 255) / 255)[None, :, :, None].astype(np.float32))
    ramp = np.broadcast_to(np.rint(np.linspace(0, 255, 76)) / 255, (60, 76))
    return [*found, ramp[None, :, :, None].astype(np.float32)]


ARCHITECTURE = find_architecture("srcnn-915", filters=(8, 6))


def nearest(layer: Layer) -> Layer:
    step = np.abs(layer.kernel).max(axis=(0, 1, 2)) / STEPS
    return Layer((np.rint(layer.kernel / step) * step).astype(np.float32), layer.bias)


def in_steps(kernel: np.ndarray) -> np.ndarray:
    """Kernel ``[outputs, h, w, inputs]`` in units of its channels' steps."""
    return kernel / (np.abs(kernel).max(axis=(1, 2, 3), keepdims=True) / STEPS)


def first_layer_error(layer: Layer, exact: Layer, samples: list[np.ndarray]) -> float:
    windows = np.concatenate(
        [np.lib.stride_tricks.sliding_window_view(s[0, :, :, 0], (9, 9)).reshape(-1, 81) for s in samples]
    )
    difference = windows @ (layer.kernel - exact.kernel).reshape(81, -1) + (layer.bias - exact.bias)
    return float(np.mean(difference**2))


@pytest.fixture(scope="module")
def rounded() -> tuple[Layer, ...]:
    """``random_layers``, rounded by ``smooth_samples``."""
    return round_layers(random_layers(ARCHITECTURE), smooth_samples())


@pytest.mark.slow
def test_every_weight_lies_on_its_channels_grid_and_the_largest_is_127_steps(rounded: tuple[Layer, ...]) -> None:
    for layer in rounded:
        steps = layer.kernel / (np.abs(layer.kernel).max(axis=(0, 1, 2)) / STEPS)
        assert np.abs(steps - np.rint(steps)).max() < 1e-3
        assert np.abs(np.rint(steps)).max(axis=(0, 1, 2)) == pytest.approx(STEPS)


@pytest.mark.slow
def test_outputs_stay_nearer_than_with_nearest_rounding(rounded: tuple[Layer, ...]) -> None:
    layers, samples = random_layers(ARCHITECTURE), smooth_samples()
    assert (
        first_layer_error(rounded[0], layers[0], samples)
        < first_layer_error(nearest(layers[0]), layers[0], samples) / 4
    )


@pytest.mark.slow
def test_converter_keeps_the_weights_as_they_were_rounded(rounded: tuple[Layer, ...]) -> None:
    graph = convert(rounded, ARCHITECTURE, smooth_samples())
    kernels = [t for t in trace(graph, np.zeros((60, 76), np.int8)) if t.dtype == np.int8]
    for name, layer in zip(LAYER_NAMES, rounded, strict=True):
        wanted = layer.kernel.transpose(3, 0, 1, 2)
        (found,) = (t.values for t in kernels if t.values.shape == wanted.shape)
        assert np.abs(in_steps(found) - in_steps(wanted)).max() < 1e-3, name


def test_a_dead_channel_and_a_flat_input_do_no_harm() -> None:
    layers = random_layers(ARCHITECTURE)
    layers[0].kernel[..., 0] = 0
    flat = [np.full((1, 60, 76, 1), 0.5, np.float32)] * 4
    for layer in round_layers(layers, flat):
        assert np.isfinite(layer.kernel).all() and np.isfinite(layer.bias).all()
