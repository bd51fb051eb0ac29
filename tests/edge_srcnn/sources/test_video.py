"""Videos, pipes and network cameras: every frame as it is, and an end in time when nothing more comes."""

import io
import os
import socket
import struct
import threading
from contextlib import contextmanager
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic, sleep

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("av")

from edge_srcnn import pipeline as pipeline_module
from edge_srcnn.errors import BadData, NoInput, SourceLost, UsageError
from edge_srcnn.frame import Colour
from edge_srcnn.loading import load_model
from edge_srcnn.pipeline import Pipeline
from edge_srcnn.sinks.null import NullSink
from edge_srcnn.sources import open_source
from tests.edge_srcnn.clips import decode, encode, flat

SOON_S = 15


def moving(count, height=48, width=64, down=2, across=2):
    """Frames whose luma begins with their number."""
    rng = np.random.default_rng(0)
    coarse = (-(-height // down), -(-width // across))
    shapes = ((height, width), coarse, coarse)
    pictures = [tuple(rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes) for _ in range(count)]
    for number, (luma, *_) in enumerate(pictures):
        luma[0, 0] = number
    return pictures


def same_planes(frame, planes):
    ours = (frame.luma, *(frame.chroma or ()))
    return len(ours) == len(planes) and all((a == b).all() for a, b in zip(ours, planes, strict=True))


def collect(source):
    """All frames until the end, and what was raised then."""
    frames = []
    try:
        for frame in source:
            frames.append(frame)
    except Exception as error:
        return frames, error
    return frames, None


# ---- files


@pytest.mark.parametrize(("name", "down", "across"), [("yuv420p", 2, 2), ("yuv422p", 1, 2), ("yuv444p", 1, 1)])
def test_every_frame_of_a_file_comes_as_it_is(tmp_path, name, down, across):
    pictures = moving(12, 48, 64, down, across)
    path = encode(tmp_path / "clip.mp4", pictures, format=name, tags=(1, 1, 1, 1), rate=Fraction(30000, 1001))
    source = open_source(str(path))
    assert (source.live, source.rate, source.frames) == (False, Fraction(30000, 1001), 12)
    assert source.companion == str(path)
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
    assert frame.subsampling in ((1, 1), (1, 2), (2, 2))
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


def open_files():
    names = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            names.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        except OSError:
            continue
    return names


def test_a_missing_file():
    with pytest.raises(NoInput, match=r"none\.mp4: there is no such file"):
        open_source("none.mp4")


@pytest.mark.parametrize("content", [b"This is no video.\n" * 100, b"", b"\0" * 5000])
def test_a_file_that_is_no_video(tmp_path, content):
    (tmp_path / "text.mp4").write_bytes(content)
    with pytest.raises(BadData, match=r"text\.mp4") as raised:
        open_source(str(tmp_path / "text.mp4"))
    assert "\n" not in str(raised.value)


def test_sound_without_pictures(tmp_path):
    import av

    with av.open(str(tmp_path / "sound.m4a"), "w") as output:
        stream = output.add_stream("aac", rate=48000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), "s16", "mono")
        frame.sample_rate = 48000
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with pytest.raises(BadData, match="holds no video"):
        open_source(f"video:{tmp_path / 'sound.m4a'}")


def test_a_codec_that_nobody_knows(tmp_path):
    path = encode(tmp_path / "clip.mp4", moving(3))
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    with pytest.raises(BadData, match=r"clip\.mp4"):
        list(open_source(str(path)))


def cut(path, share=0.6):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


@pytest.mark.parametrize(
    ("name", "options"),
    [("clip.mp4", {"movflags": "faststart"}), ("clip.mkv", {}), ("clip.avi", {})],
    ids=["mp4", "mkv", "avi"],
)
def test_a_file_that_was_cut_off_is_not_taken_for_a_whole_one(tmp_path, name, options):
    pictures = moving(100)
    path = cut(
        encode(tmp_path / name, pictures, container=options, options={"preset": "ultrafast", "qp": "0", "bf": "0"})
    )
    frames, error = collect(open_source(str(path)))
    # six tenths of the bytes are about six tenths of the frames; those that are there are given
    assert 50 <= len(frames) <= 65
    assert all(same_planes(frame, planes) for frame, planes in zip(frames[:-1], pictures, strict=False))
    assert isinstance(error, (SourceLost, BadData)), error
    assert name in str(error)
    assert "\n" not in str(error)


def test_a_file_without_its_index_cannot_be_opened(tmp_path):
    path = cut(encode(tmp_path / "clip.mp4", moving(50)))  # the index is at the end
    with pytest.raises(BadData, match=r"clip\.mp4"):
        open_source(str(path))


def test_a_file_that_is_damaged_in_the_middle_is_not_taken_for_a_whole_one(tmp_path):
    path = encode(tmp_path / "clip.mp4", moving(60))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 60_000] = np.random.default_rng(1).integers(0, 256, 60_000, dtype=np.uint8).tobytes()
    path.write_bytes(data)
    frames, error = collect(open_source(str(path)))
    assert len(frames) >= 20
    assert isinstance(error, (SourceLost, BadData)), (len(frames), error)


# ---- pipes


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
        assert (source.live, source.rate, source.companion) == (False, Fraction(30000, 1001), None)
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
    assert len(frames) == 4
    assert error is None or isinstance(error, SourceLost)


def test_what_is_no_y4m_is_said(fifo):
    with writing(fifo, b"This is no video.\n" * 100), pytest.raises(BadData):
        open_source(f"y4m:{fifo}?timeout=2")


def test_a_pipe_that_waits_can_be_closed_from_another_thread(fifo):
    with writing(fifo, y4m(moving(5)), None):
        source = open_source(f"y4m:{fifo}?timeout=60")
        timer = threading.Timer(0.5, source.close)
        timer.start()
        began = monotonic()
        frames, error = collect(source)
        assert monotonic() - began < SOON_S
        timer.join()
    assert error is None
    assert len(frames) <= 5


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


def test_a_y4m_file_is_a_video(tmp_path):
    pictures = moving(4)
    (tmp_path / "clip.y4m").write_bytes(y4m(pictures))
    for name in (str(tmp_path / "clip.y4m"), f"y4m:{tmp_path / 'clip.y4m'}"):
        frames = list(open_source(name))
        assert all(same_planes(frame, planes) for frame, planes in zip(frames, pictures, strict=True))


# ---- network cameras


def jpeg(level):
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), (level, level, level)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


class Camera(BaseHTTPRequestHandler):
    """MJPEG as cameras serve it; the path says what becomes of it after so many frames."""

    def do_GET(self):
        what, _, count = self.path.strip("/").partition("/")
        if what == "none":
            self.send_error(404)
            return
        if what == "silent":
            self.server.ended.wait(60)
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        number = 0
        while not self.server.ended.is_set() and (what == "works" or number < int(count)):
            data = jpeg(number % 200)
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n".encode()
            try:
                self.wfile.write(head + data + b"\r\n")
            except OSError:
                return
            number += 1
            self.server.ended.wait(0.01)
        if what == "pauses":
            self.server.ended.wait(60)
        elif what == "stalls":
            self.wfile.write(head + data[: len(data) // 2])
            self.server.ended.wait(60)
        elif what == "breaks":
            self.wfile.write(head + data[: len(data) // 2])

    def log_message(self, *_):
        pass


@pytest.fixture
def camera():
    """The address of a camera: ``{camera}/works``, ``/stalls/40``, ``/drops/40``, ``/silent``, ``/none``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    server.daemon_threads = False  # closing waits for them
    server.ended = threading.Event()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.ended.set()
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_network_camera_is_live_and_its_frames_come_in_order(camera):
    source = open_source(f"{camera}/works#timeout=10")
    assert (source.live, source.frames, source.companion) == (True, None, None)
    frames = []
    for frame in source:
        frames.append(frame)
        if len(frames) == 100:
            source.close()
    assert len(frames) <= 101
    numbers = [frame.index for frame in frames]  # those that a newer one overtook are left out
    assert numbers == sorted(set(numbers))
    levels = [int(frame.luma[24, 32]) for frame in frames]
    assert levels == pytest.approx([number % 200 for number in numbers], abs=2)
    assert frames[0].colour.full_range is True
    assert all(frame.captured_s <= monotonic() for frame in frames)


def test_who_waits_for_a_silent_camera_can_leave_at_once(camera):
    source = open_source(f"{camera}/pauses/60#timeout=5")
    began = []

    def leave():
        sleep(1)
        began.append(monotonic())
        source.close()

    thread = threading.Thread(target=leave)
    thread.start()
    assert len(list(source)) <= 60
    assert monotonic() - began[0] < 1
    thread.join()


@pytest.mark.parametrize("what", ["pauses", "stalls"])  # between two frames, and within one
def test_a_camera_that_stalls_is_lost_in_time_after_its_frames(camera, what):
    source = open_source(f"{camera}/{what}/60#timeout=1")
    began = monotonic()
    frames, error = collect(source)
    assert monotonic() - began < SOON_S
    assert frames[-1].index >= 57
    assert isinstance(error, SourceLost)
    if what == "pauses":
        assert "no frame came within the time limit" in str(error)


@pytest.mark.parametrize("what", ["drops", "breaks"])
def test_a_camera_that_drops_the_connection_is_lost(camera, what):
    began = monotonic()
    frames, error = collect(open_source(f"{camera}/{what}/60#timeout=3"))
    assert monotonic() - began < SOON_S
    assert frames[-1].index >= 57
    assert isinstance(error, SourceLost)


def test_a_camera_can_be_closed_from_another_thread(camera):
    source = open_source(f"{camera}/works#timeout=10")
    frames = []
    thread = threading.Thread(target=lambda: frames.extend(source))
    thread.start()
    sleep(0.3)
    began = monotonic()
    source.close()
    thread.join(SOON_S)
    assert not thread.is_alive()
    assert monotonic() - began < 5
    assert frames


def test_a_camera_that_stalls_can_be_closed_and_ends_in_time_without_an_error(camera):
    source = open_source(f"{camera}/pauses/60#timeout=2")
    ended = []
    thread = threading.Thread(target=lambda: ended.append(collect(source)))
    thread.start()
    sleep(1)
    source.close()
    thread.join(SOON_S)
    assert not thread.is_alive()
    assert ended[0][1] is None


def test_a_pipeline_on_a_camera_that_stalls_can_be_stopped_long_before_the_time_limit(camera, monkeypatch):
    # systemd and Ctrl-C do not wait for a camera
    monkeypatch.setattr(pipeline_module, "_CLOSE_S", 1.0)
    sink = NullSink()
    with load_model(engine="bicubic") as upscaler:
        pipeline = Pipeline(open_source(f"{camera}/pauses/60#timeout=20"), upscaler, [sink])
        thread = threading.Thread(target=pipeline.run)
        thread.start()
        end = monotonic() + SOON_S
        while sink.written < 5 and monotonic() < end:
            sleep(0.01)
        sleep(1)
        pipeline.stop()
        thread.join(10)
        ended = not thread.is_alive()
        thread.join(40)
    assert sink.written >= 5
    assert ended


@pytest.mark.parametrize("what", ["none", "silent"])
def test_a_camera_that_gives_nothing_is_lost_in_time(camera, what):
    began = monotonic()
    with pytest.raises(SourceLost) as raised:
        open_source(f"{camera}/{what}#timeout=0.7")
    assert monotonic() - began < SOON_S
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_an_address_where_nobody_listens_is_lost(scheme):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = monotonic()
    with pytest.raises(SourceLost) as raised:
        open_source(f"{scheme}://127.0.0.1:{port}/stream#timeout=2")
    assert monotonic() - began < SOON_S
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_server_that_says_nothing_is_lost_in_time(scheme):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        began = monotonic()
        with pytest.raises(SourceLost, match="does not answer within the time limit"):
            open_source(f"{scheme}://127.0.0.1:{server.getsockname()[1]}/stream#timeout=0.7")
        assert 0.5 <= monotonic() - began < SOON_S


def test_options_of_network_cameras_follow_a_hash():
    with pytest.raises(UsageError, match="tcp, udp"):
        open_source("rtsp://127.0.0.1/x#transport=pigeon")
    with pytest.raises(UsageError, match="timeout, transport"):
        open_source("http://127.0.0.1/x#speed=1")


def test_decode_is_the_reference(tmp_path):
    # what the helper reads is what was encoded: the tests above stand on it
    pictures = moving(3)
    assert len(decode(encode(tmp_path / "clip.mp4", pictures))) == 3
