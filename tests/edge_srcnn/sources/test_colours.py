"""Colours that are not sRGB: read through their profile, kept as their file says, or told of."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from edge_srcnn.errors import BadPicture, CannotWrite
from edge_srcnn.imaging.frame import Metadata
from edge_srcnn.sinks.images import Encoding, write_picture
from edge_srcnn.sources.images import read_picture
from tests.edge_srcnn.sources.pictures import PROFILE, warnings_of
from tests.edge_srcnn.sources.raw_files import cmyk_profile, png, png_chunk

CICP_PQ, CICP_HLG, CICP_SRGB = (bytes([9, 16, 0, 1]), bytes([9, 18, 0, 1]), bytes([1, 13, 0, 1]))
GAMMA_1 = (100_000).to_bytes(4, "big")
ADOBE_RGB = b"".join(v.to_bytes(4, "big") for v in (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000))
INKS = {
    "paper": (0, 0, 0, 0),
    "cyan": (255, 0, 0, 0),
    "magenta": (0, 255, 0, 0),
    "yellow": (0, 0, 255, 0),
    "black": (0, 0, 0, 255),
}


def corners() -> np.ndarray:
    """Lab in 8 bits of each corner: made-up inks, none like the complement of red, green or blue."""
    lab = np.zeros((2, 2, 2, 2, 3))
    for c, m, y, k in np.ndindex(2, 2, 2, 2):
        lightness = (100 - 35 * c - 40 * m - 10 * y) * (1 - 0.8 * k)
        lab[c, m, y, k] = max(lightness, 5), (-30 * c + 60 * m) * (1 - k), (-40 * c + 70 * y) * (1 - k)
    return np.rint(lab * [2.55, 1, 1] + [0, 128, 128]).clip(0, 255)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
@pytest.mark.parametrize("ink", INKS)
def test_cmyk_is_read_through_its_profile(tmp_path, suffix, ink, caplog):
    """Expected: the profile's Lab of that corner, by the formula of CIE 15, relative to its white and black points."""
    table = corners()
    Image.new("CMYK", (16, 16), INKS[ink]).save(
        tmp_path / f"a{suffix}", icc_profile=cmyk_profile(table), **({"quality": 100} if suffix == ".jpg" else {})
    )
    found = read_picture(tmp_path / f"a{suffix}")
    place = tuple(int(amount > 0) for amount in INKS[ink])
    color = pytest.importorskip("skimage.color")
    lightness, a, b = (table[place] - [0, 128, 128]) / [2.55, 1, 1]
    expected = color.lab2rgb(np.array([[[lightness, a, b]]]))[0, 0] * 255  # of D65, as sRGB: its white is white
    error = np.abs(found.pixels.reshape(-1, 3).mean(axis=0) - expected)
    assert error.max() <= (12 if ink == "black" else 6), "black point compensation moves the darkest most"
    assert found.metadata.icc_profile is None
    assert warnings_of(caplog) == []


@pytest.mark.parametrize("profile", [None, b"press profile", PROFILE], ids=["none", "damaged", "of RGB"])
def test_a_guess_of_colours_is_told(tmp_path, profile, caplog):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100, icc_profile=profile)
    found = read_picture(tmp_path / "a.jpg")
    assert np.abs(found.pixels.astype(int) - (255, 0, 0)).max() <= 3, "no cyan, all magenta and yellow: red"
    assert found.metadata.icc_profile is None
    (warning,) = warnings_of(caplog)
    assert "its colours are guessed" in warning


@pytest.mark.parametrize(
    "chunks",
    [
        [(b"gAMA", GAMMA_1)],
        [(b"gAMA", GAMMA_1), (b"cHRM", ADOBE_RGB)],
        [(b"sRGB", b"\0")],
        [(b"cICP", CICP_SRGB)],
        [(b"cICP", CICP_PQ), (b"mDCV", b"\1" * 24), (b"cLLI", b"\2" * 8)],
        [(b"cICP", CICP_HLG)],
    ],
    ids=["gamma", "gamma and primaries", "sRGB", "cICP", "PQ", "HLG"],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_chunks_of_colours_arrive_in_the_result(tmp_path, chunks, dtype):
    picture = np.full((4, 5, 3), 77, dtype)
    (tmp_path / "a.png").write_bytes(png(picture, *(png_chunk(*each) for each in chunks)))
    found = read_picture(tmp_path / "a.png")
    write_picture(tmp_path / "b.png", picture.shape, [(0, picture)], found.metadata, Encoding())
    data = (tmp_path / "b.png").read_bytes()
    for name, content in chunks:
        assert png_chunk(name, content) in data[: data.index(b"IDAT")]
    assert cv2.imread(str(tmp_path / "b.png"), cv2.IMREAD_UNCHANGED).dtype == dtype
    with Image.open(tmp_path / "b.png") as image:
        image.verify()


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".tif", ".bmp"])
@pytest.mark.parametrize("cicp", [CICP_PQ, CICP_HLG], ids=["PQ", "HLG"])
def test_high_dynamic_range_is_refused_where_the_format_cannot_tell_it(tmp_path, suffix, cicp):
    picture = np.zeros((4, 5, 3), np.uint8)
    with pytest.raises(CannotWrite, match=r"high dynamic range; choose png"):
        write_picture(
            tmp_path / f"b{suffix}", picture.shape, [(0, picture)], Metadata(png_colours=((b"cICP", cicp),)), Encoding()
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("chunks", "told"),
    [(((b"gAMA", GAMMA_1),), 1), (((b"gAMA", (45_455).to_bytes(4, "big")), (b"sRGB", b"\0")), 0), ((), 0)],
    ids=["another gamma", "that of sRGB", "none"],
)
def test_colours_that_a_format_cannot_tell_are_told_of(tmp_path, chunks, told, caplog):
    picture = np.zeros((4, 5, 3), np.uint8)
    write_picture(tmp_path / "b.jpg", picture.shape, [(0, picture)], Metadata(png_colours=chunks), Encoding())
    assert len(warnings_of(caplog)) == told


LONG = {"tEXt": {"zip": False}, "zTXt": {"zip": True}}


@pytest.mark.parametrize("options", LONG.values(), ids=LONG)
def test_long_text_is_kept(tmp_path, rgb, options):
    text = "x" * 1_600_000
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", text, **options)
    info.add_itxt("Title", text, zip=True)
    Image.fromarray(rgb).save(tmp_path / "a.png", pnginfo=info)
    found = read_picture(tmp_path / "a.png")
    assert found.metadata.text == {"Comment": text, "Title": text}
    write_picture(tmp_path / "b.png", rgb.shape, [(0, rgb)], found.metadata, Encoding())
    assert read_picture(tmp_path / "b.png").metadata.text == found.metadata.text


def test_a_large_profile_is_kept(tmp_path, rgb):
    profile = PROFILE + bytes(3_000_000)
    Image.fromarray(rgb).save(tmp_path / "a.png", icc_profile=profile)
    found = read_picture(tmp_path / "a.png")
    assert found.metadata.icc_profile == profile
    write_picture(tmp_path / "b.png", rgb.shape, [(0, rgb)], found.metadata, Encoding())
    assert read_picture(tmp_path / "b.png").metadata.icc_profile == profile


@pytest.mark.slow
@pytest.mark.parametrize("name", [b"zTXt", b"iTXt", b"iCCP"])
def test_what_unpacks_to_no_end_is_refused(tmp_path, name):
    import zlib

    packed = zlib.compress(bytes(100_000_000), 9)
    head = {b"zTXt": b"k\0\0", b"iTXt": b"k\0\1\0\0\0", b"iCCP": b"k\0\0"}[name]
    (tmp_path / "a.png").write_bytes(png(np.zeros((4, 5, 3), np.uint8), png_chunk(name, head + packed)))
    with pytest.raises(BadPicture, match=r"a\.png: damaged picture"):
        read_picture(tmp_path / "a.png")


def test_a_gain_map_goes_with_what_says_that_it_is_there(tmp_path, rgb, caplog):
    """XMP of the Ultra HDR image format, version 1.0: attributes, and a list of what follows the picture."""
    xmp = b"""<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"
        hdrgm:Version="1.0" dc:title="hill"><Container:Directory><rdf:Seq><rdf:li>
        <Container:Item Item:Semantic="GainMap" Item:Length="1234"/></rdf:li></rdf:Seq></Container:Directory>
        </rdf:Description></x:xmpmeta>"""
    Image.fromarray(rgb).save(tmp_path / "a.jpg", xmp=xmp)
    left = read_picture(tmp_path / "a.jpg").metadata.xmp or b""
    assert b"GainMap" not in left
    assert b"hdrgm:Version" not in left
    assert b'dc:title="hill"' in left
    assert warnings_of(caplog) == [f"{tmp_path / 'a.jpg'}: the gain map (HDR) is left out"]


def test_lab_becomes_rgb(tmp_path):
    """CIE Lab of red: skimage's conversion beside ours."""
    lab = ImageCms.profileToProfile(
        Image.new("RGB", (8, 8), (200, 30, 40)),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )
    assert lab is not None
    file = io.BytesIO()
    lab.save(file, "TIFF")
    (tmp_path / "a.tif").write_bytes(file.getvalue())
    assert np.abs(read_picture(tmp_path / "a.tif").pixels.astype(int) - (200, 30, 40)).max() <= 2
