import io
import sys

import numpy as np
import pytest
from PIL import Image

from edge_srcnn.sources.camera import JpegDecoder

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
