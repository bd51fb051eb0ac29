"""Pixels of cameras, as they lay them out in memory or as JPEG, become the planes that they are."""

import io
import sys

import numpy as np
import pytest
from PIL import ExifTags, Image

from edge_srcnn.sources.camera import LAYOUTS, JpegDecoder, bytes_per_row, take_apart

WIDTH, HEIGHT = 8, 6
LUMA = np.arange(WIDTH * HEIGHT, dtype=np.uint8).reshape(HEIGHT, WIDTH)
CB = np.arange(100, 100 + WIDTH // 2 * HEIGHT, dtype=np.uint8).reshape(HEIGHT, WIDTH // 2)
CR = CB + 60
PADDING = 255


def padded(rows: np.ndarray, stride: int) -> bytes:
    out = np.full((len(rows), stride), PADDING, np.uint8)
    out[:, : rows.shape[1]] = rows
    return out.tobytes()


def buffer(layout: str, extra: int, after: int = 0) -> tuple[np.ndarray, int]:
    """As a camera lays it out, by the definitions of the formats in the kernel's V4L2 documentation."""
    stride = bytes_per_row(layout, WIDTH) + extra
    cb, cr = (CB, CR) if layout in ("YUYV", "UYVY") else (CB[: HEIGHT // 2], CR[: HEIGHT // 2])
    if layout in ("YVU420", "NV21"):
        first, second = cr, cb
    else:
        first, second = cb, cr
    if layout == "GREY":
        data = padded(LUMA, stride)
    elif layout == "YUYV":
        data = padded(np.dstack([LUMA[:, 0::2], cb, LUMA[:, 1::2], cr]).reshape(HEIGHT, -1), stride)
    elif layout == "UYVY":
        data = padded(np.dstack([cb, LUMA[:, 0::2], cr, LUMA[:, 1::2]]).reshape(HEIGHT, -1), stride)
    elif layout in ("NV12", "NV21"):
        data = padded(LUMA, stride) + padded(np.dstack([first, second]).reshape(HEIGHT // 2, -1), stride)
    else:
        data = padded(LUMA, stride) + padded(first, stride // 2) + padded(second, stride // 2)
    return np.frombuffer(data + bytes([PADDING]) * after, np.uint8), stride


@pytest.mark.parametrize("extra", [0, 8, 24])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_planes_come_out_without_the_padding(layout: str, extra: int):
    data, stride = buffer(layout, extra, after=13)
    luma, chroma = take_apart(layout, data, (WIDTH, HEIGHT), stride)
    assert np.array_equal(luma, LUMA)
    if layout == "GREY":
        assert chroma is None
        return
    rows = HEIGHT if layout in ("YUYV", "UYVY") else HEIGHT // 2
    assert chroma is not None
    assert np.array_equal(chroma[0], CB[:rows])
    assert np.array_equal(chroma[1], CR[:rows])
    assert all(plane.flags.c_contiguous for plane in (luma, *chroma))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_stride_means_no_padding(layout: str):
    data, _ = buffer(layout, 0)
    assert np.array_equal(take_apart(layout, data, (WIDTH, HEIGHT))[0], LUMA)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_buffer_of_any_shape_will_do(layout: str):
    data, stride = buffer(layout, 8)
    luma, _ = take_apart(layout, data.reshape(-1, 2), (WIDTH, HEIGHT), stride)
    assert np.array_equal(luma, LUMA)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_buffer_that_is_too_short_is_refused(layout: str):
    data, stride = buffer(layout, 0)
    with pytest.raises(ValueError, match=f"{data.size - 1} bytes, {data.size} are needed"):
        take_apart(layout, data[:-1], (WIDTH, HEIGHT), stride)


LEVELS = (100, 110, 150)
"""Luma, Cb and Cr of a colour that RGB has as well."""


def jpeg(subsampling: str, size: tuple[int, int] = (64, 48)) -> bytes:
    """One colour, as Pillow writes it."""
    picture = Image.merge("YCbCr", [Image.new("L", size, level) for level in LEVELS])
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=95, subsampling=subsampling)
    return out.getvalue()


def textured() -> bytes:
    """Noise: there is something to lose in every part of the file."""
    out = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    Image.fromarray(noise).save(out, "JPEG", quality=80)
    return out.getvalue()


def without_tables(data: bytes) -> bytes:
    """Leave out the Huffman tables (ITU-T T.81, marker DHT), as many webcams do."""
    out, at = data[:2], 2
    while True:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xDA:
            return out + data[at:]
        if marker != 0xC4:
            out += data[at : at + 2 + length]
        at += 2 + length


@pytest.fixture(params=["pyav", "opencv"])
def decoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> JpegDecoder:
    if request.param == "pyav":
        pytest.importorskip("av")
    else:
        monkeypatch.setitem(sys.modules, "av", None)
    return JpegDecoder()


@pytest.mark.parametrize(("subsampling", "down", "across"), [("4:4:4", 1, 1), ("4:2:2", 1, 2), ("4:2:0", 2, 2)])
def test_planes_stay_as_they_are_stored(subsampling: str, down: int, across: int):
    pytest.importorskip("av")
    planes = JpegDecoder().decode(jpeg(subsampling))
    assert planes is not None and planes[1] is not None
    luma, (cb, cr) = planes
    assert luma.shape == (48, 64)
    assert cb.shape == cr.shape == (48 // down, 64 // across)
    for plane, level in zip((luma, cb, cr), LEVELS, strict=True):
        assert np.abs(plane.astype(int) - level).max() <= 1


def test_both_ways_give_the_same_colours(decoder: JpegDecoder):
    planes = decoder.decode(jpeg("4:2:2"))
    assert planes is not None and planes[1] is not None
    for plane, level in zip((planes[0], *planes[1]), LEVELS, strict=True):
        assert np.abs(plane.astype(int) - level).max() <= 2  # through RGB each rounds once more


def test_huffman_tables_may_be_missing(decoder: JpegDecoder):
    data = textured()
    small = without_tables(data)
    assert len(small) < len(data) - 400  # the four standard tables are 420 bytes
    assert decoder.decode(small) is not None


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: bytes(1000),
        lambda data: data[:300],
        lambda data: data[: len(data) // 2],
    ],
    ids=["empty", "no JPEG", "header only", "cut off"],
)
def test_damaged_pictures_are_left_out_and_do_no_harm(decoder: JpegDecoder, damage):
    good = textured()
    assert decoder.decode(good) is not None
    assert decoder.decode(damage(good)) is None
    assert decoder.decode(good) is not None


def test_what_follows_the_picture_is_ignored(decoder: JpegDecoder):
    assert decoder.decode(jpeg("4:2:2") + bytes(500)) is not None


@pytest.mark.parametrize(("orientation", "quarters"), [(None, 0), (1, 0), (3, 2), (6, -1), (8, 1)])
def test_a_jpeg_with_exif_is_whole_and_turned_upright(decoder: JpegDecoder, orientation: int | None, quarters: int):
    # EXIF 2.3, 4.6.4 A, Orientation; np.rot90 turns against the clock
    exif, stored = Image.Exif(), Image.fromarray(np.arange(0, 256, 4, np.uint8).repeat(48).reshape(64, 48))
    exif[ExifTags.Base.Make] = "Maker"
    if orientation is not None:
        exif[ExifTags.Base.Orientation] = orientation
    data = io.BytesIO()
    stored.save(data, "JPEG", quality=95, exif=exif)
    planes = decoder.decode(data.getvalue())
    assert planes is not None
    assert np.abs(planes[0].astype(int) - np.rot90(np.asarray(stored), quarters)).max() <= 4
