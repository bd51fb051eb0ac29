"""Between PyAV's frames and ours: planes as they are, tags as ITU-T H.273 numbers them."""

import numpy as np
import pytest

av = pytest.importorskip("av")

from edge_srcnn.imaging.frame import BT601, BT709, UNSPECIFIED, Colour, Frame  # noqa: E402
from edge_srcnn.imaging.pyav import FORMATS, av_frame, colour_of, planes_of, set_tags  # noqa: E402
from tests.edge_srcnn.clips import flat, frame_of, planes, tags_of  # noqa: E402

SUBSAMPLING = {"yuv420p": (2, 2), "yuv422p": (1, 2), "yuv444p": (1, 1)}


def random_planes(height, width, down, across, seed=0):
    rng = np.random.default_rng(seed)
    coarse = (-(-height // down), -(-width // across))
    return tuple(rng.integers(0, 256, shape, dtype=np.uint8) for shape in ((height, width), coarse, coarse))


@pytest.mark.parametrize("name", [*SUBSAMPLING, "yuvj420p", "yuvj422p", "yuvj444p"])
@pytest.mark.parametrize("size", [(2, 2), (48, 64), (47, 63), (1, 1), (33, 1)])
def test_planes_come_out_as_they_are_odd_sizes_too(name, size):
    source = random_planes(*size, *SUBSAMPLING[name.replace("j", "")])
    luma, chroma = planes_of(frame_of(source, name))
    assert (luma == source[0]).all()
    assert all((ours == theirs).all() for ours, theirs in zip(chroma, source[1:], strict=True))


def test_planes_are_not_copied():
    frame = frame_of(random_planes(48, 64, 2, 2), "yuv420p")
    luma, _ = planes_of(frame)
    assert np.shares_memory(luma, np.frombuffer(frame.planes[0], np.uint8))


def test_grey_has_no_chroma():
    source = random_planes(47, 63, 1, 1)[:1]
    luma, chroma = planes_of(frame_of(source, "gray"))
    assert (luma == source[0]).all()
    assert chroma is None


@pytest.mark.parametrize("full", [1, 2])
def test_chroma_that_is_interleaved_is_taken_apart(full):
    luma, cb, cr = random_planes(48, 64, 2, 2)
    interleaved = np.dstack((cb, cr)).reshape(24, 64)
    frame = av.VideoFrame(64, 48, "nv12")
    for plane, pixels in zip(frame.planes, (luma, interleaved), strict=True):
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: pixels.shape[0], :64] = pixels
    frame.color_range = full
    ours, chroma = planes_of(frame)
    assert (ours == luma).all()
    assert (chroma[0] == cb).all()
    assert (chroma[1] == cr).all()


@pytest.mark.parametrize("name", ["yuv420p10le", "yuv422p10le", "yuv444p10le"])
@pytest.mark.parametrize("full", [1, 2])
def test_ten_bits_become_eight(name, full):
    down, across = SUBSAMPLING[name.removesuffix("10le")]
    frame = av.VideoFrame(64, 48, name)
    # limited range: a level of 8 bits is 4 of 10; full range: 255 is 1023, and 128 lies within a level of 512
    values = (800, 400, 640)
    for plane, value in zip(frame.planes, values, strict=True):
        np.frombuffer(plane, np.uint16)[:] = value
    frame.color_range = full
    luma, chroma = planes_of(frame)
    assert chroma[0].shape == (48 // down, 64 // across)
    for plane, value in zip((luma, *chroma), values, strict=True):
        assert np.abs(plane.astype(int) - value / 4).max() <= 1


@pytest.mark.parametrize(
    ("name", "shape"), [("yuv411p", (48, 32)), ("yuv410p", (24, 32)), ("yuv440p", (48, 64)), ("yuva420p", (24, 32))]
)
def test_other_subsamplings_become_the_nearest_that_is_finer_or_the_same(name, shape):
    frame = av.VideoFrame(64, 48, name)
    for plane, value in zip(frame.planes, (90, 100, 200, 255), strict=False):
        np.frombuffer(plane, np.uint8)[:] = value
    luma, chroma = planes_of(frame)
    assert chroma[0].shape == chroma[1].shape == shape
    for plane, value in zip((luma, *chroma), (90, 100, 200), strict=True):
        assert np.abs(plane.astype(int) - value).max() <= 1


# JFIF: Y = 0.299 R + 0.587 G + 0.114 B, Cb = 128 + (B - Y) / 1.772, Cr = 128 + (R - Y) / 1.402
# BT.709: Y = 0.2126 R + 0.7152 G + 0.0722 B, Cb = 128 + (B - Y) / 1.8556, Cr = 128 + (R - Y) / 1.5748
JFIF, HD = (0.299, 0.114, 1.772, 1.402), (0.2126, 0.0722, 1.8556, 1.5748)


def ycc(rgb, weights):
    kr, kb, to_cb, to_cr = weights
    r, g, b = map(float, rgb)
    y = kr * r + (1 - kr - kb) * g + kb * b
    return y, 128 + (b - y) / to_cb, 128 + (r - y) / to_cr


RGB_FORMATS = ["rgb24", "bgr24", "bgr0", "rgba", "gbrp"]
RGB_COLOURS = [(255, 255, 255), (0, 0, 0), (200, 60, 30), (20, 90, 240)]


@pytest.mark.parametrize("name", RGB_FORMATS)
@pytest.mark.parametrize("rgb", RGB_COLOURS)
@pytest.mark.parametrize(("height", "matrix", "constants"), [(48, BT601, JFIF), (720, BT709, HD)])
def test_rgb_becomes_what_its_colour_says(name, rgb, height, matrix, constants):
    frame = av.VideoFrame.from_ndarray(np.full((height, 64, 3), rgb, np.uint8), "rgb24").reformat(format=name)
    colour = colour_of(frame)
    luma, chroma = planes_of(frame)
    assert (colour.full_range, colour.matrix) == (True, matrix)
    expected = ycc(rgb, constants)
    for plane, value in zip((luma, *chroma), expected, strict=True):
        assert plane.shape == (height, 64)
        assert np.abs(plane - min(value, 255)).max() <= 2, (plane[0, 0], value)


def test_a_palette_keeps_its_colours():
    frame = av.VideoFrame(64, 48, "pal8")
    np.frombuffer(frame.planes[0], np.uint8)[:] = 7
    palette = np.frombuffer(frame.planes[1], np.uint32)
    palette[:] = 0xFF000000 | 200 << 16 | 60 << 8 | 30  # FFmpeg: 0xAARRGGBB
    colour = colour_of(frame)
    luma, chroma = planes_of(frame)
    assert chroma is not None
    expected = ycc((200, 60, 30), HD if colour.matrix == BT709 else JFIF)
    if colour.full_range is not True:
        y, cb, cr = expected
        expected = (16 + y * 219 / 255, 128 + (cb - 128) * 224 / 255, 128 + (cr - 128) * 224 / 255)
    for plane, value in zip((luma, *chroma), expected, strict=True):
        assert np.abs(plane - value).max() <= 2


def test_deep_grey_becomes_eight_bits():
    frame = av.VideoFrame(64, 48, "gray10le")
    np.frombuffer(frame.planes[0], np.uint16)[:] = 800
    luma, chroma = planes_of(frame)
    assert chroma is None
    assert np.abs(luma.astype(int) - 200).max() <= 1


@pytest.mark.parametrize(
    ("name", "tags", "colour"),
    [
        ("yuv420p", (1, 6, 6, 6), Colour(False, BT601, 6, 6)),
        ("yuv420p", (2, 1, 1, 1), Colour(True, BT709, 1, 1)),
        ("yuv420p", (0, 2, 2, 2), Colour(None, UNSPECIFIED, UNSPECIFIED, UNSPECIFIED)),
        ("yuv444p", (1, 9, 9, 16), Colour(False, 9, 9, 16)),  # BT.2020 and PQ
        ("yuvj420p", (0, 2, 2, 2), Colour(True, UNSPECIFIED, UNSPECIFIED, UNSPECIFIED)),
        ("yuvj422p", (2, 5, 2, 2), Colour(True, 5, UNSPECIFIED, UNSPECIFIED)),
        ("gray", (2, 2, 2, 2), Colour(True, UNSPECIFIED, UNSPECIFIED, UNSPECIFIED)),
    ],
)
def test_tags_are_read_as_they_are(name, tags, colour):
    source = flat((90, 100, 110), 48, 64, *SUBSAMPLING.get(name.replace("j", ""), (1, 1)))
    frame = frame_of(source[:1] if name == "gray" else source, name, tags)
    assert colour_of(frame) == colour


def test_a_matrix_of_rgb_is_no_matrix_of_luma_and_chroma():
    # some cameras tag YUV with matrix 0, which is RGB
    assert colour_of(frame_of(flat((9, 9, 9), 48, 64), "yuv420p", (1, 0, 1, 1))).matrix == UNSPECIFIED


@pytest.mark.parametrize("name", FORMATS.values())
@pytest.mark.parametrize("size", [(48, 64), (46, 62), (2, 2)])
@pytest.mark.parametrize("tags", [(1, 6, 6, 6), (2, 1, 1, 13), (0, 2, 2, 2)])
def test_frames_for_encoders_hold_planes_and_tags(name, size, tags):
    luma, *chroma = random_planes(*size, *SUBSAMPLING[name])
    full = {0: None, 1: False, 2: True}[tags[0]]
    frame = av_frame(Frame(luma, tuple(chroma), Colour(full, *tags[1:]), 0, 0.0, 0.0), SUBSAMPLING[name])
    assert (frame.width, frame.height, frame.format.name) == (size[1], size[0], name)
    assert all((a == b).all() for a, b in zip(planes(frame), (luma, *chroma), strict=True))
    assert tags_of(frame) == tags


def test_planes_that_are_no_piece_of_memory_are_taken_too():
    luma, cb, cr = random_planes(96, 128, 2, 2)
    frame = av_frame(Frame(luma[::2, ::2], (cb[::2, ::2], cr[::2, ::2]), Colour(), 0, 0.0, 0.0), (2, 2))
    assert all((a == b[::2, ::2]).all() for a, b in zip(planes(frame), (luma, cb, cr), strict=True))


def test_an_encoder_is_told_the_same_tags():
    context = av.CodecContext.create("libx264", "w")
    set_tags(context, Colour(False, BT709, 1, 13))
    assert tags_of(context) == (1, 1, 1, 13)
