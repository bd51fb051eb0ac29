import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("simplejpeg")

from edge_srcnn.imaging.frame import BT601, BT709, UNSPECIFIED, Colour, Frame
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.sinks import Result
from edge_srcnn.upscaler import load_model
from edge_srcnn.web.views import bicubic_frame, camera_frame, enhanced_frame, split_frame, stale_picture, to_jpeg


def random_frame(height: int, width: int, subsampling: tuple[int, int] | None, colour: Colour | None = None) -> Frame:
    rng = np.random.default_rng(height * width)
    chroma = None
    if subsampling is not None:
        shape = -(-height // subsampling[0]), -(-width // subsampling[1])
        chroma = rng.integers(0, 256, shape, np.uint8), rng.integers(0, 256, shape, np.uint8)
    return Frame(rng.integers(0, 256, (height, width), np.uint8), chroma, colour or Colour(), 5, 0.5, 1.5)


@pytest.mark.parametrize("subsampling", [None, (2, 2), (1, 2), (1, 1)])
@pytest.mark.parametrize("size", [(12, 16), (13, 15)])
@pytest.mark.parametrize("scale", [1, 2])
def test_the_bicubic_view_is_what_the_upscaler_makes_without_a_network(
    scale: int, size: tuple[int, int], subsampling: tuple[int, int] | None
) -> None:
    original = random_frame(*size, subsampling)
    with load_model(scale=scale, engine="bicubic") as upscaler:
        expected = upscaler.upscale_frame(original)

    found = bicubic_frame(Result(expected, original, scale))

    assert np.array_equal(found.luma, expected.luma)
    assert scale > 1 or np.array_equal(found.luma, original.luma)
    assert (found.chroma is None) == (expected.chroma is None)
    for ours, theirs in zip(found.chroma or (), expected.chroma or (), strict=True):
        assert np.array_equal(ours, theirs)


def test_the_cameras_view_is_its_own_frame_and_not_the_mean_over_time() -> None:
    camera, mean, enhanced = (random_frame(*size, (2, 2)) for size in ((12, 16), (12, 16), (24, 32)))
    mean = replace(mean, luma=camera.luma ^ np.uint8(1))
    assert np.array_equal(camera_frame(Result(enhanced, mean, 2, camera=camera)).luma, camera.luma)
    assert np.array_equal(camera_frame(Result(enhanced, mean, 2)).luma, mean.luma)
    assert camera_frame(Result(enhanced, replace(mean, colour=Colour(False, UNSPECIFIED)), 2)).colour.matrix == BT601


def test_without_a_signal_no_view_looks_live() -> None:
    camera, mean, enhanced = (random_frame(*size, (2, 2)) for size in ((96, 128), (96, 128), (192, 256)))
    stale = stale_picture(Result(enhanced, mean, 2, camera=camera), 0.0)
    for frame, before in (
        (enhanced_frame(stale), enhanced),
        (bicubic_frame(stale), enhanced),
        (camera_frame(stale), camera),
    ):
        assert frame.size == before.size
        assert np.std(frame.luma) < np.std(before.luma) / 1.5
        assert all((plane == 128).all() for plane in frame.chroma or ())


@pytest.mark.parametrize("subsampling", [None, (2, 2), (1, 2), (1, 1)])
@pytest.mark.parametrize("width", [1, 2, 3, 15, 640])
def test_split_is_one_left_and_the_other_right(width: int, subsampling: tuple[int, int] | None) -> None:
    left, right = (
        replace(random_frame(10, width, subsampling), luma=np.full((10, width), n, np.uint8)) for n in (9, 7)
    )

    luma = split_frame(left, right).luma

    line = np.flatnonzero(luma[0] == 255)
    assert luma.shape == right.luma.shape
    assert (luma[:, : line[0]] == 9).all()
    assert (luma[:, line[-1] + 1 :] == 7).all()
    assert abs((line[0] + line[-1] + 1) / 2 - width / 2) <= 1
    assert (right.luma == 7).all()  # nobody writes into a frame that was handed on


def test_the_line_is_white_and_colourless_in_limited_range() -> None:
    frame = random_frame(8, 640, (2, 2), Colour(False))

    split = split_frame(frame, frame)

    assert split.luma[0, 319] == 235
    assert split.chroma is not None
    assert split.chroma[0][0, 159] == split.chroma[1][0, 159] == 128


@pytest.mark.parametrize(
    ("rows", "told", "read_as"),
    [(480, UNSPECIFIED, BT601), (720, UNSPECIFIED, BT709), (480, BT709, BT709), (720, BT601, BT601)],
)
def test_a_matrix_that_is_not_told_is_that_of_the_cameras_size(rows: int, told: int, read_as: int) -> None:
    original = random_frame(rows, 4, (2, 2), Colour(False, told))
    result = Result(original, original, 1)

    assert enhanced_frame(result).colour == bicubic_frame(result).colour == Colour(False, read_as)


BT2020 = 9
WEIGHTS = {BT601: (0.299, 0.114), UNSPECIFIED: (0.299, 0.114), BT709: (0.2126, 0.0722), BT2020: (0.2627, 0.0593)}
SHAPES = {"4:2:0": (2, 2), "4:2:2": (1, 2), "4:4:4": (1, 1)}
COLOURS = [(200, 60, 50), (40, 110, 190), (70, 150, 70), (230, 230, 230), (10, 10, 10)]
SIZES = [(32, 48), (33, 47), (1, 1), (1, 6), (6, 1), (17, 2)]


def flat_frame(
    rgb: tuple[int, int, int],
    size: tuple[int, int] = (33, 47),
    subsampling: tuple[int, int] = (2, 2),
    colour: Colour = Colour(),  # noqa: B008
) -> Frame:
    """One colour, by the equations of ITU-R BT.601-7 (2.5) and BT.709-6 (3)."""
    red, blue = WEIGHTS[colour.matrix]
    r, g, b = (level / 255 for level in rgb)
    y = red * r + (1 - red - blue) * g + blue * b
    cb, cr = (b - y) / (2 * (1 - blue)), (r - y) / (2 * (1 - red))
    if colour.full_range:
        levels = [255 * y, 128 + 255 * cb, 128 + 255 * cr]
    else:
        levels = [16 + 219 * y, 128 + 224 * cb, 128 + 224 * cr]
    coarse = tuple(-(-side // by) for side, by in zip(size, subsampling, strict=True))
    luma, first, second = (
        np.full(shape, round(level), np.uint8) for shape, level in zip((size, coarse, coarse), levels, strict=True)
    )
    return Frame(luma, (first, second), colour, 0, 0.0, 0.0)


def decoded(jpeg: bytes, mode: str = "RGB") -> UInt8Array:
    with Image.open(io.BytesIO(jpeg)) as image:
        return np.asarray(image.convert(mode))


@pytest.mark.parametrize("rgb", COLOURS)
@pytest.mark.parametrize("full_range", [True, False, None])
@pytest.mark.parametrize("matrix", [BT601, BT709, BT2020, UNSPECIFIED])
def test_colours_stay_within_two_levels(rgb: tuple[int, int, int], full_range: bool | None, matrix: int) -> None:
    frame = flat_frame(rgb, colour=Colour(full_range, matrix))

    pixels = decoded(to_jpeg(frame, 95))

    # planes have 256 levels: a step of Cb is 1.8 (or 2.1, limited range) of B, so two roundings are up to 2 levels
    assert np.abs(pixels.astype(int) - rgb).max() <= 2 + (matrix in (BT709, BT2020))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("subsampling", SHAPES.values(), ids=SHAPES.keys())
def test_every_size_and_subsampling_is_kept(size: tuple[int, int], subsampling: tuple[int, int]) -> None:
    rgb = (200, 60, 50)

    pixels = decoded(to_jpeg(flat_frame(rgb, size, subsampling), 95))

    assert pixels.shape == (*size, 3)
    assert np.abs(pixels.astype(int) - rgb).max() <= 2


@pytest.mark.parametrize("subsampling", SHAPES.values(), ids=SHAPES.keys())
def test_the_planes_are_encoded_as_they_are(subsampling: tuple[int, int]) -> None:
    with Image.open(io.BytesIO(to_jpeg(flat_frame((200, 60, 50), (32, 48), subsampling), 85))) as image:
        components = image.layer  # type: ignore[attr-defined]

    assert [component[1:3] for component in components] == [(subsampling[1], subsampling[0]), (1, 1), (1, 1)]


def test_a_grey_frame_is_a_grey_jpeg() -> None:
    luma = np.full((33, 47), 16, np.uint8)

    full, limited = (to_jpeg(Frame(luma, None, Colour(full), 0, 0.0, 0.0), 85) for full in (True, False))

    with Image.open(io.BytesIO(full)) as image:
        assert image.mode == "L"
        assert image.size == (47, 33)
    assert decoded(full, "L").flat[0] == 16
    assert decoded(limited, "L").flat[0] == 0  # black, BT.601-7, 2.5.3


def test_odd_sizes_take_nothing_from_the_memory_around() -> None:
    frame = flat_frame((120, 120, 120), (33, 47))
    around = np.full((40, 60), 255, np.uint8)
    around[:33, :47] = frame.luma
    window = Frame(around[:33, :47], frame.chroma, frame.colour, 0, 0.0, 0.0)

    assert to_jpeg(window, 85) == to_jpeg(frame, 85)
    assert np.ptp(decoded(to_jpeg(window, 85), "L")) == 0


def test_planes_of_any_layout_are_taken() -> None:
    rows = np.arange(24, dtype=np.uint8)[:, None] * np.full((1, 40), 8, np.uint8)
    plain = to_jpeg(Frame(rows, None, Colour(), 0, 0.0, 0.0), 85)

    for other in (np.asfortranarray(rows), rows[::-1].copy()[::-1], np.repeat(rows, 2, axis=1)[:, ::2]):
        assert to_jpeg(Frame(other, None, Colour(), 0, 0.0, 0.0), 85) == plain


def test_a_higher_quality_is_a_larger_file() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    frame = Frame(noise, None, Colour(), 0, 0.0, 0.0)

    assert len(to_jpeg(frame, 30)) < len(to_jpeg(frame, 60)) < len(to_jpeg(frame, 95))
