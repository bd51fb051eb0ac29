"""Flat fields: what a network adds to them is known from its weights, and centred about 0."""

import numpy as np
import pytest

from export.architectures import find_architecture
from export.int8.flat import centre_flat_fields, flat_residuals
from export.training.network import build_model, set_layers
from tests.export.layers import random_layers


@pytest.mark.parametrize("name", ["fast-c4d2", "fast-c4d2b2"])
def test_residuals_of_flat_fields_are_the_networks(name: str) -> None:
    network = find_architecture(name)
    layers = random_layers(network)
    model = build_model(network)
    set_layers(model, layers)
    side = 2 * network.halo_px + 4
    for level in (0, 17, 255):
        out = np.asarray(model(np.full((1, side, side, 1), level / 255, np.float32)))[0, ..., 0]
        block = out[: network.shuffle, : network.shuffle].ravel()
        assert block == pytest.approx(flat_residuals(layers)[level], abs=1e-5)


def test_they_are_centred_by_the_last_bias_alone() -> None:
    network = find_architecture("fast-c4d2")
    layers = random_layers(network)
    centred = centre_flat_fields(layers, network)
    residuals = flat_residuals(centred)
    assert residuals.max() == pytest.approx(-residuals.min(), abs=1e-5)
    assert np.ptp(residuals) == pytest.approx(np.ptp(flat_residuals(layers)), abs=1e-5)
    assert centred[:-1] == layers[:-1]
    assert np.array_equal(centred[-1].kernel, layers[-1].kernel)
