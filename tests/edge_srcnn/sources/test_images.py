"""Picture files in: every kind of samples, in 8 bits of grey or RGB, with transparency apart; and which there are."""

import struct

import numpy as np
import pytest
from PIL import Image

from edge_srcnn.errors import NoInput
from edge_srcnn.sources.images import find_pictures, read_picture
from edge_srcnn.uri import PICTURE_SUFFIXES
from tests.edge_srcnn.sources.pictures import BLUE, CLEAR, RED, warnings_of


@pytest.fixture
def grey(texture) -> np.ndarray:
    return texture(7, 5)


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


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".tif"])
def test_of_an_animation_the_first_frame_is_read_with_exactly_one_warning(tmp_path, suffix, caplog):
    frames = [Image.new("RGB", (4, 3), colour) for colour in (RED, BLUE, CLEAR)]
    path = tmp_path / f"a{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], **({"lossless": True} if suffix == ".webp" else {}))
    picture = read_picture(path)
    assert (picture.pixels == RED).all()
    assert warnings_of(caplog) == [f"{path}: more than one frame; only the first is read"]


def test_pictures_are_found_recursively_sorted_and_without_hidden_ones(tmp_path):
    for name in ("b.PNG", "a.jpg", "sub/deep/c.webp", ".hidden.png", ".thumbnails/e.png", "notes.txt", "d.jpeg.part"):
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
