"""What a picture file says about itself: profile, EXIF, XMP, dots per inch and text."""

import pytest
from PIL import ExifTags, Image, PngImagePlugin

from edge_srcnn.sinks.images import Encoding, write_picture
from edge_srcnn.sources.images import read_picture
from tests.edge_srcnn.sources.pictures import PROFILE, XMP, camera_exif


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_profile_exif_and_xmp_are_read(tmp_path, rgb, suffix):
    path = tmp_path / f"a{suffix}"
    options = {"exif": camera_exif().tobytes(), "xmp": XMP}
    if suffix == ".png":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP.decode())
    if suffix == ".tif":
        tags = camera_exif()
        tags[ExifTags.Base.XMLPacket] = XMP
        options["exif"] = tags.tobytes()
    Image.fromarray(rgb).save(path, icc_profile=PROFILE, **options)
    found = read_picture(path).metadata
    assert found.icc_profile == PROFILE
    assert found.xmp == XMP
    exif = Image.Exif()
    exif.load(found.exif or b"")
    assert exif[ExifTags.Base.Make] == "Maker"
    assert exif.get_ifd(ExifTags.IFD.Exif) == {ExifTags.Base.DateTimeOriginal: "2024:05:06 07:08:09"}
    assert exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] == (47.0, 30.0, 15.0)
    assert set(exif) == {ExifTags.Base.Make, ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo}  # nothing about the old file


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp"])
def test_dots_per_inch_are_read(tmp_path, rgb, suffix):
    Image.fromarray(rgb).save(tmp_path / f"a{suffix}", dpi=(300, 150))
    assert read_picture(tmp_path / f"a{suffix}").metadata.dpi == pytest.approx((300, 150), abs=0.02)  # whole px/m


@pytest.mark.parametrize("wrong", [(0, 0), (1e9, 1e9), (72, 0)])
def test_dots_per_inch_that_no_format_can_hold_are_left_out(tmp_path, rgb, wrong):
    Image.fromarray(rgb).save(tmp_path / "a.tif", dpi=wrong)
    assert read_picture(tmp_path / "a.tif").metadata.dpi is None


def test_png_text_is_read_without_what_programs_hide_in_it(tmp_path, rgb):
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "hill")
    text.add_itxt("Author", "Zoë")
    text.add_text("Comment", "long " * 50, zip=True)
    text.add_text("Raw profile type exif", "\nexif\n       0\n\n")
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    Image.fromarray(rgb).save(tmp_path / "a.png", pnginfo=text)
    found = read_picture(tmp_path / "a.png").metadata
    assert found.text == {"Title": "hill", "Author": "Zoë", "Comment": "long " * 50}
    assert found.xmp == XMP


def test_a_plain_picture_has_no_metadata(tmp_path, rgb):
    Image.fromarray(rgb).save(tmp_path / "a.png")
    found = read_picture(tmp_path / "a.png").metadata
    assert (found.icc_profile, found.exif, found.xmp, found.dpi, found.text) == (None, None, None, None, {})


@pytest.mark.parametrize("bigtiff", [False, True], ids=["TIFF", "BigTIFF"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_exif_of_any_tiff_is_written_as_exif_has_it(tmp_path, rgb, bigtiff, byteorder, suffix):
    """Exif 2.32, 4.5.2: a classic TIFF header; what a BigTIFF has is no EXIF."""
    tifffile = pytest.importorskip("tifffile")
    text = "a hill, and a long tale of it; " * 3 + "end"
    tifffile.imwrite(
        tmp_path / "a.tif",
        rgb,
        photometric="rgb",
        description=text,
        metadata=None,
        bigtiff=bigtiff,
        byteorder=byteorder,
    )
    found = read_picture(tmp_path / "a.tif").metadata
    assert (found.exif or b"").removeprefix(b"Exif\0\0")[:4] in (b"II*\0", b"MM\0*")
    write_picture(tmp_path / f"b{suffix}", rgb.shape, [(0, rgb)], found, Encoding())
    with Image.open(tmp_path / f"b{suffix}") as image:
        assert image.getexif()[ExifTags.Base.ImageDescription].rstrip("\0") == text
    assert read_picture(tmp_path / f"b{suffix}").metadata.exif is not None
