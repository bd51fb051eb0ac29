"""Picture files that are damaged, missing or none: one of our errors, whatever is in them."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_srcnn.errors import BadPicture, EdgeSrcnnError, NoInput
from edge_srcnn.sources.images import MAX_PIXELS, read_picture
from tests.edge_srcnn.sources.pictures import PROFILE, XMP, camera_exif


def chunk(name: bytes, data: bytes) -> bytes:
    """A PNG chunk: length, name, data, CRC of name and data (PNG specification, 5.3)."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG whose header promises more than its few bytes hold: 8-bit RGB."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


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


@pytest.mark.slow
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
