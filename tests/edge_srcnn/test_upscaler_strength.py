"""Strength on every way through an upscaler: 0 is bicubic byte for byte, 1 what it was, and it changes at once."""

from dataclasses import replace

import numpy as np
import pytest

from edge_srcnn.engine.graph import FLOAT, Quantization
from edge_srcnn.engine.luma import LumaUpscaler
from edge_srcnn.errors import UsageError
from edge_srcnn.imaging import bicubic
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.imaging.tiles import Tile
from edge_srcnn.live.frame_upscaler import RegionUpscaler
from edge_srcnn.upscaler import load_model
from tests.edge_srcnn import networks

KINDS = {
    "grey": (40, 56),
    "grey and alpha": (40, 56, 2),
    "colour": (40, 56, 3),
    "colour and alpha": (40, 56, 4),
}


@pytest.fixture
def loaded(engine):
    """A model with options; closed in the end."""
    made = []

    def load(name="fast-s-x2", **options):
        made.append(load_model(name, engine=engine, **options))
        return made[-1]

    yield load
    for upscaler in made:
        upscaler.close()


def pictures(texture, dtype):
    for shape in KINDS.values():
        picture = texture(*shape)
        yield picture if dtype == np.uint8 else picture.astype(np.uint16) * 257 + 12


def frame(luma, chroma=None):
    return Frame(luma, chroma, Colour(), 0, 0.0, 0.0)


WAYS = {
    "plain": {},
    "tiles": {"tile": "32x48"},
    "threads": {"threads": 2},
    "reuse": {"reuse": True},
    "isolated": {"isolate": True},
    "srcnn": {"name": "srcnn-915-x2"},
    "three times": {"name": "fast-s-x3"},
}


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("way", "banded"), [*((way, False) for way in WAYS), *((way, True) for way in WAYS if way != "isolated")]
)
def test_strength_0_is_bicubic_on_every_way(loaded, texture, monkeypatch, way, banded, dtype):
    if banded:
        monkeypatch.setattr(bicubic, "WHOLE_PIXELS", 0)
        monkeypatch.setattr(bicubic, "BAND_ROWS", 16)
    network = loaded(strength=0, **{"name": "fast-s-x2"} | WAYS[way])
    with load_model(scale=network.scale, engine="bicubic") as plain:
        for picture in pictures(texture, dtype):
            assert (network.upscale(picture) == plain.upscale(picture)).all()
            part = network.upscale(picture, region=Tile(5, 7, 30, 40))
            assert (part == plain.upscale(picture)).all()
        chroma = texture(20, 28, seed=1), texture(20, 28, seed=2)
        each = frame(texture(40, 56), chroma)
        assert (network.upscale_frame(each).luma == plain.upscale_frame(each).luma).all()
        deep = frame(texture(40, 56).astype(np.uint16) * 256 + 77)
        assert (network.upscale_frame(deep).luma == plain.upscale_frame(deep).luma).all()
        region = RegionUpscaler(network, (3, 3, 20, 20))
        assert (region.upscale_frame(each).luma == plain.upscale_frame(each).luma).all()


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_every_way_has_the_same_bytes_at_any_strength(loaded, texture, way):
    luma, colour, options = texture(40, 56), texture(40, 56, 3), {"name": "fast-s-x2"} | WAYS[way]
    trained, upscaler = loaded(options["name"]), loaded(**options)
    base = upscale_bicubic(luma, trained.scale).astype(int)
    change = trained.upscale(luma).astype(int) - base
    inside = (trained.upscale(luma) > 0) & (trained.upscale(luma) < 255)  # what is clipped is not known from outside
    for strength in (0.5, 1.5, 1, 0.25):
        upscaler.strength = trained.strength = strength
        found = upscaler.upscale(luma)
        assert (found == trained.upscale(luma)).all()
        assert (upscaler.upscale(colour) == trained.upscale(colour)).all()
        expected = np.clip(base + np.rint(strength * change), 0, 255)
        assert (found == expected)[inside].all()
    assert (upscaler.upscale_frame(frame(luma)).luma == found).all()


def test_strength_1_is_what_it_was(loaded, texture):
    picture = texture(40, 56, 3)
    assert (loaded(strength=1).upscale(picture) == loaded().upscale(picture)).all()
    assert (
        loaded(strength="auto").upscale(np.full((24, 24), 9, np.uint8))
        == loaded().upscale(np.full((24, 24), 9, np.uint8))
    ).all()


def test_the_self_test_computes_what_was_trained_at_any_strength(loaded):
    as_trained = loaded("srcnn-915-x2").self_test()
    assert as_trained in ("identical", "within 1 level")  # the latter by older kernels
    for strength in (0, 0.5, 1.5, "auto"):
        assert loaded("srcnn-915-x2", strength=strength).self_test() == as_trained


def test_another_strength_makes_no_tile_be_computed_again(loaded, texture):
    luma = texture(64, 96)
    reusing, fresh = loaded(reuse=True, tile="32x32"), loaded(tile="32x32")
    reusing.upscale(luma)
    reusing.statistics.clear()
    for strength in (0.5, 0, 1.5, 1):
        reusing.strength = fresh.strength = strength
        assert (reusing.upscale(luma) == fresh.upscale(luma)).all()
    assert reusing.statistics.tiles > 0
    assert reusing.statistics.tiles_reused == reusing.statistics.tiles


def test_a_scene_in_which_little_moves_has_the_bytes_of_a_fresh_one_whatever_the_strength(loaded, texture):
    rng, luma = np.random.default_rng(0), texture(96, 128)
    reusing, fresh = loaded(reuse=True), loaded()
    for strength in (1, 1, 0.5, 0.5, 0.5, 0, 1.5, 1.5, 1, 0.25, 0.25):
        top, left = rng.integers(0, 80), rng.integers(0, 110)
        luma = luma.copy()
        luma[top : top + 9, left : left + 9] ^= 0x55
        reusing.strength = fresh.strength = strength
        assert (reusing.upscale_frame(frame(luma)).luma == fresh.upscale_frame(frame(luma)).luma).all()
    assert reusing.statistics.tiles_reused > 0


def test_auto_upscales_a_noisy_picture_by_bicubic_scaling(loaded):
    noisy = np.random.default_rng(0).integers(0, 256, (48, 48), np.uint8)
    upscaler = loaded(strength="auto")
    assert (upscaler.upscale(noisy) == upscale_bicubic(noisy, 2)).all()
    assert (upscaler.upscale_frame(frame(noisy)).luma == upscale_bicubic(noisy, 2)).all()
    assert upscaler.strength_control.now == 0


def test_a_strength_that_makes_no_sense_changes_nothing(loaded):
    upscaler = loaded(strength=0.5)
    for asked in (1.6, -1, float("nan"), "much"):
        with pytest.raises(UsageError, match="strength"):
            upscaler.strength = asked
        with pytest.raises(UsageError, match="strength"):
            load_model("fast-s-x2", strength=asked)
    assert upscaler.strength == 0.5


@pytest.mark.parametrize("real", [False, True])
@pytest.mark.parametrize("strength", [0, 0.25, 0.5, 1, 1.5])
@pytest.mark.parametrize("scale", [1, 2])
def test_a_network_that_puts_out_the_picture_goes_a_part_of_the_way(inference_for, texture, real, strength, scale):
    plane = texture(30, 44)
    luma = LumaUpscaler(inference_for(networks.Networks.tap(1, 3, real=real)), scale)
    base = plane if scale == 1 else upscale_bicubic(plane, scale)
    picture = networks.Networks.moved(base, 1, 3).astype(int)
    out = luma.upscale(plane, strength=strength)
    change = strength * (picture - base)
    assert np.abs(out - np.clip(base + (change if real else np.rint(change)), 0, 255)).max() <= (0.501 if real else 0)
    assert (luma.run_network(base) == picture).all()


@pytest.mark.parametrize(
    "output", [Quantization(float(np.float32(1 / 255)), 10), Quantization(0.3 / 255, -7), FLOAT], ids=str
)
def test_a_network_that_adds_a_constant_adds_a_part_of_it(inference_for, output):
    raw, plane = (0.1 if output == FLOAT else 60), np.full((20, 20), 100, np.uint8)
    change = 25.5 if output == FLOAT else round((raw - output.zero_point) * output.scale * 255)
    inference = inference_for(networks.Networks.constant(raw, output), residual=True)
    for strength in (0, 0.5, 1, 1.5):
        assert (LumaUpscaler(inference, 2).upscale(plane, strength=strength) == 100 + round(strength * change)).all()


def test_a_model_of_another_degradation_has_its_own_limit(loaded):
    noisy = np.clip(np.rint(np.random.default_rng(0).normal(128, 5, (96, 96))), 0, 255).astype(np.uint8)
    upscaler = loaded(strength="auto")
    clean = upscaler.upscale(noisy)
    upscaler.spec = replace(upscaler.spec, degradation="camera")
    camera = upscaler.upscale(noisy)
    upscaler.strength = 1
    assert (camera == upscaler.upscale(noisy)).all()
    assert not (clean == camera).all()
