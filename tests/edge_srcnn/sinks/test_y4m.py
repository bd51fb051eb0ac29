"""YUV4MPEG2 as yuv4mpeg(5) of mjpegtools has it: a header, then FRAME and the planes as they are."""

import os
import threading
from fractions import Fraction

import numpy as np
import pytest

from edge_srcnn.errors import CannotWrite
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.sinks import Result, Stream, open_sink, y4m


def frame_of(planes, full=True, index=0):
    chroma = None if len(planes) == 1 else (planes[1], planes[2])
    return Frame(planes[0], chroma, Colour(full), index, index / 25, 0.0)


def result_of(frame):
    return Result(frame, frame, 2)


def stream(rate):
    return Stream(rate, None, None, lambda: None)


def random_planes(height, width, down=2, across=2, seed=0):
    rng = np.random.default_rng(seed)
    coarse = (-(-height // down), -(-width // across))
    return tuple(rng.integers(0, 256, shape, dtype=np.uint8) for shape in ((height, width), coarse, coarse))


def written(path, frames, rate=Fraction(25)):
    sink = open_sink(f"y4m:{path}")
    sink.begin(stream(rate))
    for frame in frames:
        sink.write(result_of(frame))
    sink.close()
    return path.read_bytes()


@pytest.mark.parametrize(("space", "down", "across"), [("C420jpeg", 2, 2), ("C422", 1, 2), ("C444", 1, 1)])
@pytest.mark.parametrize("size", [(48, 64), (47, 63), (2, 2)])
def test_header_and_planes(tmp_path, space, down, across, size):
    height, width = size
    pictures = [random_planes(height, width, down, across, seed) for seed in range(3)]
    data = written(tmp_path / "out.y4m", map(frame_of, pictures), Fraction(30000, 1001))
    header, _, rest = data.partition(b"\n")
    words = header.decode().split(" ")
    assert words[0] == "YUV4MPEG2"
    assert set(words[1:]) == {f"W{width}", f"H{height}", "F30000:1001", "Ip", "A1:1", space, "XCOLORRANGE=FULL"}
    assert rest == b"".join(b"FRAME\n" + b"".join(plane.tobytes() for plane in planes) for planes in pictures)


def test_grey(tmp_path):
    luma = random_planes(47, 63)[:1]
    header, _, rest = written(tmp_path / "out.y4m", [frame_of(luma)]).partition(b"\n")
    assert b" Cmono" in header
    assert rest == b"FRAME\n" + luma[0].tobytes()


@pytest.mark.parametrize(("full", "word"), [(True, b"FULL"), (False, b"LIMITED"), (None, b"LIMITED")])
def test_the_range_is_said_as_players_would_take_it(tmp_path, full, word):
    data = written(tmp_path / "out.y4m", [frame_of(random_planes(2, 2), full)])
    assert b" XCOLORRANGE=" + word + b"\n" in data


def test_an_unknown_rate_is_25(tmp_path):
    assert b" F25:1 " in written(tmp_path / "out.y4m", [frame_of(random_planes(2, 2))], None)


def test_planes_that_are_no_piece_of_memory(tmp_path):
    planes = tuple(plane[::2, ::2] for plane in random_planes(96, 128))
    data = written(tmp_path / "out.y4m", [frame_of(planes)])
    assert data.endswith(b"".join(np.ascontiguousarray(plane).tobytes() for plane in planes))


def test_without_a_frame_the_file_is_empty(tmp_path):
    assert written(tmp_path / "out.y4m", []) == b""


@pytest.mark.parametrize("other", [(46, 64), (48, 62)])
def test_a_change_of_size_is_refused(tmp_path, other):
    sink = open_sink(f"y4m:{tmp_path / 'out.y4m'}")
    sink.begin(stream(None))
    sink.write(result_of(frame_of(random_planes(48, 64))))
    try:
        with pytest.raises(CannotWrite, match="size changed"):
            sink.write(result_of(frame_of(random_planes(*other))))
        with pytest.raises(CannotWrite, match="size changed"):
            sink.write(result_of(frame_of(random_planes(48, 64)[:1])))
    finally:
        sink.close()
        sink.close()


def test_through_a_fifo_each_frame_arrives_when_it_is_written(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # there is a reader, so that the sink does not wait for one
    sink = open_sink(f"y4m:{path}")
    os.set_blocking(descriptor, True)
    sink.begin(stream(Fraction(25)))
    with open(descriptor, "rb", buffering=0) as reader:
        for seed in range(3):
            planes = random_planes(48, 64, seed=seed)
            sink.write(result_of(frame_of(planes, index=seed)))
            expected = b"FRAME\n" + b"".join(plane.tobytes() for plane in planes)
            if seed == 0:
                header = b""
                while not header.endswith(b"\n"):
                    header += reader.read(1)
            data = b""
            while len(data) < len(expected):
                data += reader.read(len(expected) - len(data))
            assert data == expected
        sink.close()
        assert reader.read(1) == b""


def test_a_reader_may_come_a_little_later_but_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    late = threading.Timer(0.3, lambda: readers.append(os.open(path, os.O_RDONLY | os.O_NONBLOCK)))
    readers = []
    late.start()
    sink = open_sink(f"y4m:{path}")
    late.join()
    sink.close()
    os.close(readers[0])
    monkeypatch.setattr(y4m, "PATIENCE_S", 0.1)
    with pytest.raises(CannotWrite, match=r"pipe: nobody reads it; start the program that does$"):
        open_sink(f"y4m:{path}")


def test_a_reader_that_is_gone_is_one_line(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    sink = open_sink(f"y4m:{path}")
    sink.begin(stream(None))
    os.close(reader)
    with pytest.raises(CannotWrite, match="the program that reads it is gone") as raised:
        sink.write(result_of(frame_of(random_planes(48, 64))))
    assert "\n" not in str(raised.value)
    try:
        sink.close()
    except CannotWrite as error:
        assert "\n" not in str(error)


def test_a_full_disk_is_one_line(small_disk):
    sink = open_sink(f"y4m:{small_disk / 'out.y4m'}")
    sink.begin(stream(None))
    with pytest.raises(CannotWrite, match="No space left") as raised:
        for _ in range(100):
            sink.write(result_of(frame_of(random_planes(48, 64))))
    assert "\n" not in str(raised.value)
    try:
        sink.close()
    except CannotWrite as error:
        assert "\n" not in str(error)
