"""16 bits a sample are read as they lie in the file, whatever the file's order, colours and transparency."""

import cv2
import numpy as np
import pytest
import tifffile

from edge_srcnn.errors import BadPicture
from edge_srcnn.sources.images import read_picture
from tests.edge_srcnn.sources.raw_files import png, png_chunk

HEIGHT, WIDTH = 12, 17


def draw(channels: int) -> np.ndarray:
    shape = (HEIGHT, WIDTH) if channels == 1 else (HEIGHT, WIDTH, channels)
    return np.random.default_rng(channels).integers(0, 65536, shape, dtype=np.uint16)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_is_read_as_it_lies_there(tmp_path, channels, caplog):
    samples = draw(channels)
    (tmp_path / "a.png").write_bytes(png(samples))
    found = read_picture(tmp_path / "a.png").samples
    assert found.dtype == np.uint16
    assert np.array_equal(found, samples)
    assert not caplog.records


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transparent_value_of_png_becomes_alpha(tmp_path, channels):
    samples = draw(channels)
    samples[3:5, 2:9] = np.array([1, 2, 3][:channels]) if channels > 1 else 1
    key = b"".join(int(value).to_bytes(2, "big") for value in [1, 2, 3][:channels])
    (tmp_path / "a.png").write_bytes(png(samples, png_chunk(b"tRNS", key)))
    found = read_picture(tmp_path / "a.png")
    alpha = np.full((HEIGHT, WIDTH), 65535)
    alpha[3:5, 2:9] = 0
    assert np.array_equal(found.pixels, samples)
    assert np.array_equal(found.alpha, alpha)


TIFFS = {
    "little endian": {"byteorder": "<"},
    "big endian": {"byteorder": ">"},
    "BigTIFF": {"bigtiff": True},
    "tiles": {"tile": (16, 16)},
    "deflated, differences": {"compression": "zlib", "predictor": 2},
    "many strips": {"rowsperstrip": 5},
}


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("storage", TIFFS.values(), ids=TIFFS)
def test_tiff_is_read_as_it_lies_there(tmp_path, channels, planar, storage):
    samples = draw(channels)
    options = {"photometric": "rgb", "planarconfig": planar} if channels > 1 else {"photometric": "minisblack"}
    options |= {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    stored = np.moveaxis(samples, -1, 0) if channels > 1 and planar == "separate" else samples
    tifffile.imwrite(tmp_path / "a.tif", stored, **options, **storage)
    found = read_picture(tmp_path / "a.tif").samples
    assert found.dtype == np.uint16
    assert np.array_equal(found, samples)


def test_white_that_is_zero_is_no_negative(tmp_path):
    samples = draw(1)
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="miniswhite")
    assert np.array_equal(read_picture(tmp_path / "a.tif").samples, 65535 - samples)


def test_lzw_is_read(tmp_path):
    samples = draw(3)
    cv2.imwrite(str(tmp_path / "a.tif"), samples[..., ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, 5])
    assert np.array_equal(read_picture(tmp_path / "a.tif").samples, samples)


def test_colours_that_come_premultiplied_are_divided_by_alpha(tmp_path):
    alpha = np.full((HEIGHT, WIDTH, 1), 32768, np.uint16)
    stored = np.concatenate([np.full((HEIGHT, WIDTH, 3), 16384, np.uint16), alpha], axis=-1)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["assocalpha"])
    found = read_picture(tmp_path / "a.tif").samples
    assert (found[..., :3] == round(16384 * 65535 / 32768)).all()
    assert (found[..., 3] == 32768).all()


def test_cmyk_of_16_bits_becomes_rgb_of_8(tmp_path):
    samples = np.zeros((HEIGHT, WIDTH, 4), np.uint16)
    samples[..., 1:3] = 65535  # magenta and yellow
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="separated", extrasamples=())
    assert (read_picture(tmp_path / "a.tif").samples == (255, 0, 0)).all()


@pytest.mark.parametrize(
    ("samples", "says"),
    [
        (np.zeros((8, 8), np.float32), "floating-point"),
        (np.zeros((8, 8), np.float16), "TIFF of a kind that cannot be read"),
        (np.full((8, 8), 70_000, np.uint32), "uint32"),
        (np.zeros((8, 8), np.int16), "signed"),
        (np.zeros((8, 8), np.int8), "signed"),
    ],
    ids=["float32", "float16", "uint32", "int16", "int8"],
)
def test_other_samples_are_refused_with_the_cure(tmp_path, samples, says):
    tifffile.imwrite(tmp_path / "a.tif", samples)
    with pytest.raises(BadPicture, match=rf"a\.tif: .*{says}.*; save it as 8 or 16 bits"):
        read_picture(tmp_path / "a.tif")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_turned_upright(tmp_path, orientation):
    """By the table of JEITA CP-3451, tag 274: where row 0 and column 0 of the stored picture are to be seen."""
    samples = draw(3)
    upright = {
        1: samples,
        2: np.fliplr(samples),
        3: np.rot90(samples, 2),
        4: np.flipud(samples),
        5: np.transpose(samples, (1, 0, 2)),
        6: np.rot90(samples, -1),
        7: np.rot90(np.transpose(samples, (1, 0, 2)), 2),
        8: np.rot90(samples, 1),
    }[orientation]
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="rgb", extratags=[(274, 3, 1, orientation, True)])
    assert np.array_equal(read_picture(tmp_path / "a.tif").samples, upright)
