"""Whole pictures: sizes, colours, transparency, errors, the self-test, and that the network helps."""

import cv2
import numpy as np
import pytest
from PIL import Image

from edge_srcnn.engine.build import SELF_TEST_SHARE, self_test_tolerance
from edge_srcnn.errors import UsageError
from edge_srcnn.imaging import bicubic
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.luma import luma_full_range, luma_studio_range
from edge_srcnn.imaging.metrics import psnr
from edge_srcnn.imaging.tiles import Tile
from edge_srcnn.sources.testcard import draw_test_card
from edge_srcnn.upscaler import load_model, upscale

SCALES = [2, 3, 4]
FAMILIES = ["srcnn-915", "fast-s", "fast-l"]
CV2_LEVELS = {2: 0, 3: 1, 4: 0}
"""By how much cv2's bicubic may differ between shapes: thirds are no binary fractions."""


@pytest.mark.slow
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (1, 50), (13, 11, 2), (13, 11, 3), (5, 9, 4)])
def test_the_result_is_exactly_scale_times_as_large(engine, upscalers, texture, shape, scale):
    out = upscalers(scale, engine).upscale(texture(*shape))
    assert out.shape == (shape[0] * scale, shape[1] * scale, *shape[2:])
    assert out.dtype == np.uint8


@pytest.mark.slow
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("grey", [0, 1, 64, 128, 200, 254, 255])
def test_a_constant_picture_stays_constant_within_three_levels(engine, upscalers, scale, family, grey):
    out = upscalers(engine=engine, name=f"{family}-x{scale}").upscale(np.full((9, 12), grey, np.uint8))
    assert np.abs(out.astype(int) - grey).max() <= 3


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("family", FAMILIES)
def test_hard_edges_between_black_and_white_do_not_wrap_around(engine, upscalers, scale, family):
    picture = np.zeros((24, 32), np.uint8)
    picture[:, 16:] = 255
    out = upscalers(engine=engine, name=f"{family}-x{scale}").upscale(picture).astype(int)
    assert out[:, : 12 * scale].max() <= 60  # bicubic rings by 255 x 0.75 x 4 / 27 = 28; a wrap would be above 195
    assert out[:, 20 * scale :].min() >= 195


@pytest.mark.parametrize("scale", SCALES)
def test_a_colour_picture_without_colour_is_the_grey_one(engine, upscalers, texture, scale):
    grey = texture(19, 14)
    upscaler = upscalers(scale, engine)
    colour = upscaler.upscale(np.dstack([grey] * 3))
    assert (colour == colour[..., :1]).all()
    assert np.abs(colour.astype(int) - upscaler.upscale(grey)[..., None]).max() <= CV2_LEVELS[scale]


def test_colours_are_bicubic_and_move_by_the_change_of_luma(engine, upscalers, texture):
    blocks = texture(8, 10, 3, seed=4) // 128 * 80 + 80  # edges between 80 and 160: nothing clips
    picture = np.kron(blocks, np.ones((3, 3, 1), np.uint8))
    upscaler = upscalers(2, engine)
    soft, luma = upscale_bicubic(picture, 2).astype(int), luma_full_range(picture)
    change = upscaler.upscale(luma).astype(int) - upscale_bicubic(luma, 2)
    assert np.abs(change).max() > 3
    assert (upscaler.upscale(picture) == soft + change[..., None]).all()


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(29, 8), (29, 8, 2), (30, 11, 3), (23, 9, 4)])
@pytest.mark.parametrize("scale", SCALES)
def test_a_picture_worked_through_in_bands_has_no_seam(monkeypatch, upscalers, texture, shape, scale):
    picture = texture(*shape)
    whole = upscalers(scale).upscale(picture)
    monkeypatch.setattr(bicubic, "WHOLE_PIXELS", 0)
    monkeypatch.setattr(bicubic, "BAND_ROWS", 7)
    bands = list(upscalers(scale).bands(picture))
    assert [top for top, _ in bands] == list(range(0, shape[0] * scale, 7 * scale))
    difference = np.abs(np.vstack([band for _, band in bands]).astype(int) - whole)
    assert difference.max() <= CV2_LEVELS[scale]


@pytest.mark.parametrize("name", ["reversed", "transposed", "strided", "read-only"])
def test_any_layout_in_memory_gives_the_same_bytes_and_the_input_is_left_alone(upscalers, texture, name):
    large = texture(20, 20, 3)
    view = {
        "reversed": large[::-1, ::-1],
        "transposed": large.transpose(1, 0, 2),
        "strided": large[::2, ::2],
        "read-only": large.view(),
    }[name]
    view.flags.writeable = False
    before = view.copy()
    assert (upscalers().upscale(view) == upscalers().upscale(before)).all()
    assert (view == before).all()


def test_both_interpreters_make_the_same_picture_to_a_level(upscalers, texture):
    pytest.importorskip("tflite_runtime.interpreter")
    pytest.importorskip("ai_edge_litert.interpreter")
    for scale in SCALES:
        picture = texture(40, 56, 3)
        one, other = (upscalers(scale, engine).upscale(picture).astype(int) for engine in ("litert", "tflite"))
        apart = np.abs(one - other)
        assert apart.max() <= self_test_tolerance(upscalers(scale, "litert").spec)
        assert (apart > 1).mean() <= SELF_TEST_SHARE


@pytest.mark.parametrize("family", FAMILIES)
def test_the_network_brings_the_test_card_a_decibel_nearer_to_the_ground_truth(engine, upscalers, family):
    card = draw_test_card()
    small = np.asarray(Image.fromarray(card).resize((320, 240), Image.Resampling.BICUBIC))
    sharp, soft = (
        luma_full_range(picture)
        for picture in (upscalers(engine=engine, name=f"{family}-x2").upscale(small), upscale_bicubic(small, 2))
    )
    assert psnr(sharp, luma_full_range(card)) > psnr(soft, luma_full_range(card)) + 1


@pytest.mark.slow
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_network_beats_bicubic_by_a_decibel_on_set5(data_folder, upscalers, scale, family):
    gains, upscaler = [], upscalers(name=f"{family}-x{scale}")
    for path in sorted((data_folder / "eval" / "set5").glob("*.bmp")):
        picture = np.asarray(Image.open(path).convert("RGB"))
        luma = luma_studio_range(picture)[: len(picture) // scale * scale, : picture.shape[1] // scale * scale]
        size = (luma.shape[1] // scale, luma.shape[0] // scale)
        small = np.asarray(Image.fromarray(luma).resize(size, Image.Resampling.BICUBIC))
        inner = (slice(scale, -scale), slice(scale, -scale))
        sharp, soft = upscaler.upscale(small), upscale_bicubic(small, scale)
        gains.append(psnr(sharp[inner], luma[inner]) - psnr(soft[inner], luma[inner]))
    assert len(gains) == 5
    assert np.mean(gains) > 1


@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 2), (9, 7, 3), (9, 7, 4)])
@pytest.mark.parametrize("rows", [100, 4])
def test_what_is_given_as_out_is_written_in_place_and_equals_the_other_way(
    monkeypatch, engine, upscalers, texture, shape, rows
):
    monkeypatch.setattr(bicubic, "WHOLE_PIXELS", 0)
    monkeypatch.setattr(bicubic, "BAND_ROWS", rows)
    upscaler, picture = upscalers(2, engine), texture(*shape)
    out = np.full((18, 14, *shape[2:]), 77, np.uint8)
    assert upscaler.upscale(picture, out) is out
    assert (out == upscaler.upscale(picture)).all()


@pytest.mark.parametrize(
    "out",
    [
        np.empty((18, 13), np.uint8),
        np.empty((14, 18), np.uint8),
        np.empty((18, 14, 1), np.uint8),
        np.empty((18, 14, 3), np.uint8),
        np.empty((18, 14), np.int8),
        np.empty((18, 14), np.float32),
        np.empty((18, 28), np.uint8)[:, ::2],
        np.empty((14, 18), np.uint8).T,
        np.frombuffer(bytes(18 * 14), np.uint8).reshape(18, 14),
    ],
    ids=["narrow", "turned", "one channel", "colour", "int8", "float32", "strided", "transposed", "read-only"],
)
def test_an_out_that_does_not_fit_is_a_usage_error(upscalers, texture, out):
    before = out.copy()
    with pytest.raises(UsageError, match=r"out must be .* \[18, 14\]"):
        upscalers().upscale(texture(9, 7), out)
    assert np.array_equal(out, before, equal_nan=out.dtype == np.float32)


def test_the_statistics_count_every_picture_grey_or_coloured(texture):
    with load_model("srcnn-915-x2", tile=(16, 16)) as upscaler:
        for number, shape in enumerate([(9, 7), (9, 7, 2), (9, 7, 3), (9, 7, 4)], 1):
            upscaler.upscale(texture(*shape))
            assert upscaler.statistics.tiles == 2 * number  # 18 x 14 in tiles of 16 x 16
            assert upscaler.statistics.frames == number


def test_sharpening_takes_a_plane_that_is_up_scaled_already(upscalers, texture):
    plane, upscaler = texture(12, 9), upscalers(name="srcnn-915-x2")
    assert (upscaler.run_network(upscale_bicubic(plane, 2)) == upscaler.upscale(plane)).all()


def test_sharpening_by_a_network_on_the_cameras_grid_adds_to_the_plane_with_its_pixels_repeated(upscalers, texture):
    plane, upscaler = texture(12, 9) // 4 + 96, upscalers(name="fast-s-x2")  # far from black and white: nothing clips
    residual = upscaler.run_network(plane).astype(int) - plane.repeat(2, axis=0).repeat(2, axis=1)
    assert (upscaler.upscale(plane) == upscale_bicubic(plane, 2) + residual).all()


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_outside_of_a_region_a_picture_of_several_channels_is_bicubic(upscalers, texture, channels):
    picture, region = texture(40, 50, channels), Tile(10, 20, 30, 40)
    picture[..., -1] = picture[..., -1] if channels == 3 else 255
    expected = upscale_bicubic(picture, 2)
    expected[region.place] = upscalers().upscale(picture)[region.place]
    assert (upscalers().upscale(picture, region=region) == expected).all()


@pytest.mark.parametrize("scale", [1, *SCALES])
def test_the_bicubic_engine_is_cv2s_filter_alone(texture, scale):
    picture = texture(9, 14, 3)
    with load_model(scale=scale, engine="bicubic") as upscaler:
        assert (upscaler.engine, upscaler.spec, upscaler.scale) == ("bicubic", None, scale)
        out = upscaler.upscale(picture)
        assert upscaler.self_test() == "identical"
    expected = cv2.resize(picture, (14 * scale, 9 * scale), interpolation=cv2.INTER_CUBIC)
    assert (out == expected).all()
    assert (upscale(picture, scale=scale, engine="bicubic") == expected).all()


@pytest.mark.parametrize(
    ("picture", "found"),
    [
        (np.zeros((4, 5), np.float32), "float32"),
        (np.zeros((4, 5), np.int16), "int16"),
        (np.zeros((4, 5), bool), "bool"),
        (np.zeros(20, np.uint8), r"\[20\]"),
        (np.zeros((4, 5, 5), np.uint8), r"\[4, 5, 5\]"),
        (np.zeros((1, 4, 5, 3), np.uint8), r"\[1, 4, 5, 3\]"),
        (np.zeros((0, 5), np.uint8), r"\[0, 5\]"),
        (np.zeros((4, 0, 3), np.uint8), r"\[4, 0, 3\]"),
    ],
)
def test_what_is_no_picture_is_a_usage_error_that_says_what_it_was(upscalers, picture, found):
    with pytest.raises(UsageError, match=found):
        upscalers().upscale(picture)


def test_closing_twice_is_allowed_and_a_closed_upscaler_says_so(texture):
    upscaler = load_model()
    upscaler.close()
    upscaler.close()
    for use in (upscaler.upscale, upscaler.run_network):
        with pytest.raises(UsageError, match="closed"):
            use(texture(3, 3))
    with pytest.raises(UsageError, match="closed"):
        _ = upscaler.statistics
    with pytest.raises(UsageError, match="closed"):
        upscaler.self_test()


def test_the_context_manager_closes():
    with load_model() as upscaler:
        pass
    with pytest.raises(UsageError, match="closed"):
        upscaler.self_test()
