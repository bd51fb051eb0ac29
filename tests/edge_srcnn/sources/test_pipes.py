"""YUV4MPEG2 through pipes: every frame as it is, and an end in time when nothing more comes."""

import os
import threading
from contextlib import contextmanager
from fractions import Fraction
from time import monotonic, sleep

import pytest

pytest.importorskip("av")

from edge_srcnn.errors import BadData, BadPicture, NoInput, SourceLost, UsageError
from edge_srcnn.sources import open_source
from tests.edge_srcnn.sources.frames import SOON_S, collect, moving, open_files, same_planes


def y4m(pictures, space="420jpeg", header="F25:1 Ip A1:1", tail=""):
    height, width = pictures[0][0].shape
    data = f"YUV4MPEG2 W{width} H{height} {header} C{space}{tail}\n".encode()
    return data + b"".join(b"FRAME\n" + b"".join(plane.tobytes() for plane in planes) for planes in pictures)


@pytest.fixture
def fifo(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@contextmanager
def writing(fifo, *parts, pause_s=0.0):
    """A thread that writes the parts into the FIFO, and keeps it open until the end where the last one is None."""
    done = threading.Event()

    def work():
        with open(fifo, "wb", buffering=0) as file:
            for part in parts:
                if part is None:
                    done.wait(60)
                    return
                try:
                    file.write(part)
                except BrokenPipeError:
                    return
                sleep(pause_s)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        with open(fifo, "rb+", buffering=0) as other:  # a writer that still waits for a reader goes on
            end = monotonic() + SOON_S
            while thread.is_alive() and monotonic() < end:
                if os.get_blocking(other.fileno()):
                    os.set_blocking(other.fileno(), False)
                other.read(1 << 20)
                thread.join(0.01)
        assert not thread.is_alive()


@pytest.mark.parametrize("scheme", ["y4m:", ""])
@pytest.mark.parametrize(
    ("space", "down", "across"), [("420jpeg", 2, 2), ("422", 1, 2), ("444", 1, 1), ("mono", None, None)]
)
def test_y4m_through_a_fifo_is_bit_exact(fifo, scheme, space, down, across):
    pictures = moving(5, 47, 63, down or 1, across or 1)
    if space == "mono":
        pictures = [planes[:1] for planes in pictures]
    with writing(fifo, y4m(pictures, space, "F30000:1001 Ip A1:1")):
        source = open_source(f"{scheme}{fifo}")
        assert (source.live, source.rate, source.stream_copy) == (False, Fraction(30000, 1001), None)
        frames = list(source)
    assert all(same_planes(frame, planes) for frame, planes in zip(frames, pictures, strict=True))
    assert [frame.time_s for frame in frames] == [pytest.approx(i * 1001 / 30000) for i in range(5)]


@pytest.mark.parametrize(("tail", "full"), [(" XCOLORRANGE=FULL", True), (" XCOLORRANGE=LIMITED", False)])
def test_the_range_of_y4m_is_read(fifo, tail, full):
    with writing(fifo, y4m(moving(2), tail=tail)):
        frames = list(open_source(f"y4m:{fifo}"))
    assert [frame.colour.full_range for frame in frames] == [full, full]


def test_y4m_in_small_pieces_with_pauses(fifo):
    pictures = moving(4)
    data = y4m(pictures)
    with writing(fifo, *(data[start : start + 1000] for start in range(0, len(data), 1000)), pause_s=0.01):
        frames = list(open_source(f"y4m:{fifo}?timeout=10"))
    assert all(same_planes(frame, planes) for frame, planes in zip(frames, pictures, strict=True))


def test_a_writer_may_come_late(fifo):
    pictures = moving(3)

    def late():
        sleep(0.5)
        fifo.write_bytes(y4m(pictures))

    thread = threading.Thread(target=late)
    thread.start()
    try:
        assert len(list(open_source(f"y4m:{fifo}?timeout=10"))) == 3
    finally:
        thread.join(SOON_S)


def test_a_fifo_that_nobody_writes_to_is_lost_in_time(fifo):
    began = monotonic()
    with pytest.raises(SourceLost, match="timeout=SECONDS"):
        open_source(f"y4m:{fifo}?timeout=0.5")
    assert 0.5 <= monotonic() - began < SOON_S


@pytest.mark.slow
def test_a_writer_that_stalls_is_lost_in_time_after_its_frames(fifo):
    pictures = moving(5)
    with writing(fifo, y4m(pictures), b"FRAME\nhalf a frame", None):
        source = open_source(f"y4m:{fifo}?timeout=0.7")
        began = monotonic()
        frames, error = collect(source)
        assert 0.5 <= monotonic() - began < SOON_S
    assert len(frames) == 5
    assert isinstance(error, SourceLost)
    assert "no frame came within the time limit" in str(error)


def test_a_writer_that_ends_within_a_frame_loses_only_that_one(fifo):
    pictures = moving(5)
    with writing(fifo, y4m(pictures)[:-1000]):
        frames, error = collect(open_source(f"y4m:{fifo}?timeout=5"))
    assert (len(frames), error) == (4, None)
    assert all(same_planes(frame, planes) for frame, planes in zip(frames, pictures[:4], strict=True))


def test_what_is_no_y4m_is_said(fifo):
    with writing(fifo, b"This is no video.\n" * 100), pytest.raises(BadData):
        open_source(f"y4m:{fifo}?timeout=2")


def test_a_pipe_that_waits_can_be_closed_from_another_thread(fifo):
    with writing(fifo, y4m(moving(5)), None):
        source = open_source(f"y4m:{fifo}?timeout=60")
        timer = threading.Timer(0.5, source.wake)
        timer.start()
        began = monotonic()
        frames, error = collect(source)
        assert monotonic() - began < SOON_S
        timer.join()
    assert (len(frames), error) == (5, None)


def test_no_pipe_stays_open(fifo):
    with writing(fifo, y4m(moving(3))):
        source = open_source(f"y4m:{fifo}?timeout=5")
        list(source)
        source.close()
    assert str(fifo) not in open_files()


@pytest.mark.parametrize(
    ("name", "error"), [("y4m:none", NoInput), ("y4m:.", NoInput), ("y4m:x?transport=x", UsageError)]
)
def test_pipes_that_are_none(tmp_path, monkeypatch, name, error):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error) as raised:
        open_source(name)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("pieces", [1, 7])
def test_a_picture_with_too_many_pixels_is_refused_by_its_head(fifo, pieces):
    head = b"YUV4MPEG2 W16000 H16000 F25:1 C420jpeg\nFRAME\n"
    with (
        writing(
            fifo,
            *(head[at : at + 1 + len(head) // pieces] for at in range(0, len(head), 1 + len(head) // pieces)),
            None,
        ),
        pytest.raises(BadPicture, match=r"16000x16000 pixels, more than max_pixels=24000000 allows"),
    ):
        open_source(f"y4m:{fifo}?timeout=10")
    pictures = moving(2)
    with writing(fifo, y4m(pictures)):
        assert len(list(open_source(f"y4m:{fifo}?timeout=5&max_pixels=3072"))) == 2
    with writing(fifo, y4m(pictures)), pytest.raises(BadPicture):
        open_source(f"y4m:{fifo}?timeout=5&max_pixels=3071")


def test_a_y4m_file_is_a_video(tmp_path):
    pictures = moving(4)
    (tmp_path / "clip.y4m").write_bytes(y4m(pictures))
    for name in (str(tmp_path / "clip.y4m"), f"y4m:{tmp_path / 'clip.y4m'}"):
        frames = list(open_source(name))
        assert all(same_planes(frame, planes) for frame, planes in zip(frames, pictures, strict=True))
