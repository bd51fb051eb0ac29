"""Name and time on pictures: what is written, that it can be read on every picture, and that all else stays."""

import time
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from edge_srcnn.imaging import overlay as module
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.imaging.overlay import USUAL, Overlay, read_overlay, with_text

SUBSAMPLINGS = [None, (2, 2), (1, 2), (1, 1)]
DAY = "Garden 2026-11-29 06:31:07"


def flat_frame(height, width, level, subsampling=(2, 2), dtype=np.uint8, full=True, chroma=90):
    times = 1 if dtype == np.uint8 else 256
    planes = None
    if subsampling is not None:
        shape = -(-height // subsampling[0]), -(-width // subsampling[1])
        planes = np.full(shape, chroma * times, dtype), np.full(shape, 200 * times, dtype)
    return Frame(np.full((height, width), level * times, dtype), planes, Colour(full), 0, 0.0, 0.0)


def box_of(before, after):
    """Height and width of what has changed, from the top left."""
    rows, columns = np.nonzero(before != after)
    return (rows.max() + 1, columns.max() + 1) if len(rows) else (0, 0)


# what is written


def test_the_time_is_that_of_the_sensor_and_the_name_is_taken_as_it_is():
    frame = replace(flat_frame(8, 8, 0), captured_s=time.monotonic() - 3600)
    text = Overlay("{name} %Y-%m-%d %H:%M:%S", "100%H {x} %").text(frame)
    about = [time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() - 3600 + off)) for off in (-1, 0, 1)]
    assert text in [f"100%H {{x}} % {when}" for when in about]


@pytest.mark.parametrize(
    ("template", "name", "text"),
    [
        ("", "Gate", ""),
        ("{name}", "Gate", "Gate"),
        ("{name}", None, ""),
        ("{name} at 100%%", None, "at 100%"),
        ("{name}/{name}", "a", "a/a"),
        ("Hof {name}", "Küche", "Hof Küche"),
        ("%n a", None, "a"),
    ],
)
def test_a_template_is_filled_in(template, name, text):
    assert Overlay(template, name).text(flat_frame(8, 8, 0)) == text


def test_local_time_and_its_zone(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kolkata")  # no summer time: UTC+05:30, ISO 8601
    time.tzset()
    try:
        assert Overlay("%z %Z").text(flat_frame(8, 8, 0)) == "+0530 IST"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("given", "text"),
    [("yes", USUAL), ("ON", USUAL), ("no", ""), ("false", ""), ("%H:%M", "%H:%M"), ("{name}", "{name}")],
)
def test_yes_and_no_and_any_text_are_read(given, text):
    assert read_overlay(given) == text


@pytest.mark.parametrize("given", ["", " ", "{Name}", "{name", "}", "{}", "a\nb", "a\0", "x" * 201, "\ud800"])
def test_what_cannot_be_written_is_refused_with_what_to_give(given):
    with pytest.raises(ValueError, match="give yes, no, or"):
        read_overlay(given)


# how it is drawn


@pytest.mark.parametrize("level", [0, 16, 128, 235, 255])
@pytest.mark.parametrize("full", [True, False, None])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_letters_stand_on_a_dark_box_whatever_is_below(level, full, dtype):
    frame = flat_frame(480, 640, level, dtype=dtype, full=full)
    times = 1 if dtype == np.uint8 else 256
    written = with_text(frame, DAY)
    height, width = box_of(frame.luma, written.luma)
    box = written.luma[:height, :width] / times
    white, black = (255, 0) if full else (235, 16)
    assert box.max() == white
    assert (box > 0.85 * white).mean() > 0.03
    assert np.median(box) <= black + 0.35 * (255 - black) + 1  # the box; and at least 2.5 times as dark as the letters
    cb, cr = (plane[: height // 2, : width // 2] / times for plane in written.chroma)
    for plane, was in ((cb, 90), (cr, 200)):
        assert np.abs(plane - 128).max() < np.abs(was - 128) / 2
        assert np.abs(plane - 128).min() < 10  # letters have no colour


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize("size", [(480, 640), (241, 321), (1080, 1921)])
def test_outside_of_the_box_nothing_changes_and_the_frame_below_stays(subsampling, size):
    rng = np.random.default_rng(0)
    frame = flat_frame(*size, 100, subsampling)
    frame.luma[:] = rng.integers(0, 256, size, np.uint8)
    kept = [plane.copy() for plane in (frame.luma, *(frame.chroma or ()))]
    written = with_text(frame, DAY)
    for before, stays, after in zip(
        kept, (frame.luma, *(frame.chroma or ())), (written.luma, *(written.chroma or ())), strict=True
    ):
        assert np.array_equal(before, stays)
        assert before.shape == after.shape
        assert before.dtype == after.dtype
    height, width = box_of(frame.luma, written.luma)
    assert height < size[0] / 10
    assert width < size[1] * 0.8
    for before, after in zip(frame.chroma or (), written.chroma or (), strict=True):
        coarse = box_of(before, after)
        assert coarse[0] * frame.subsampling[0] <= height + 2
        assert coarse[1] * frame.subsampling[1] <= width + 2


def test_letters_are_as_large_as_the_picture_wants():
    heights = [box_of(f.luma, with_text(f, "0").luma)[0] for f in (flat_frame(side, 2000, 255) for side in (480, 960))]
    assert heights[1] == pytest.approx(2 * heights[0], rel=0.15)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 7), (7, 3), (16, 16), (9, 200), (120, 40)])
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_the_smallest_pictures_take_what_fits(size, subsampling):
    written = with_text(flat_frame(*size, 200, subsampling), DAY)
    assert written.luma.shape == size


def test_a_long_text_gets_smaller_and_is_cut_off_in_the_end():
    frame = flat_frame(480, 640, 255)
    widths, heights = [], []
    for letters in (20, 60, 200):
        height, width = box_of(frame.luma, with_text(frame, "W" * letters).luma)
        widths.append(width)
        heights.append(height)
    assert max(widths) <= 640
    assert heights[0] > heights[1] >= heights[2]


def test_the_box_does_not_change_from_second_to_second():
    frame = flat_frame(480, 640, 255)
    boxes = {box_of(frame.luma, with_text(frame, f"Gate 11:11:{second:02}").luma) for second in range(60)}
    assert len(boxes) == 1


NAMES = [
    "Küche",
    "Straße Łódź",
    "Гараж",
    "Αυλή",
    "厨房",
    "cam 🐈",
    "שער",
    "e\u0301te\u0301",
    "\u200b",
    "a\u00a0b",
    "~|`",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fonts", ["all", "Pillow's", "none"])
def test_names_in_every_writing_are_drawn_with_what_there_is(monkeypatch, name, fonts):
    frame = flat_frame(480, 640, 255)
    if fonts != "all":  # neither a system's fonts, nor FreeType
        own = tuple(module._fonts(17)[:1]) if fonts == "Pillow's" else ()
        monkeypatch.setattr(module, "_fonts", lambda size: own)
    module._letters.cache_clear()
    try:
        written = with_text(frame, f"{name} 06:31")
        height, width = box_of(frame.luma, written.luma)
        assert (written.luma[:height, :width] == 255).any()
        assert width > height
    finally:
        module._letters.cache_clear()


@pytest.mark.parametrize("fonts", ["all", "none"])
def test_letters_of_western_europe_are_told_from_those_without_marks(monkeypatch, fonts):
    if fonts == "none":
        monkeypatch.setattr(module, "_fonts", lambda size: ())
    module._letters.cache_clear()
    frame = flat_frame(480, 640, 255)
    try:
        drawn = [with_text(frame, text).luma.tobytes() for text in ("Küche", "Kuche", "K?che", "Kúche", "Kñche")]
        assert len(set(drawn)) == 5
    finally:
        module._letters.cache_clear()


def test_without_a_text_nothing_is_copied():
    for size, subsampling in product([(2, 2), (48, 64)], SUBSAMPLINGS):
        frame = flat_frame(*size, 3, subsampling)
        assert with_text(frame, "") is frame
