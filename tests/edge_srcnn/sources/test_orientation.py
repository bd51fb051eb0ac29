"""Pictures that lie turned in their files: read upright, and what said so is forgotten."""

import struct

import numpy as np
import pytest
from PIL import ExifTags, Image

from edge_srcnn.sources.images import read_picture
from tests.edge_srcnn.sources.pictures import BLUE, CLEAR, RED, warnings_of

# EXIF 2.3, 4.6.4 A, Orientation: where row 0 and column 0 of the file lie in the upright picture
STORED = {
    1: lambda upright: upright,  # top, left
    2: lambda upright: upright[:, ::-1],  # top, right
    3: lambda upright: upright[::-1, ::-1],  # bottom, right
    4: lambda upright: upright[::-1],  # bottom, left
    5: lambda upright: upright.swapaxes(0, 1),  # left, top
    6: lambda upright: upright.swapaxes(0, 1)[::-1],  # right, top
    7: lambda upright: upright.swapaxes(0, 1)[::-1, ::-1],  # right, bottom
    8: lambda upright: upright.swapaxes(0, 1)[:, ::-1],  # left, bottom
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_every_exif_orientation_is_turned_upright_and_forgotten(tmp_path, rgb, suffix, orientation):
    path = tmp_path / f"a{suffix}"
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](rgb)))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Make] = "Maker"
    stored.save(path, exif=exif, **({"lossless": True} if suffix == ".webp" else {}))
    picture = read_picture(path)
    assert (picture.pixels == rgb).all()
    kept = Image.Exif()
    kept.load(picture.metadata.exif or b"")
    assert dict(kept) == {ExifTags.Base.Make: "Maker"}


@pytest.mark.parametrize("orientation", STORED)
def test_jpeg_orientation_is_turned_upright(tmp_path, orientation):
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16], upright[:8, 16:], upright[8:, :16] = RED, BLUE, CLEAR  # three corners tell all eight apart
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    stored.save(tmp_path / "a.jpg", exif=exif, quality=100, subsampling=0)
    assert np.abs(read_picture(tmp_path / "a.jpg").pixels.astype(int) - upright).max() <= 8


def test_alpha_is_turned_with_the_picture(tmp_path, texture):
    both = texture(6, 4, 4)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.fromarray(np.ascontiguousarray(STORED[6](both))).save(tmp_path / "a.png", exif=exif)
    picture = read_picture(tmp_path / "a.png")
    assert picture.alpha is not None
    assert (np.dstack((picture.pixels, picture.alpha)) == both).all()


def test_an_orientation_in_xmp_alone_counts_and_is_forgotten(tmp_path, rgb):
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="3"/></x:xmpmeta>'
    Image.fromarray(np.ascontiguousarray(STORED[3](rgb))).save(tmp_path / "a.webp", xmp=xmp, lossless=True)
    picture = read_picture(tmp_path / "a.webp")
    assert (picture.pixels == rgb).all()
    assert b"Orientation" not in (picture.metadata.xmp or b"")


def test_damaged_exif_is_left_out_with_a_warning_and_the_picture_is_read(tmp_path, rgb, caplog):
    maker = struct.pack(">HHIf", ExifTags.Base.Make, 11, 1, 1.5)  # a text that is a number
    orientation = struct.pack(">HHIHH", ExifTags.Base.Orientation, 3, 1, 3, 0)
    exif = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 2) + maker + orientation + bytes(4)
    Image.fromarray(np.ascontiguousarray(STORED[3](rgb))).save(tmp_path / "a.png", exif=exif)
    picture = read_picture(tmp_path / "a.png")
    assert (picture.pixels == rgb).all()
    assert picture.metadata.exif is None
    assert len(warnings_of(caplog)) == 1
    assert "damaged EXIF data, left out" in caplog.text
