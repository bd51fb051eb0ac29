"""The way of the luma plane: tiles leave no seam, bands leave no seam, and the arithmetic is that of the page."""

import numpy as np
import pytest

from edge_srcnn.engine.interpreter import Quantization
from edge_srcnn.engine.upscaler import LumaUpscaler
from edge_srcnn.errors import ModelUnsupported
from edge_srcnn.imaging import bicubic
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.upscaler import load_model

HALO = 2


class Constant:
    """A network that puts out one value, whatever it gets; it keeps what it got."""

    engine = "constant"

    def __init__(self, value: int | float, dtype: type, halo_px: int = HALO) -> None:
        self.value, self.dtype, self.halo_px = value, dtype, halo_px
        self.got: list[np.ndarray] = []

    def run(self, pixels: np.ndarray) -> np.ndarray:
        self.got.append(pixels)
        h, w = pixels.shape
        return np.full((h - 2 * self.halo_px, w - 2 * self.halo_px), self.value, self.dtype)


class Centre(Constant):
    """A network that puts out the middle of what it gets."""

    def run(self, pixels: np.ndarray) -> np.ndarray:
        return pixels[self.halo_px : -self.halo_px, self.halo_px : -self.halo_px]


@pytest.mark.parametrize(
    ("size", "tiles"),
    [
        ((1, 1), [(1, 1), (3, 2), (7, 640)]),
        ((3, 2), [(1, 1), (3, 2), (7, 640)]),
        ((9, 13), [(1, 1), (3, 2), (7, 640), (16, 16)]),
        ((37, 23), [(7, 640), (16, 16), (64, 8), (256, 512)]),
    ],
)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_tiled_equals_untiled_byte_for_byte(engine, texture, size, tiles, scale):
    plane = texture(*size)
    with load_model(scale=scale, engine=engine, tile=(10_000, 10_000)) as whole:
        expected = whole.upscale(plane)
    assert expected.shape == (size[0] * scale, size[1] * scale)
    for tile in tiles:
        with load_model(scale=scale, engine=engine, tile=tile) as tiled:
            assert (tiled.upscale(plane) == expected).all(), tile


@pytest.mark.parametrize("shape", [(1, 30), (2, 9), (23, 17), (30, 9)])
@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("rows", [4, 7])
def test_bands_leave_no_seam(monkeypatch, engine, upscalers, texture, shape, scale, rows):
    plane = texture(*shape)
    upscaler = upscalers(scale, engine)
    whole = upscaler.upscale(plane)
    monkeypatch.setattr(bicubic, "WHOLE_PIXELS", 0)
    monkeypatch.setattr(bicubic, "BAND_ROWS", rows)
    banded = upscaler.upscale(plane)
    # the network sees the banded bicubic plane as one piece, whatever the scale
    assert (banded == upscaler.sharpen(upscale_bicubic(plane, scale))).all()
    assert np.abs(banded.astype(int) - whole).max() <= (1 if scale == 3 else 0)


@pytest.mark.parametrize(
    ("raw", "grey", "expected"),
    [
        (0, 100, 100),
        (30, 100, 130),
        (-30, 100, 70),
        (127, 200, 255),  # 200 + 127 = 327
        (-128, 100, 0),  # 100 - 128 = -28
        (127, 0, 127),
        (-128, 255, 127),
    ],
)
def test_an_int8_residual_in_whole_levels_is_added_and_clipped(raw, grey, expected):
    network = Constant(raw, np.int8)
    luma = LumaUpscaler(network, scale=2, halo_px=HALO, quantization=Quantization(1 / 255, 0))
    assert (luma.upscale(np.full((5, 4), grey, np.uint8)) == expected).all()


@pytest.mark.parametrize(
    ("quantization", "raw", "expected"),
    [
        (Quantization(0.5 / 255, 10), 50, 120),  # (50 - 10) / 2
        (Quantization(0.5 / 255, 10), -50, 70),
        (Quantization(2 / 255, -128), 0, 255),  # 100 + 256
        (Quantization(2 / 255, 127), 0, 0),  # 100 - 254
    ],
)
def test_scale_and_zero_point_of_the_residual_count(quantization, raw, expected):
    luma = LumaUpscaler(Constant(raw, np.int8), scale=2, halo_px=HALO, quantization=quantization)
    assert (luma.upscale(np.full((5, 4), 100, np.uint8)) == expected).all()


def test_int8_pixels_are_the_greys_less_128():
    network = Constant(0, np.int8, halo_px=0)
    luma = LumaUpscaler(network, scale=1, quantization=Quantization(1 / 255, 0))
    luma.sharpen(np.array([[0, 1, 127, 128, 254, 255]], np.uint8))
    assert network.got[0].dtype == np.int8
    assert network.got[0].tolist() == [[-128, -127, -1, 0, 126, 127]]


def test_a_direct_network_that_passes_its_input_on_gives_the_bicubic_picture(texture):
    plane = texture(9, 14)
    for quantization, dtype in ((Quantization(1 / 255, -128), np.int8), (None, np.float32)):
        luma = LumaUpscaler(
            Centre(0, dtype), scale=3, halo_px=HALO, residual=False, quantization=quantization, tile=(5, 6)
        )
        assert (luma.upscale(plane) == upscale_bicubic(plane, 3)).all()


@pytest.mark.parametrize(("residual", "expected"), [(True, 151), (False, 51)])
def test_a_float_network_speaks_in_parts_of_255(residual, expected):
    network = Constant(0.2, np.float32)
    luma = LumaUpscaler(network, scale=2, halo_px=HALO, residual=residual)
    assert (luma.upscale(np.full((5, 4), 100, np.uint8)) == expected).all()
    assert network.got[0].dtype == np.float32
    assert np.allclose(network.got[0], 100 / 255)


def test_a_float_network_is_clipped_on_both_sides():
    for value, expected in ((3.0, 255), (-3.0, 0)):
        luma = LumaUpscaler(Constant(value, np.float32), scale=2, halo_px=HALO)
        assert (luma.upscale(np.full((5, 4), 100, np.uint8)) == expected).all()


def test_without_a_network_it_is_bicubic_alone(texture):
    plane = texture(9, 14)
    luma = LumaUpscaler(None, scale=4)
    assert (luma.upscale(plane) == upscale_bicubic(plane, 4)).all()
    assert (luma.sharpen(plane) == plane).all()


def test_bands_give_the_sharp_and_the_bicubic_rows(texture, monkeypatch):
    plane = texture(11, 6)
    monkeypatch.setattr(bicubic, "WHOLE_PIXELS", 0)
    monkeypatch.setattr(bicubic, "BAND_ROWS", 4)
    luma = LumaUpscaler(Constant(5, np.int8), scale=2, halo_px=HALO, quantization=Quantization(1 / 255, 0))
    bands = list(luma.bands(plane))
    assert [top for top, _, _ in bands] == [0, 8, 16]
    soft = np.vstack([band for _, _, band in bands])
    assert (soft == upscale_bicubic(plane, 2)).all()
    assert (np.vstack([band for _, band, _ in bands]) == np.minimum(soft.astype(int) + 5, 255)).all()


@pytest.mark.parametrize("true_halo", [HALO + 1, HALO - 1])
def test_a_network_with_another_halo_than_its_description_is_refused(true_halo):
    luma = LumaUpscaler(Constant(0, np.int8, true_halo), scale=2, halo_px=HALO, quantization=Quantization(1 / 255, 0))
    with pytest.raises(ModelUnsupported, match="halo of 2 px"):
        luma.upscale(np.zeros((5, 4), np.uint8))
