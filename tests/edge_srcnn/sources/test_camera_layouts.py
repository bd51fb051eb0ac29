import numpy as np
import pytest

from edge_srcnn.sources.camera import LAYOUTS, bytes_per_row, take_apart

WIDTH, HEIGHT = 8, 6
LUMA = np.arange(WIDTH * HEIGHT, dtype=np.uint8).reshape(HEIGHT, WIDTH)
CB = np.arange(100, 100 + WIDTH // 2 * HEIGHT, dtype=np.uint8).reshape(HEIGHT, WIDTH // 2)
CR = CB + 60
PADDING = 255


def padded(rows: np.ndarray, stride: int) -> bytes:
    out = np.full((len(rows), stride), PADDING, np.uint8)
    out[:, : rows.shape[1]] = rows
    return out.tobytes()


def buffer(layout: str, extra: int, after: int = 0) -> tuple[np.ndarray, int]:
    """As a camera lays it out, by the definitions of the formats in the kernel's V4L2 documentation."""
    stride = bytes_per_row(layout, WIDTH) + extra
    cb, cr = (CB, CR) if layout in ("YUYV", "UYVY") else (CB[: HEIGHT // 2], CR[: HEIGHT // 2])
    if layout in ("YVU420", "NV21"):
        first, second = cr, cb
    else:
        first, second = cb, cr
    if layout == "GREY":
        data = padded(LUMA, stride)
    elif layout == "YUYV":
        data = padded(np.dstack([LUMA[:, 0::2], cb, LUMA[:, 1::2], cr]).reshape(HEIGHT, -1), stride)
    elif layout == "UYVY":
        data = padded(np.dstack([cb, LUMA[:, 0::2], cr, LUMA[:, 1::2]]).reshape(HEIGHT, -1), stride)
    elif layout in ("NV12", "NV21"):
        data = padded(LUMA, stride) + padded(np.dstack([first, second]).reshape(HEIGHT // 2, -1), stride)
    else:
        data = padded(LUMA, stride) + padded(first, stride // 2) + padded(second, stride // 2)
    return np.frombuffer(data + bytes([PADDING]) * after, np.uint8), stride


@pytest.mark.parametrize("extra", [0, 8, 24])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_planes_come_out_without_the_padding(layout: str, extra: int):
    data, stride = buffer(layout, extra, after=13)
    luma, chroma = take_apart(layout, data, (WIDTH, HEIGHT), stride)
    assert np.array_equal(luma, LUMA)
    if layout == "GREY":
        assert chroma is None
        return
    rows = HEIGHT if layout in ("YUYV", "UYVY") else HEIGHT // 2
    assert chroma is not None
    assert np.array_equal(chroma[0], CB[:rows])
    assert np.array_equal(chroma[1], CR[:rows])
    assert all(plane.flags.c_contiguous for plane in (luma, *chroma))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_stride_means_no_padding(layout: str):
    data, _ = buffer(layout, 0)
    assert np.array_equal(take_apart(layout, data, (WIDTH, HEIGHT))[0], LUMA)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_buffer_of_any_shape_will_do(layout: str):
    data, stride = buffer(layout, 8)
    luma, _ = take_apart(layout, data.reshape(-1, 2), (WIDTH, HEIGHT), stride)
    assert np.array_equal(luma, LUMA)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_buffer_that_is_too_short_is_refused(layout: str):
    data, stride = buffer(layout, 0)
    with pytest.raises(ValueError, match=f"{data.size - 1} bytes, {data.size} are needed"):
        take_apart(layout, data[:-1], (WIDTH, HEIGHT), stride)
