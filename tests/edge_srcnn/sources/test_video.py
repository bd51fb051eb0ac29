"""Video files: every frame as it is, in its time and upright; and no file stays open."""

import struct
from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("av")

from edge_srcnn.imaging.frame import Colour
from edge_srcnn.sources import open_source
from tests.edge_srcnn.clips import decode, encode, flat
from tests.edge_srcnn.sources.frames import moving, open_files, same_planes


@pytest.mark.parametrize(("name", "down", "across"), [("yuv420p", 2, 2), ("yuv422p", 1, 2), ("yuv444p", 1, 1)])
def test_every_frame_of_a_file_comes_as_it_is(tmp_path, name, down, across):
    pictures = moving(12, 48, 64, down, across)
    path = encode(tmp_path / "clip.mp4", pictures, format=name, tags=(1, 1, 1, 1), rate=Fraction(30000, 1001))
    source = open_source(str(path))
    assert (source.live, source.rate, source.frames) == (False, Fraction(30000, 1001), 12)
    assert source.stream_copy == str(path)
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(12))
    assert [frame.time_s for frame in frames] == [pytest.approx(i * 1001 / 30000, abs=1e-4) for i in range(12)]
    assert all(same_planes(frame, planes) for frame, planes in zip(frames, pictures, strict=True))
    assert {frame.colour for frame in frames} == {Colour(False, 1, 1, 1)}


@pytest.mark.parametrize("size", [(47, 63), (1, 1), (33, 200)])
def test_odd_sizes(tmp_path, size):
    pictures = moving(3, *size)
    frames = list(open_source(str(encode(tmp_path / "clip.mkv", pictures, codec="ffv1", options={}))))
    assert all(same_planes(frame, planes) for frame, planes in zip(frames, pictures, strict=True))


def test_grey(tmp_path):
    pictures = [planes[:1] for planes in moving(3)]
    frames = list(open_source(str(encode(tmp_path / "clip.mkv", pictures, format="gray", codec="ffv1", options={}))))
    assert all(same_planes(frame, planes) for frame, planes in zip(frames, pictures, strict=True))


def test_times_start_at_zero_and_are_those_of_the_file(tmp_path):
    times = [10, 11, 14, 15, 40]
    path = encode(tmp_path / "clip.mkv", moving(5), times=times)
    frames = list(open_source(str(path)))
    assert [frame.time_s for frame in frames] == [pytest.approx((t - 10) / 25, abs=2e-3) for t in times]


def test_frames_that_are_stored_out_of_order_come_in_order(tmp_path):
    pictures = moving(30)
    path = encode(tmp_path / "clip.mp4", pictures, options={"preset": "fast", "qp": "0", "bf": "3"})
    assert [int(frame.luma[0, 0]) for frame in open_source(str(path))] == list(range(30))


def with_matrix(path, matrix):
    """Write the display matrix into the track header (ISO/IEC 14496-12, 8.3.2): 36 bytes before width and height."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd")
    (size,) = struct.unpack(">I", data[start - 4 : start])
    end = start - 4 + size
    a, b, c, d = (value << 16 for value in matrix)
    data[end - 44 : end - 8] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


# x' = a x + c y and y' = b x + d y, with y downwards; and how that turns a plane
TURNS = {
    "upright": ((1, 0, 0, 1), lambda plane: plane),
    "clockwise": ((0, 1, -1, 0), lambda plane: np.rot90(plane, -1)),
    "upside-down": ((-1, 0, 0, -1), lambda plane: np.rot90(plane, 2)),
    "anticlockwise": ((0, -1, 1, 0), lambda plane: np.rot90(plane, 1)),
}


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize(("name", "down", "across"), [("yuv420p", 2, 2), ("yuv444p", 1, 1)])
def test_a_phone_that_was_held_sideways(tmp_path, turn, name, down, across):
    matrix, turned = TURNS[turn]
    pictures = moving(2, 48, 64, down, across)
    path = with_matrix(encode(tmp_path / "clip.mp4", pictures, format=name), matrix)
    frames = list(open_source(str(path)))
    assert len(frames) == 2
    for frame, planes in zip(frames, pictures, strict=True):
        assert same_planes(frame, tuple(map(turned, planes)))


def test_422_on_its_side_keeps_its_colours(tmp_path):
    planes = flat((90, 100, 200), 48, 64, 1, 2)
    path = with_matrix(encode(tmp_path / "clip.mp4", [planes], format="yuv422p"), TURNS["clockwise"][0])
    (frame,) = open_source(str(path))
    assert frame.size == (48, 64)
    assert frame.subsampling == (1, 1)  # half across is half down now, which no plane layout of ours has
    assert (frame.chroma[0] == 100).all()
    assert (frame.chroma[1] == 200).all()


def test_the_scheme_can_be_said(tmp_path):
    path = encode(tmp_path / "clip.mp4", moving(3))
    assert len(list(open_source(f"video:{path}"))) == 3


def test_closing_ends_it_at_the_next_frame(tmp_path):
    source = open_source(str(encode(tmp_path / "clip.mp4", moving(50))))
    frames = iter(source)
    next(frames)
    source.close()
    source.close()
    assert len(list(frames)) <= 1


def test_no_file_stays_open(tmp_path):
    path = encode(tmp_path / "clip.mp4", moving(3))
    for iterations in (0, 1, 3):
        source = open_source(str(path))
        frames = iter(source)
        for _ in range(iterations):
            next(frames)
        source.close()
        list(frames)
        assert str(path) not in open_files()


def test_decode_is_the_reference(tmp_path):
    # what the helper reads is what was encoded: the tests above stand on it
    pictures = moving(3)
    assert len(decode(encode(tmp_path / "clip.mp4", pictures))) == 3
