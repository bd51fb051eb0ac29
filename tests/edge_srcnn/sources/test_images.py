"""Picture files in: every kind of samples, upright, with what the file said about them; and damaged ones."""

import io
import logging
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from edge_srcnn.errors import BadPicture, EdgeSrcnnError, NoInput
from edge_srcnn.sources.images import MAX_PIXELS, PICTURE_SUFFIXES, find_pictures, read_picture

RED, BLUE, CLEAR = (200, 30, 40), (20, 40, 220), (10, 220, 90)
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><dc:title>hill</dc:title></x:xmpmeta>"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def chunk(name: bytes, data: bytes) -> bytes:
    """A PNG chunk: length, name, data, CRC of name and data (PNG specification, 5.3)."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG whose header promises more than its few bytes hold: 8-bit RGB."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def camera_exif(orientation: int | None = None) -> Image.Exif:
    """What a camera writes: maker, time, place, and what holds for its own file only."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.Base.TransferFunction] = 7  # of the old file's pixels
    settings = exif.get_ifd(ExifTags.IFD.Exif)
    settings[ExifTags.Base.DateTimeOriginal] = "2024:05:06 07:08:09"
    settings[ExifTags.Base.ExifImageWidth] = 7
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (47.0, 30.0, 15.0)
    if orientation is not None:
        exif[ExifTags.Base.Orientation] = orientation
    return exif


@pytest.fixture
def grey(texture) -> np.ndarray:
    return texture(7, 5)


@pytest.fixture
def rgb(texture) -> np.ndarray:
    return texture(7, 5, 3)


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".webp"])
def test_grey_stays_grey_where_the_format_knows_grey(tmp_path, grey, suffix):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(grey).save(path, **({"lossless": True} if suffix == ".webp" else {}))
    picture = read_picture(path)
    assert picture.alpha is None
    assert (picture.pixels == (np.dstack([grey] * 3) if picture.pixels.ndim == 3 else grey)).all()
    assert picture.pixels.ndim == (3 if suffix == ".webp" else 2)


@pytest.mark.parametrize("suffix", sorted(PICTURE_SUFFIXES - {".jpg", ".jpeg"}))
def test_rgb_is_read_as_it_is(tmp_path, rgb, suffix, caplog):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(rgb).save(path, **({"lossless": True} if suffix == ".webp" else {}))
    picture = read_picture(path)
    assert (picture.pixels == rgb).all()
    assert (picture.pixels.dtype, picture.alpha) == (np.uint8, None)
    assert warnings_of(caplog) == []


def test_jpeg_is_read_in_grey_and_in_colour(tmp_path):
    for colour, shape in ((100, (9, 8)), (RED, (9, 8, 3))):
        Image.fromarray(np.full(shape, colour, np.uint8)).save(tmp_path / "a.jpg", quality=100, subsampling=0)
        picture = read_picture(tmp_path / "a.jpg")
        assert picture.pixels.shape == shape
        assert np.abs(picture.pixels.astype(int) - colour).max() <= 2


def test_a_palette_becomes_rgb(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *BLUE])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    assert picture.pixels.tolist() == [[list(RED), list(BLUE)]]
    assert picture.alpha is None


@pytest.mark.parametrize("suffix", [".png", ".gif"])
def test_a_palette_with_a_transparent_colour_becomes_rgb_and_alpha(tmp_path, suffix):
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *CLEAR])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / f"a{suffix}", transparency=1)
    picture = read_picture(tmp_path / f"a{suffix}")
    assert picture.pixels.shape == (1, 2, 3)
    assert picture.pixels[0, 0].tolist() == list(RED)
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[255, 0]]


def test_rgb_with_a_transparent_colour_becomes_rgb_and_alpha(tmp_path):
    Image.fromarray(np.array([[RED, CLEAR]], np.uint8)).save(tmp_path / "a.png", transparency=CLEAR)
    picture = read_picture(tmp_path / "a.png")
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[255, 0]]


def test_grey_with_alpha_is_split(tmp_path, texture):
    both = texture(6, 4, 2)
    Image.fromarray(both, "LA").save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    assert (picture.pixels == both[..., 0]).all()
    assert picture.alpha is not None
    assert (picture.alpha == both[..., 1]).all()


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_rgba_is_split(tmp_path, texture, suffix):
    both = texture(6, 4, 4)
    Image.fromarray(both).save(
        tmp_path / f"a{suffix}", **({"lossless": True, "exact": True} if suffix == ".webp" else {})
    )
    picture = read_picture(tmp_path / f"a{suffix}")
    assert (picture.pixels == both[..., :3]).all()
    assert picture.alpha is not None
    assert (picture.alpha == both[..., 3]).all()


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_one_bit_becomes_black_and_white(tmp_path, suffix):
    bits = np.array([[True, False, True], [False, False, True]])
    Image.fromarray(bits).save(tmp_path / f"a{suffix}")
    assert (read_picture(tmp_path / f"a{suffix}").pixels == bits * 255).all()


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bit_grey_is_reduced_with_exactly_one_warning(tmp_path, grey, suffix, caplog):
    deep = grey.astype(np.uint16) * 257  # 0..255 on 0..65535: 65535 = 255 x 257
    Image.fromarray(deep).save(tmp_path / f"a{suffix}")
    picture = read_picture(tmp_path / f"a{suffix}")
    assert (picture.pixels == grey).all()
    assert warnings_of(caplog) == [f"{tmp_path / f'a{suffix}'}: 16 bits a sample, reduced to 8"]


def test_sixteen_bits_are_rounded_not_cut(tmp_path):
    deep = np.array([[0, 128, 129, 257 * 100 - 128, 257 * 100 + 128, 257 * 100 + 129, 65535]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").pixels.tolist() == [[0, 0, 1, 100, 100, 101, 255]]


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bit_colour_is_reduced_with_exactly_one_warning(tmp_path, texture, channels, suffix, caplog):
    pixels = texture(7, 5, channels)
    order = [2, 1, 0, 3][:channels]  # cv2 writes B, G, R
    path = tmp_path / f"a{suffix}"
    assert cv2.imwrite(str(path), pixels[..., order].astype(np.uint16) * 257)
    picture = read_picture(path)
    assert (picture.pixels == pixels[..., :3]).all()
    assert (picture.alpha is None) == (channels == 3)
    assert warnings_of(caplog) == [f"{path}: 16 bits a sample, reduced to 8"]


def test_a_bmp_of_sixteen_bits_a_pixel_is_not_called_deep(tmp_path, caplog):
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)  # 5 + 6 + 5 bits
    head = struct.pack("<IiiHHIIiiII", 40, 2, 1, 1, 16, 3, 4, 2835, 2835, 0, 0)
    pixels = struct.pack("<HH", 0xF800, 0x001F)
    offset = 14 + len(head) + len(masks)
    (tmp_path / "a.bmp").write_bytes(
        b"BM" + struct.pack("<IHHI", offset + len(pixels), 0, 0, offset) + head + masks + pixels
    )
    assert read_picture(tmp_path / "a.bmp").pixels.tolist() == [[[255, 0, 0], [0, 0, 255]]]
    assert warnings_of(caplog) == []


def test_cmyk_becomes_rgb_and_loses_its_profile(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100, icc_profile=b"press profile")
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.pixels.shape == (8, 8, 3)
    assert np.abs(picture.pixels.astype(int) - (255, 0, 0)).max() <= 3  # no cyan, all magenta and yellow: red
    assert picture.metadata.icc_profile is None


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


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".tif"])
def test_of_an_animation_the_first_frame_is_read_with_exactly_one_warning(tmp_path, suffix, caplog):
    frames = [Image.new("RGB", (4, 3), colour) for colour in (RED, BLUE, CLEAR)]
    path = tmp_path / f"a{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], **({"lossless": True} if suffix == ".webp" else {}))
    picture = read_picture(path)
    assert (picture.pixels == RED).all()
    assert warnings_of(caplog) == [f"{path}: 3 frames; only the first is read"]


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


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tif"])
@pytest.mark.parametrize("part", [0.2, 0.6, 0.95])
def test_a_truncated_picture_is_bad(tmp_path, texture, suffix, part):
    path = tmp_path / f"a{suffix}"
    Image.fromarray(texture(64, 64, 3)).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(BadPicture, match=f"a{suffix}: "):
        read_picture(path)


def test_text_that_is_called_a_picture_is_bad(tmp_path):
    (tmp_path / "a.png").write_text("This is no picture.\n")
    with pytest.raises(BadPicture, match="not a picture that can be read"):
        read_picture(tmp_path / "a.png")


def test_an_empty_file_is_bad_and_called_empty(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(BadPicture, match="the file is empty"):
        read_picture(tmp_path / "a.png")


@pytest.mark.parametrize("size", [(60_000, 60_000), (13_000, 12_000), (MAX_PIXELS // 1000 + 1, 1000)])
def test_a_header_that_claims_too_many_pixels_is_refused_before_decoding(tmp_path, size):
    (tmp_path / "a.png").write_bytes(png_that_claims(*size))
    with pytest.raises(BadPicture, match="150 megapixels"):
        read_picture(tmp_path / "a.png")


def test_a_header_that_claims_more_than_there_is_is_bad(tmp_path):
    (tmp_path / "a.png").write_bytes(png_that_claims(500, 500))
    with pytest.raises(BadPicture, match="damaged"):
        read_picture(tmp_path / "a.png")


def test_floating_point_samples_are_refused_with_the_cure(tmp_path):
    Image.new("F", (3, 3)).save(tmp_path / "a.tif")
    with pytest.raises(BadPicture, match="save it as 8 or 16 bits"):
        read_picture(tmp_path / "a.tif")


def test_a_missing_file_a_folder_and_a_dangling_link_are_no_input(tmp_path):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "link.png").symlink_to("nowhere")
    for name in ("none.png", "folder.png", "link.png", f"{'x' * 300}.png"):
        with pytest.raises(NoInput, match=r"\.png: "):
            read_picture(tmp_path / name)


def seeds(texture) -> dict[str, bytes]:
    """Small pictures of every format, with all that a file can carry."""
    rgb = Image.fromarray(texture(20, 30, 3))
    full = {"exif": camera_exif(6).tobytes(), "icc_profile": PROFILE}
    made = {
        "a.png": (rgb, {**full, "dpi": (300, 300)}),
        "b.png": (rgb.convert("P"), {"transparency": 3}),
        "c.png": (Image.fromarray(texture(20, 30).astype(np.uint16) * 200), {}),
        "a.jpg": (rgb, {**full, "xmp": XMP}),
        "b.jpg": (rgb.convert("CMYK"), {}),
        "a.webp": (rgb, {**full, "xmp": XMP}),
        "a.gif": (rgb.convert("P"), {"save_all": True, "append_images": [rgb.rotate(90).convert("P")]}),
        "a.bmp": (rgb, {}),
        "a.tif": (rgb, full),
        "b.tif": (rgb, {"compression": "tiff_lzw", "dpi": (72, 72)}),
        "c.tif": (rgb.convert("1"), {"compression": "group4"}),
    }
    done = {}
    for name, (image, options) in made.items():
        buffer = io.BytesIO()
        image.save(buffer, Image.registered_extensions()[Path(name).suffix], **options)
        done[name] = buffer.getvalue()
    return done


def test_damage_of_any_kind_ends_in_a_picture_or_in_one_of_our_errors(tmp_path, texture, capfd):
    random = np.random.default_rng(2)
    for name, data in seeds(texture).items():
        for _ in range(60):
            damaged = bytearray(data)
            for _ in range(random.integers(1, 5)):
                reach = min(len(data), 600) if random.random() < 0.7 else len(data)
                damaged[random.integers(reach)] = random.choice([0, 128, 255, random.integers(256)])
            if random.random() < 0.2:
                del damaged[random.integers(len(damaged)) :]
            (tmp_path / name).write_bytes(damaged)
            try:
                picture = read_picture(tmp_path / name)
            except EdgeSrcnnError as error:
                assert "\n" not in str(error)
            else:
                assert picture.pixels.dtype == np.uint8
    assert capfd.readouterr().err == ""  # the libraries inside keep quiet too


def test_pictures_are_found_recursively_sorted_and_without_hidden_ones(tmp_path):
    for name in ("b.PNG", "a.jpg", "sub/deep/c.webp", ".hidden.png", "notes.txt", "d.jpeg.part"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    found = [str(path.relative_to(tmp_path)) for path in find_pictures(tmp_path)]
    assert found == ["a.jpg", "b.PNG", "sub/deep/c.webp"]


def test_a_missing_or_empty_folder_is_no_input(tmp_path):
    with pytest.raises(NoInput, match="no such folder"):
        find_pictures(tmp_path / "none")
    with pytest.raises(NoInput, match="no picture in it"):
        find_pictures(tmp_path)
