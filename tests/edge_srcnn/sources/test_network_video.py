"""Video from the network that is no MJPEG: times of any kind, damage on the way, and pictures that are too large."""

import io
import logging
import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import pairwise
from time import monotonic

import numpy as np
import pytest

pytest.importorskip("av")

import av

from edge_srcnn.errors import BadPicture, SourceLost
from edge_srcnn.sinks import Result, Stream, open_sink
from edge_srcnn.sources import open_source
from tests.edge_srcnn.sources.frames import SOON_S, collect
from tests.edge_srcnn.sources.raw_server import serving

pytestmark = pytest.mark.slow

FPS, SECONDS, HOUR_S = 25, 6, 3600
HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n"


class Written(io.RawIOBase):
    """Collects what a muxer writes, to be taken piece by piece."""

    def __init__(self):
        self.data = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.data += data
        return len(data)

    def take(self):
        data, self.data = bytes(self.data), bytearray()
        return data


def pictures(size=(64, 48), count=FPS * SECONDS):
    for number in range(count):
        level = 40 + number % 150
        picture = av.VideoFrame.from_ndarray(np.full((size[1] * 3 // 2, size[0]), level, np.uint8), format="yuv420p")
        picture.pts = number
        yield picture


def muxed(change=lambda s: s, *, codec="libx264", size=(64, 48), count=FPS * SECONDS, format="mpegts", options=None):
    """A stream in pieces, one for each picture; ``change`` says what becomes of each time, in seconds."""
    target = Written()
    pieces = []
    with av.open(target, "w", format=format, options={"flush_packets": "1"}) as container:
        stream = container.add_stream(codec, rate=FPS, options=options or {"preset": "ultrafast", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.gop_size = 10
        packets = [packet for picture in pictures(size, count) for packet in stream.encode(picture)]
        for packet in [*packets, *stream.encode(None)]:
            apart = packet.pts - packet.dts
            at = change(float(packet.dts * packet.time_base))
            packet.dts = round((at + 10) / packet.time_base)
            packet.pts = packet.dts + apart
            container.mux(packet)
            pieces.append(target.take())
    return [*pieces, target.take()]


def timed(change):
    """As ``muxed``, but of times that no muxer would write: they are changed in the packets of MPEG-TS afterwards."""
    return [rewritten(piece, change) for piece in muxed()]


def rewritten(piece, change):
    """Change PTS and DTS (ISO/IEC 13818-1, 2.4.3.7), and leave out the clock references."""
    data = bytearray(piece)
    for at in range(0, len(data), 188):
        adaptation = data[at + 3] & 0x20
        begin = at + 4 + (1 + data[at + 4] if adaptation else 0)
        if adaptation and data[at + 4]:
            data[at + 5] &= ~0x10  # no PCR
        if data[at + 1] & 0x40 and data[begin : begin + 3] == b"\0\0\1":
            kinds = data[begin + 7] >> 6
            for field in range({0: 0, 2: 1, 3: 2}[kinds]):
                where = begin + 9 + 5 * field
                data[where : where + 5] = stamp(data[where : where + 5], change)
    return bytes(data)


def stamp(five, change):
    ticks = (five[0] >> 1 & 7) << 30 | five[1] << 22 | five[2] >> 1 << 15 | five[3] << 7 | five[4] >> 1
    new = round(change(ticks / 90_000) * 90_000) % 2**33
    return bytes(
        [
            five[0] & 0xF0 | (new >> 30 & 7) << 1 | 1,
            new >> 22 & 0xFF,
            (new >> 15 & 0x7F) << 1 | 1,
            new >> 7 & 0xFF,
            (new & 0x7F) << 1 | 1,
        ]
    )


def paced(pieces, *, speed=1.0):
    """A camera that sends a piece when its picture is due."""

    def camera(client):
        client.send(HEAD)
        began = monotonic()
        for number, piece in enumerate(pieces):
            client.wait(max(began + number / FPS / speed - monotonic(), 0))
            client.send(piece)

    return camera


BEGIN_S = 11.4  # of the streams, more or less
TIMES = {
    "good": lambda s: s,
    "an hour ahead": lambda s: s + HOUR_S * (s > BEGIN_S + 2),
    "an hour back": lambda s: s + 2 * HOUR_S - HOUR_S * (s > BEGIN_S + 2),
    "two seconds back again and again": lambda s: s + 500 - 2 * int((s - BEGIN_S) // 1),
    "stand still": lambda s: min(s, BEGIN_S + 2),
    "ten times too fast": lambda s: s * 10,
    "begin anew": lambda s: s % 3,
}


def record(change, folder):
    """What comes of a stream, and its recordings."""
    sink = open_sink(f"{folder}/day.mkv?segment=2&codec=mjpeg")
    sink.begin(Stream(None, None, None, lambda: None))
    frames = []
    with serving(paced(timed(change))) as host:
        source = open_source(f"http://{host}/live.ts")
        assert source.live
        for frame in iterate(source):
            frames.append(frame)
            sink.write(Result(frame, frame, 1))
    sink.close()
    return host, frames


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """All of them at the same time, since they take theirs; and what was logged."""
    folders = {name: tmp_path_factory.mktemp("recorded") for name in TIMES}
    said, handler = [], logging.Handler(logging.WARNING)
    handler.emit = lambda record: said.append(record.getMessage())
    logging.getLogger("edge_srcnn").addHandler(handler)
    try:
        with ThreadPoolExecutor(len(TIMES)) as pool:
            running = {name: pool.submit(record, change, folders[name]) for name, change in TIMES.items()}
            yield {name: (*each.result(), folders[name]) for name, each in running.items()}, said
    finally:
        logging.getLogger("edge_srcnn").removeHandler(handler)


@pytest.mark.parametrize("name", TIMES)
def test_recordings_are_as_long_as_they_took_whatever_the_stream_says(name, recorded):
    found, said = recorded
    host, frames, folder = found[name]
    times = [frame.time_s for frame in frames]
    assert all(before < after for before, after in pairwise(times))
    took_s = frames[-1].captured_s - frames[0].captured_s
    assert len(frames) >= FPS * SECONDS - 30  # what came while it was opened is not lost
    assert times[-1] == pytest.approx(took_s, abs=2)
    segments = sorted(folder.glob("day-*.mkv"))
    assert len(segments) in (2, 3, 4)
    warnings = [text for text in said if host in text and "timed by their arrival" in text]
    assert len(warnings) == (name != "good")


def iterate(source):
    try:
        while True:
            yield source.read()
    except SourceLost as error:
        assert "ended" in str(error)
    finally:
        source.close()


def test_damage_on_the_way_costs_pictures_but_not_the_stream():
    pieces = muxed(count=100, size=(320, 240), options={"preset": "ultrafast", "bf": "0"})
    rng = random.Random(5)
    damaged = []
    for number, piece in enumerate(pieces):
        packets = [piece[at : at + 188] for at in range(0, len(piece), 188)]
        if number % 12 == 6 and len(packets) > 1:
            packets = [p if rng.random() < 0.5 else p[:20] + os.urandom(168) for p in packets]
        damaged.append(b"".join(packets))

    def camera(client):
        client.send(HEAD + b"".join(damaged))

    with serving(camera) as host:
        frames, error = collect(open_source(f"http://{host}/live.ts"))
    assert isinstance(error, SourceLost) and "ended" in str(error)
    assert 30 < len(frames) <= 100


def test_a_frame_that_ffmpeg_cannot_decode_yet_costs_a_frame_not_the_connection(monkeypatch):
    from edge_srcnn.sources.network_video import NetworkVideo

    pieces = muxed(count=40)
    real, calls = NetworkVideo._decode, []

    def decode(self, packet):
        calls.append(packet)
        if len(calls) % 5 == 3:
            raise av.error.PatchWelcomeError(1163346256, "Not yet implemented in FFmpeg, patches welcome")
        return real(self, packet)

    monkeypatch.setattr(NetworkVideo, "_decode", decode)
    with serving(paced(pieces, speed=10)) as host:
        frames, error = collect(open_source(f"http://{host}/live.ts"))
    assert len(frames) > 20 and "ended" in str(error)
    assert frames[-1].index > len(frames) - 1, "they are counted"


def test_a_stream_of_nothing_but_damaged_frames_is_lost(monkeypatch):
    from edge_srcnn.sources.network_video import NetworkVideo

    def decode(self, packet):
        raise av.error.PatchWelcomeError(1163346256, "Not yet implemented in FFmpeg, patches welcome")

    monkeypatch.setattr(NetworkVideo, "_decode", decode)
    with serving(paced(muxed(count=100), speed=2)) as host:
        frames, error = collect(open_source(f"http://{host}/live.ts#timeout=0.1"))
    assert not frames and isinstance(error, SourceLost)
    assert "only damaged pictures" in str(error) and "patches welcome" in str(error)


@pytest.mark.parametrize(("codec", "format"), [("libx264", "mpegts"), ("mjpeg", "matroska"), ("mpeg2video", "mpegts")])
def test_a_stream_with_too_many_pixels_is_refused_in_words(codec, format):
    options = {"preset": "ultrafast"} if codec == "libx264" else {}
    if codec == "mjpeg":
        options = {"strict": "unofficial"}
    pieces = muxed(codec=codec, format=format, size=(640, 480), count=15, options=options)

    def camera(client):
        client.send(HEAD + b"".join(pieces))

    with serving(camera) as host:
        fits, _ = collect(open_source(f"http://{host}/live#max_pixels=640000"))
        assert len(fits) >= 10
        began = monotonic()
        with pytest.raises(BadPicture) as raised:
            frames, error = collect(open_source(f"http://{host}/live#max_pixels=300000"))
            assert not frames
            raise error
    assert "max_pixels=300000" in str(raised.value)
    assert "640x480" in str(raised.value) or codec == "mpeg2video", "FFmpeg does not tell the size of that one"
    assert monotonic() - began < SOON_S


def test_a_network_video_wakes_at_once():
    pieces = muxed(count=60)

    def camera(client):
        client.send(HEAD + b"".join(pieces))
        client.wait(30)

    with serving(camera) as host:
        source = open_source(f"http://{host}/live.ts#timeout=10")
        assert source.read() is not None
        timer = threading.Timer(0.2, source.wake)
        timer.start()
        began = monotonic()
        while source.read() is not None:
            pass
        assert monotonic() - began < 5
        source.close()
        timer.join()


def test_a_video_file_of_a_web_server_keeps_its_own_times(tmp_path):
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for picture in pictures(count=30):
            picture.pts = picture.pts * 3  # 8.33 a second
            picture.time_base = Fraction(1, FPS)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    data = path.read_bytes()

    def camera(client):
        again = True
        while again:
            first = int((client.header("Range") or "bytes=0-")[6:].split("-")[0])
            status = "206 Partial Content" if client.header("Range") else "200 OK"
            more = {"Content_Range": f"bytes {first}-{len(data) - 1}/{len(data)}"} if client.header("Range") else {}
            client.answer(status, data[first:], Content_Type="video/mp4", Accept_Ranges="bytes", **more)
            again = client.ask()

    with serving(camera) as host:
        source = open_source(f"http://{host}/clip.mp4")
        assert not source.live
        frames = list(source)
    assert [frame.time_s for frame in frames] == pytest.approx([3 * number / FPS for number in range(30)])
