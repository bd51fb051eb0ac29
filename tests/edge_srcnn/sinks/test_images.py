"""Picture files out: the pixels, the options of each format, and the metadata of the input."""

import io
import logging
import resource
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from edge_srcnn.errors import CannotWrite, OutputExists, UsageError
from edge_srcnn.imaging.frame import Metadata
from edge_srcnn.sinks.images import FORMATS, Encoding, format_of, write_picture
from edge_srcnn.sources.images import read_picture

LOSSLESS = (".png", ".bmp", ".tif", ".tiff", ".webp")
NOTHING = Metadata()
KINDS = {None: "grey", 2: "grey and alpha", 3: "colour", 4: "colour and alpha"}
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><dc:title>hill</dc:title></x:xmpmeta>"


def write(path: Path, pixels: np.ndarray, metadata: Metadata = NOTHING, **options) -> None:
    overwrite = options.pop("overwrite", False)
    write_picture(path, pixels.shape, [(0, pixels)], metadata, Encoding(**options), overwrite=overwrite)


def never() -> Iterator[tuple[int, np.ndarray]]:
    """Bands that must not be asked for."""
    pytest.fail("the picture was computed in vain")
    yield


def camera_exif() -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2024:05:06 07:08:09"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (47.0, 30.0, 15.0)
    return exif.tobytes()


def as_jpeg(pixels: np.ndarray) -> np.ndarray:
    """What Pillow makes of a picture at the usual quality, with the colour of each pixel."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95, subsampling=0)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("suffix", LOSSLESS)
@pytest.mark.parametrize("channels", [None, 3], ids=KINDS.get)
def test_a_lossless_format_gives_the_pixels_back(tmp_path, texture, suffix, channels):
    pixels = texture(9, 14, channels)
    write(tmp_path / f"a{suffix}", pixels, lossless=True)
    back = read_picture(tmp_path / f"a{suffix}")
    expected = np.dstack([pixels] * 3) if suffix == ".webp" and channels is None else pixels  # WebP has no grey
    assert (back.pixels == expected).all()
    assert back.alpha is None


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("channels", [2, 4], ids=KINDS.get)
def test_transparency_is_kept_where_the_format_has_it(tmp_path, texture, suffix, channels):
    pixels = texture(9, 14, channels)
    write(tmp_path / f"a{suffix}", pixels, lossless=True)
    back = read_picture(tmp_path / f"a{suffix}")
    colour = pixels[..., 0] if channels == 2 and suffix != ".webp" else pixels[..., :-1]
    assert (back.pixels == colour).all()
    assert back.alpha is not None
    assert (back.alpha == pixels[..., -1]).all()


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
@pytest.mark.parametrize("colour", [(60,), (200, 30, 40)])
def test_white_shines_through_where_the_format_has_no_transparency(tmp_path, suffix, colour):
    pixels = np.full((8, 24, len(colour) + 1), (*colour, 255), np.uint8)
    pixels[:, 8:16, -1] = 0
    pixels[:, 16:, -1] = 51  # a fifth
    write(tmp_path / f"a{suffix}", pixels, quality=100)
    back = np.asarray(Image.open(tmp_path / f"a{suffix}")).reshape(8, 24, -1).astype(int)
    assert np.abs(back[:, :8] - colour).max() <= 3
    assert np.abs(back[:, 8:16] - 255).max() <= 3
    assert np.abs(back[:, 16:] - [255 - (255 - c) / 5 for c in colour]).max() <= 4


@pytest.mark.parametrize(
    ("suffix", "name"),
    [
        (".png", "PNG"),
        (".jpg", "JPEG"),
        (".jpeg", "JPEG"),
        (".webp", "WEBP"),
        (".bmp", "BMP"),
        (".tif", "TIFF"),
        (".tiff", "TIFF"),
        (".PNG", "PNG"),
    ],
)
def test_the_suffix_chooses_the_format(tmp_path, texture, suffix, name):
    write(tmp_path / f"a{suffix}", texture(3, 2, 3))
    with Image.open(tmp_path / f"a{suffix}") as image:
        assert (image.format, image.size) == (name, (2, 3))
    assert format_of(tmp_path / f"a{suffix}") == name


@pytest.mark.parametrize("name", ["a.tga", "a", "a.", "png", "a.png.part"])
def test_another_suffix_is_refused_with_the_known_ones(tmp_path, name):
    with pytest.raises(UsageError, match=r"use \.png, \.jpg"):
        format_of(tmp_path / name)
    with pytest.raises(UsageError):
        write_picture(tmp_path / name, (2, 2), never(), Metadata(), Encoding())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_quality_trades_size_for_likeness(tmp_path, texture, suffix):
    pixels = texture(64, 64, 3)
    sizes, errors = [], []
    for quality in (10, 60, 100):
        path = tmp_path / f"{quality}{suffix}"
        write(path, pixels, quality=quality)
        sizes.append(path.stat().st_size)
        errors.append(np.abs(read_picture(path).pixels.astype(int) - pixels).mean())
    assert sizes == sorted(sizes)
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize("quality", [50, 94, 95, 100])
def test_jpeg_holds_noise_which_hardly_compresses(tmp_path, quality):
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    write(tmp_path / "a.jpg", noise, quality=quality)
    assert read_picture(tmp_path / "a.jpg").pixels.shape == noise.shape


def test_jpeg_keeps_the_colours_of_single_pixels(tmp_path):
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2], stripes[:, 1::2] = (255, 0, 0), (0, 0, 255)
    write(tmp_path / "a.jpg", stripes, quality=100)
    assert np.abs(read_picture(tmp_path / "a.jpg").pixels.astype(int) - stripes).max() < 20  # subsampling: over 100


def test_png_compression_trades_time_for_size_and_never_pixels(tmp_path, texture):
    pixels = texture(64, 64, 3)
    for level in (0, 1, 9):
        write(tmp_path / f"{level}.png", pixels, compression=level)
        assert (read_picture(tmp_path / f"{level}.png").pixels == pixels).all()
    sizes = [(tmp_path / f"{level}.png").stat().st_size for level in (9, 1, 0)]
    assert sizes == sorted(sizes)
    assert sizes[-1] > pixels.size


@pytest.mark.parametrize(
    ("options", "says"),
    [({"quality": 0}, "quality 0"), ({"quality": 101}, "quality 101"), ({"compression": 10}, "compression 10")],
)
def test_options_out_of_range_are_refused(options, says):
    with pytest.raises(UsageError, match=says):
        Encoding(**options)


def test_bands_are_put_together_from_top_to_bottom(tmp_path, texture):
    pixels = texture(10, 7, 4)
    bands = [(0, pixels[:3]), (3, pixels[3:9]), (9, pixels[9:])]
    write_picture(tmp_path / "a.png", pixels.shape, bands, Metadata(), Encoding())
    assert (np.asarray(Image.open(tmp_path / "a.png")) == pixels).all()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_profile_exif_and_xmp_are_written(tmp_path, texture, suffix):
    given = Metadata(icc_profile=PROFILE, exif=camera_exif(), xmp=XMP)
    pixels = texture(6, 5, 3)
    write(tmp_path / f"a{suffix}", pixels, given, lossless=True)
    back = read_picture(tmp_path / f"a{suffix}")
    assert (back.pixels == (as_jpeg(pixels) if suffix == ".jpg" else pixels)).all()
    assert (back.metadata.icc_profile, back.metadata.xmp) == (PROFILE, XMP)
    exif = Image.Exif()
    exif.load(back.metadata.exif or b"")
    assert exif[ExifTags.Base.Make] == "Maker"
    assert exif.get_ifd(ExifTags.IFD.Exif) == {ExifTags.Base.DateTimeOriginal: "2024:05:06 07:08:09"}
    assert exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] == (47.0, 30.0, 15.0)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp"])
def test_dots_per_inch_are_written(tmp_path, texture, suffix):
    write(tmp_path / f"a{suffix}", texture(3, 3, 3), Metadata(dpi=(300.0, 150.0)))
    assert read_picture(tmp_path / f"a{suffix}").metadata.dpi == pytest.approx((300, 150), abs=0.02)


def test_png_text_is_written(tmp_path, texture):
    text = {"Title": "hill", "Author": "Zoë"}
    write(tmp_path / "a.png", texture(3, 3), Metadata(text=text, xmp=XMP))
    found = read_picture(tmp_path / "a.png").metadata
    assert (found.text, found.xmp) == (text, XMP)


@pytest.mark.parametrize("suffix", FORMATS)
def test_no_metadata_is_made_up(tmp_path, texture, suffix):
    write(tmp_path / f"a{suffix}", texture(3, 3, 3))
    found = read_picture(tmp_path / f"a{suffix}").metadata
    assert (found.icc_profile, found.exif, found.xmp, found.text) == (None, None, None, {})


@pytest.mark.parametrize("storage", [{}, {"compression": "tiff_lzw", "tiffinfo": {278: 1}}], ids=["raw", "strips"])
@pytest.mark.parametrize("suffix", [".tif", ".jpg", ".png"])
def test_how_a_tiff_was_stored_does_not_go_over_to_the_result(tmp_path, texture, storage, suffix):
    Image.fromarray(texture(30, 4, 3)).save(tmp_path / "in.tif", **storage)
    result = texture(60, 8, 3)
    write(tmp_path / f"out{suffix}", result, read_picture(tmp_path / "in.tif").metadata)
    back = read_picture(tmp_path / f"out{suffix}")
    assert (back.pixels == (as_jpeg(result) if suffix == ".jpg" else result)).all()
    assert back.metadata.exif is None


@pytest.mark.parametrize("what", ["exif", "xmp"])
def test_what_is_too_long_for_jpeg_is_left_out_with_a_warning(tmp_path, texture, what, caplog):
    long = Image.Exif()
    long[ExifTags.Base.ImageDescription] = "x" * 70_000
    given = Metadata(exif=long.tobytes()) if what == "exif" else Metadata(xmp=b"x" * 70_000)
    write(tmp_path / "a.jpg", texture(3, 3, 3), given)
    found = read_picture(tmp_path / "a.jpg").metadata
    assert (found.exif, found.xmp) == (None, None)
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert f"{what} data" in warning
    assert "too long for JPEG" in warning


@pytest.mark.parametrize(("suffix", "limit"), [(".jpg", 65_500), (".webp", 16_383)])
def test_a_side_too_long_for_the_format_is_refused_before_it_is_computed(tmp_path, suffix, limit):
    for shape in ((1, limit + 1), (limit + 1, 1, 3)):
        with pytest.raises(CannotWrite, match=f"at most {limit} pixels.*choose png or tiff"):
            write_picture(tmp_path / f"a{suffix}", shape, never(), Metadata(), Encoding())
    assert list(tmp_path.iterdir()) == []


def test_the_longest_side_of_a_format_can_be_written(tmp_path):
    write(tmp_path / "a.webp", np.zeros((1, 16_383), np.uint8))
    write(tmp_path / "a.jpg", np.zeros((1, 65_500), np.uint8))
    assert read_picture(tmp_path / "a.webp").pixels.shape == (1, 16_383, 3)
    assert read_picture(tmp_path / "a.jpg").pixels.shape == (1, 65_500)


def test_an_existing_picture_is_refused_before_it_is_computed(tmp_path, texture):
    write(tmp_path / "a.png", texture(3, 3))
    with pytest.raises(OutputExists):
        write_picture(tmp_path / "a.png", (4, 4), never(), Metadata(), Encoding())
    write(tmp_path / "a.png", texture(4, 4), overwrite=True)
    assert read_picture(tmp_path / "a.png").pixels.shape == (4, 4)


def test_what_an_encoder_refuses_names_the_file(tmp_path, texture):
    with pytest.raises(CannotWrite, match=r"a\.png: the PNG encoder refuses"):
        write(tmp_path / "a.png", texture(3, 3), Metadata(dpi=(float("nan"), 1.0)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("suffix", FORMATS)
def test_wherever_the_space_ends_a_file_is_whole_or_not_there(tmp_path, suffix, capfd):
    path, noise = tmp_path / f"a{suffix}", np.random.default_rng(0).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    write(path, noise, lossless=True)
    whole = path.read_bytes()
    path.unlink()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for space in (*range(0, len(whole), 3001), *range(len(whole) - 40, len(whole))):
        resource.setrlimit(resource.RLIMIT_FSIZE, (space, before[1]))
        try:
            with pytest.raises(CannotWrite):
                write(path, noise, lossless=True)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert list(tmp_path.iterdir()) == [], space
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_full_disk_leaves_nothing_and_the_libraries_keep_quiet(small_disk, suffix, capfd):
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    with pytest.raises(CannotWrite, match=rf"a\{suffix}: cannot be written \(.*(No space left|disk full)"):
        write(small_disk / f"a{suffix}", noise, lossless=True)
    assert list(small_disk.iterdir()) == []
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_bands_are_let_go_one_by_one(tmp_path, suffix, dtype):
    """A picture need not be held twice: no more than two bands are there at a time."""
    alive: list[weakref.ref] = []
    most = 0

    def bands():
        nonlocal most
        for top in range(0, 160, 16):
            band = np.full((16, 40, 3), top, dtype)
            alive.append(weakref.ref(band))
            most = max(most, sum(ref() is not None for ref in alive))
            yield top, band
            del band

    write_picture(tmp_path / f"a{suffix}", (160, 40, 3), bands(), Metadata(), Encoding())
    assert most <= 3


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
@pytest.mark.parametrize("at", [0, 16])
def test_what_fails_while_bands_are_computed_is_no_fault_of_the_encoder(tmp_path, suffix, at):
    def bands():
        for top in range(0, 48, 16):
            if top == at:
                raise KeyError("of the engine")
            yield top, np.zeros((16, 40, 3), np.uint8)

    with pytest.raises(KeyError, match="of the engine"):
        write_picture(tmp_path / f"a{suffix}", (48, 40, 3), bands(), Metadata(), Encoding())
    assert not list(tmp_path.iterdir())
