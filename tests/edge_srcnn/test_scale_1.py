"""Scale 1: a network cleans what keeps its size. What it adds is known by arithmetic, and nothing else changes."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from PIL import Image

from edge_srcnn.engine.build import network_of
from edge_srcnn.engine.interpreter import open_interpreter
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.errors import NoInput, UsageError
from edge_srcnn.imaging import bicubic
from edge_srcnn.imaging.frame import CENTRE, LEFT, TOP_LEFT, Colour, Frame
from edge_srcnn.imaging.metrics import psnr
from edge_srcnn.imaging.tiles import Tile
from edge_srcnn.live.frame_upscaler import RegionUpscaler
from edge_srcnn.models.spec import BICUBIC_PLANE, LUMA_PLANE
from edge_srcnn.upscaler import load_model, open_model
from edge_srcnn.upscaler import upscale as upscale_once
from tests.edge_srcnn.cleaning import BUNDLED_CLEANING, adding, cleaning_model, fast_like

SHAPES = [(1, 1), (1, 9), (13, 11), (13, 11, 2), (13, 11, 3), (12, 9, 4)]
DEPTHS = {np.uint8: 1, np.uint16: 257}
PLANES = [LUMA_PLANE, BICUBIC_PLANE]


def picture_of(shape, dtype=np.uint8, low=0, high=256):
    """Every sample its own; transparent in places, where there is transparency."""
    rng = np.random.default_rng(len(shape))
    samples = rng.integers(low, high, shape).astype(dtype) * dtype(DEPTHS[dtype])
    if dtype is np.uint16:
        samples += rng.integers(0, 200, shape).astype(dtype)  # between the levels of 8 bits
    if shape[2:] in ((2,), (4,)):
        samples[..., -1] = rng.choice([0, 1, np.iinfo(dtype).max], shape[:2])
    return samples


def cleaned_by_numpy(model, engine, plane):
    """What the plain graph adds to a plane, by numpy's own padding, and clipped."""
    network = network_of(model)
    side, (down, across) = network.unshuffle, network.context_px
    below, right = (-length % side for length in plane.shape)
    padded = np.pad(plane, ((down, down + below), (across, across + right)), mode="reflect")
    rows, columns = (length // side for length in padded.shape)
    cells = padded.reshape(rows, side, columns, side).transpose(0, 2, 1, 3).reshape(rows, columns, side**2)
    raw = open_interpreter(engine, model.graph, 1).compute(np.ascontiguousarray(cells ^ np.uint8(0x80)).view(np.int8))
    rows, columns = raw.shape[-3:-1]
    raw = raw.reshape(rows, columns, side, side).transpose(0, 2, 1, 3).reshape(rows * side, columns * side)
    output = network.graph.output
    levels = np.rint((raw.astype(float) - output.zero_point) * output.scale * 255)
    return np.clip(plane + levels[: plane.shape[0], : plane.shape[1]], 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def silent():
    """Adds nothing."""
    with open_model(cleaning_model(adding(0))) as upscaler:
        yield upscaler


@pytest.fixture(scope="module")
def without_network():
    with load_model(scale=1, engine="bicubic") as upscaler:
        yield upscaler


# --- pictures ---


@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rows", [100, 4])
@pytest.mark.parametrize("which", ["silent", "without_network"])
def test_where_nothing_is_added_every_byte_stays(request, monkeypatch, dtype, shape, rows, which):
    upscaler, picture = request.getfixturevalue(which), picture_of(shape, dtype)
    monkeypatch.setattr(bicubic, "WHOLE_PIXELS", 0)
    monkeypatch.setattr(bicubic, "BAND_ROWS", rows)
    before = picture.copy()
    result = upscaler.upscale(picture)
    assert upscaler.scale == 1
    assert result.dtype == picture.dtype
    assert (result == picture).all()
    assert (picture == before).all()
    assert not np.may_share_memory(result, picture)
    assert (np.vstack([band for _, band in upscaler.bands(picture)]) == picture).all()


@pytest.mark.slow
@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("levels", [7, -9])
@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_added_is_added_to_every_colour_and_alpha_stays(plane, levels, dtype, shape):
    picture = picture_of(shape, dtype, 20, 230)  # nothing clips
    with open_model(cleaning_model(adding(levels), plane=plane)) as upscaler:
        result = upscaler.upscale(picture).astype(int)
    colours = slice(None) if len(shape) == 2 or shape[2] == 3 else slice(-1)
    expected = picture.astype(int)
    expected[..., colours] += levels * DEPTHS[dtype]
    assert (result == expected).all()


@pytest.mark.parametrize(
    ("levels", "grey", "expected"), [(100, 200, 255), (-100, 30, 0), (127, 128, 255), (-128, 128, 0)]
)
def test_sums_end_at_black_and_white(levels, grey, expected):
    with open_model(cleaning_model(adding(levels))) as upscaler:
        assert (upscaler.upscale(np.full((5, 6), grey, np.uint8)) == expected).all()
        deep = upscaler.upscale(np.full((5, 6), grey * 257, np.uint16))
    assert (deep == expected * 257).all()


@pytest.mark.parametrize(("strength", "added"), [(0, 0), (0.5, 5), (1, 10), (1.5, 15), ("auto", 10)])
def test_the_strength_is_a_factor_on_what_is_added(strength, added):
    picture = picture_of((13, 11, 3), low=20, high=230)
    with open_model(cleaning_model(adding(10))) as upscaler:
        upscaler.strength = strength
        assert (upscaler.upscale(picture) == picture + np.uint8(added)).all()


def test_the_result_is_never_written_over_the_picture(silent):
    for picture in (picture_of((9, 7)), picture_of((9, 7, 3))):
        before = picture.copy()
        for out in (picture, picture.reshape(-1)[: picture.size].reshape(picture.shape)):
            with pytest.raises(UsageError, match="out must not lie in the picture's memory"):
                silent.upscale(picture, out)
        assert (picture == before).all()
        out = np.full_like(picture, 77)
        assert silent.upscale(picture, out) is out
        assert (out == picture).all()


@pytest.mark.parametrize("unshuffle", [1, 2])
@pytest.mark.parametrize("plane", PLANES)
def test_the_network_s_sum_is_that_of_the_page(engine, texture, plane, unshuffle):
    model = cleaning_model(fast_like(3, unshuffle), plane=plane, unshuffle=unshuffle)
    picture = texture(23, 30)
    expected = cleaned_by_numpy(model, engine, picture)
    assert (expected != picture).mean() > 0.5
    with open_model(model, EngineOptions(engine)) as upscaler:
        assert (upscaler.upscale(picture) == expected).all()
        assert (upscaler.run_network(picture) == expected).all()
        assert upscaler.self_test() in ("identical", "within 1 level")


# --- tiles, bands, reuse, regions, processes ---


@pytest.mark.slow
@pytest.mark.parametrize("plane", PLANES)
def test_tiles_packings_and_bands_change_no_byte(monkeypatch, engine, texture, plane):
    model, picture = cleaning_model(fast_like(), plane=plane), texture(37, 30)
    expected = cleaned_by_numpy(model, engine, picture)
    for block, tile, rows in product(("1x1", "8w-1x2", "1x4"), ("whole", "8x16", "7x5"), (100, 6)):
        monkeypatch.setattr(bicubic, "WHOLE_PIXELS", 0)
        monkeypatch.setattr(bicubic, "BAND_ROWS", rows)
        options = EngineOptions.parse(engine=engine, block=block, tile=tile)
        with open_model(model, options) as upscaler:
            assert (upscaler.upscale(picture) == expected).all(), (block, tile, rows)


@pytest.mark.slow
@pytest.mark.parametrize("plane", PLANES)
def test_a_process_of_its_own_changes_no_byte(engine, texture, plane):
    model = cleaning_model(fast_like(), plane=plane)
    with open_model(model, EngineOptions.parse(engine=engine, isolate=True, reuse=True)) as upscaler:
        for shape in ((37, 30), (1, 1), (37, 30, 3)):
            picture = texture(*shape)
            with open_model(model, EngineOptions(engine)) as here:
                assert (upscaler.upscale(picture) == here.upscale(picture)).all()
        assert (upscaler.upscale(texture(37, 30)) == cleaned_by_numpy(model, engine, texture(37, 30))).all()


@pytest.mark.parametrize("plane", PLANES)
def test_still_tiles_are_used_again_and_give_the_same_bytes(engine, texture, plane):
    model, picture = cleaning_model(fast_like(), plane=plane), texture(48, 64)
    options = EngineOptions.parse(engine=engine, tile="16x16", reuse=True)
    moved = picture.copy()
    moved[8, 8] ^= 0x40  # halo 4: in the reach of the first tile alone
    with open_model(model, options) as upscaler:
        for frame, reused in ((picture, 0), (picture, 12), (moved, 11), (moved, 12)):
            upscaler.statistics.clear()
            assert (upscaler.upscale(frame) == cleaned_by_numpy(model, engine, frame)).all()
            assert (upscaler.statistics.tiles, upscaler.statistics.tiles_reused) == (12, reused)


@pytest.mark.parametrize("reuse", [False, True])
def test_outside_of_a_region_the_picture_is_the_input(engine, texture, reuse):
    model, picture = cleaning_model(fast_like()), texture(40, 56, 3)
    options = EngineOptions.parse(engine=engine, tile="16x16", reuse=reuse)
    with open_model(model, options) as upscaler:
        whole = upscaler.upscale(picture)
        for region in (Tile(10, 20, 16, 24), Tile(0, 0, 1, 1), Tile(39, 55, 1, 1), Tile(0, 0, 40, 56)):
            expected = picture.copy()
            expected[region.place] = whole[region.place]
            assert (upscaler.upscale(picture, region=region) == expected).all(), region
        frame = RegionUpscaler(upscaler, (20, 10, 24, 16)).upscale_frame(_frame(texture(40, 56), None))
        inside = np.zeros((40, 56), bool)
        inside[10:26, 20:44] = True
        luma = texture(40, 56)
        assert (frame.luma == np.where(inside, upscaler.upscale(luma), luma)).all()


# --- frames ---


def _frame(luma, subsampling, siting=CENTRE):
    chroma = None
    if subsampling is not None:
        shape = [-(-side // coarser) for side, coarser in zip(luma.shape, subsampling, strict=True)]
        chroma = tuple(np.random.default_rng(seed).integers(0, 256, shape).astype(luma.dtype) for seed in (1, 2))
    return Frame(luma, chroma, Colour(False, 1, 1, 13), 5, 0.25, 1.5, siting)


@pytest.mark.slow
@pytest.mark.parametrize("subsampling", [None, (1, 1), (1, 2), (2, 2)])
@pytest.mark.parametrize("siting", [CENTRE, LEFT, TOP_LEFT, (0.0, 0.5)])
@pytest.mark.parametrize("size", [(12, 16), (13, 15)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_of_a_frame_luma_alone_is_cleaned(texture, subsampling, siting, size, dtype):
    luma = (texture(*size) // 2 + 60).astype(dtype) * dtype(1 if dtype is np.uint8 else 256)
    frame = _frame(luma, subsampling, siting)
    with open_model(cleaning_model(adding(7))) as upscaler:
        cleaned = upscaler.upscale_frame(frame)
    assert (cleaned.luma == luma + (7 if dtype is np.uint8 else 7 * 256)).all()
    assert cleaned.luma.dtype == dtype
    for new, old in zip(cleaned.chroma or (), frame.chroma or (), strict=True):
        assert (new == old).all()
    assert replace(cleaned, luma=luma, chroma=frame.chroma).__dict__ == frame.__dict__


def test_chroma_that_no_standard_has_a_name_for_is_moved_to_where_one_has(texture, silent):
    frame = _frame(texture(12, 16), (2, 2), (0.5, 0.0))  # of a video that was flipped
    step = np.repeat(np.array([[40] * 4 + [200] * 4], np.uint8), 6, axis=0)
    cleaned = silent.upscale_frame(replace(frame, chroma=(step, step)))
    assert cleaned.siting == CENTRE
    # chroma lies a quarter of its own pixel further left now: towards the pixel before it by Keys' cubic at 1/4
    a, x = -0.5, 0.25  # Keys' own
    near, next_ = ((a + 2) * d**3 - (a + 3) * d**2 + 1 for d in (x, 1 - x))
    far, farthest = (a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a for d in (1 + x, 2 - x))
    assert near + next_ + far + farthest == pytest.approx(1)
    assert cleaned.chroma[0][3, 4] == pytest.approx(200 - 160 * (next_ + farthest), abs=1)
    assert (cleaned.luma == frame.luma).all()


# --- which model ---


@pytest.mark.skipif(bool(BUNDLED_CLEANING), reason="models of scale 1 are bundled")
def test_without_a_bundled_model_it_says_how_to_make_one():
    with pytest.raises(NoInput, match="no model that cleans at scale 1 is bundled here: train one"):
        load_model(scale=1)


@pytest.mark.parametrize("camera", [False, True])
@pytest.mark.skipif(not BUNDLED_CLEANING, reason="no model of scale 1 is bundled")
def test_auto_takes_the_best_one_that_cleans_for_all_pictures(camera):
    with load_model(scale=1, camera=camera) as upscaler:
        assert upscaler.model == BUNDLED_CLEANING[0] == "fast-m-x1-camera"


@pytest.mark.parametrize("name", BUNDLED_CLEANING)
def test_a_bundled_model_takes_noise_away_and_leaves_a_clean_picture_alone(engine, texture, name):
    scene = np.asarray(Image.fromarray(texture(60, 80)).resize((160, 120), Image.Resampling.BICUBIC)) // 2 + 60
    noisy = np.clip(scene + np.random.default_rng(1).normal(0, 6, scene.shape), 0, 255).round().astype(np.uint8)
    with load_model(name, engine=engine) as upscaler:
        assert upscaler.self_test() in ("identical", "within 1 level", "within 2 levels", "within 3 levels")
        assert psnr(upscaler.upscale(noisy), scene) > psnr(noisy, scene) + 0.5
        flat = upscaler.upscale(np.full((40, 40), 90, np.uint8))
        assert np.abs(flat.astype(int) - 90).max() <= 2
        assert upscaler.upscale(texture(9, 14, 3)).shape == (9, 14, 3)


def test_in_one_call(texture):
    assert (upscale_once(texture(9, 7, 3), scale=1, engine="bicubic") == texture(9, 7, 3)).all()
