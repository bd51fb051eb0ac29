"""Transparency: what cannot be seen does not shine through, whatever colour it has."""

import numpy as np
import pytest

from edge_srcnn.imaging.alpha import fill_transparent
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.upscaler import load_model

HIDDEN = {"black": 0.0, "white": 1.0, "noise": None}


def disc(height: int = 40, width: int = 52) -> np.ndarray:
    """A soft-edged disc, 0..1."""
    y, x = np.mgrid[:height, :width]
    return np.clip(13.5 - np.hypot(y - height / 2, x - width / 2), 0, 1)


def sprite(dtype: type, colour: tuple[float, ...], hidden: float | None) -> np.ndarray:
    most = np.iinfo(dtype).max
    alpha = disc()
    around = np.random.default_rng(0).random((*alpha.shape, len(colour))) if hidden is None else hidden
    colours = np.where(alpha[..., None] > 0, np.array(colour), around)
    return np.rint(np.dstack([colours, alpha]) * most).astype(dtype)


@pytest.mark.parametrize("model", ["bicubic", "fast-s-x2"])
@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)
@pytest.mark.parametrize("colour", [(0.4,), (1.0, 0.9, 0.1)], ids=["grey", "RGB"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_one_colour_stays_one_colour_to_the_rim(model, dtype, colour, hidden):
    """A mean of one colour is that colour; only alpha has an edge."""
    picture = sprite(dtype, colour, hidden)
    most = np.iinfo(dtype).max
    with load_model(
        None if model == "bicubic" else model, engine="bicubic" if model == "bicubic" else "auto"
    ) as upscaler:
        result = upscaler.upscale(picture)
    assert result.dtype == dtype
    seen = result[..., -1] > 0
    exact = np.rint(np.array(colour) * most)
    error = np.abs(result[..., :-1].astype(int) - exact)[seen] * 255 / most
    assert error.max() <= 2, "levels of 255: bicubic's rounding, and a level of the network's on a flat field"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_alpha_is_bicubic(dtype):
    picture = sprite(dtype, (1.0, 0.9, 0.1), 0.0)
    with load_model(scale=2) as upscaler:
        result = upscaler.upscale(picture)
    assert np.abs(result[..., 3].astype(int) - upscale_bicubic(picture[..., 3], 2)).max() <= 1


@pytest.mark.parametrize("channels", [2, 4])
def test_where_all_is_opaque_transparency_changes_nothing(texture, channels):
    picture = texture(20, 30, channels)
    picture[..., -1] = 255
    colours = picture[..., 0] if channels == 2 else picture[..., :3]
    with load_model("fast-s-x2") as upscaler:
        result = upscaler.upscale(picture)
        assert (result[..., -1] == 255).all()
        alone = upscaler.upscale(np.ascontiguousarray(colours))
    assert (result[..., :-1].reshape(alone.shape) == alone).all()


def test_what_is_hidden_changes_nothing_that_is_seen(texture):
    visible = sprite(np.uint8, (0.2, 0.5, 0.7), 0.0)
    visible[..., :3] = np.where(visible[..., 3:] > 0, texture(40, 52, 3), 0)
    other = visible.copy()
    other[..., :3] = np.where(visible[..., 3:] > 0, visible[..., :3], texture(40, 52, 3, seed=9))
    with load_model("fast-s-x2") as upscaler:
        one, two = upscaler.upscale(visible), upscaler.upscale(other)
    assert (one == two).all()


def test_the_value_of_the_nearest_visible_pixel_is_given():
    plane = np.array([[9, 50, 9, 9, 80]], np.uint8)
    alpha = np.array([[0, 255, 0, 0, 1]], np.uint8)
    assert fill_transparent(plane, alpha).tolist() == [[50, 50, 50, 80, 80]]
    assert fill_transparent(plane, np.zeros_like(alpha)).tolist() == plane.tolist()
