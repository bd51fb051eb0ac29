"""The markers of JPEG files: where a picture ends, how large it is, and what shows that its scan is cut off."""

import io

import numpy as np
import pytest
from PIL import Image

from edge_srcnn.imaging.jpeg import JpegWalk, jpeg_size, sealed
from edge_srcnn.sources.camera import JpegDecoder

KINDS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "own tables": {"optimize": True},
    "4:4:4": {"subsampling": 0},
    "4:2:2": {"subsampling": 1},
    "comment": {"comment": b"\xff\xd9 is no end here \xff\xd8"},
}
CONTENTS = ("noise", "blocks", "flat", "grey")


def picture(content, **options):
    rng = np.random.default_rng(0)
    pixels = {
        "noise": lambda: rng.integers(0, 256, (72, 100, 3)),
        "blocks": lambda: np.kron(rng.integers(0, 256, (9, 12, 3)), np.ones((8, 8, 1))),
        "flat": lambda: np.full((72, 96, 3), (90, 80, 70)),
        "grey": lambda: rng.integers(0, 256, (73, 91)),
    }[content]()
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(buffer, "JPEG", quality=80, **options)
    return buffer.getvalue(), pixels.shape[1::-1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", CONTENTS)
def test_end_and_size_are_found_however_the_bytes_come(content, kind):
    data, size = picture(content, **KINDS[kind])
    for step in (1, 100, len(data)):
        walk, buffer, ends = JpegWalk(), b"", []
        for at in range(0, len(data), step):
            buffer = data[: at + step]
            ends.append(walk.end(buffer))
        assert ends[-1] == len(data) and set(ends[:-1]) <= {None}
        assert walk.size == size
    assert jpeg_size(data) == jpeg_size(data[:700]) == size
    assert JpegWalk().end(data + b"anything \xff\xd9") == len(data)


@pytest.mark.parametrize(
    "data",
    [b"\xff\xd8no marker", b"\xff\xd8\xff\x00", b"\xff\xd8\xff\xe0\0\1", b"\xff\xd8\xff\xd8", b"GIF89a", b"\0\0"],
)
def test_what_is_no_jpeg_is_said_to_be_none(data):
    with pytest.raises(ValueError, match="at byte"):
        JpegWalk().end(data)
    assert jpeg_size(data) is None
    assert sealed(data) == data


def decodes(data):
    return JpegDecoder().decode(data) is not None


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "progressive"])
@pytest.mark.parametrize("content", CONTENTS)
def test_a_scan_that_is_cut_off_is_found_whether_or_not_the_end_is_there(content, kind):
    pytest.importorskip("av")
    data, _ = picture(content, **KINDS[kind])
    assert decodes(data) and decodes(data + bytes(99)) and decodes(data[:-2])  # only the two bytes of its end
    scan = len(data) - data.rindex(b"\xff\xda")
    for count in {2, 3, 5, 20, 100, 1000, scan // 2}:
        if count < scan - 20:
            assert not decodes(data[: -2 - count])
            assert not decodes(data[: -2 - count] + b"\xff\xd9")
            assert not decodes(data[: -2 - count] + bytes(50))


def test_a_seal_changes_no_pixel():
    pytest.importorskip("av")
    from av import CodecContext, Packet

    for content in CONTENTS:
        for options in KINDS.values():
            data, _ = picture(content, **options)
            planes = JpegDecoder().decode(data)
            (frame,) = CodecContext.create("mjpeg", "r").decode(Packet(data))
            luma = frame.planes[0]
            rows = np.frombuffer(luma, np.uint8).reshape(-1, luma.line_size)
            assert np.array_equal(planes[0], rows[: frame.height, : frame.width])


def test_pictures_of_two_fields_stay_as_they_are():
    one, _ = picture("blocks")
    assert sealed(one + one) == one + one
