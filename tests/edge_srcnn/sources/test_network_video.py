"""Video from the network that is no MJPEG: times of any kind, damage on the way, and pictures that are too large."""

import logging
import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import pairwise
from time import monotonic

import pytest

pytest.importorskip("av")

import av

from edge_srcnn.errors import BadPicture, SourceLost
from edge_srcnn.sinks import Result, Stream, open_sink
from edge_srcnn.sources import open_source
from tests.edge_srcnn.sources.frames import SOON_S, collect
from tests.edge_srcnn.sources.live_streams import FPS, HEAD, SECONDS, muxed, paced, pictures, timed
from tests.edge_srcnn.sources.raw_server import serving

pytestmark = pytest.mark.slow

HOUR_S = 3600


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
    pieces = muxed(count=100, size=(160, 120), options={"preset": "ultrafast", "bf": "0"}, noise=60)
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
    assert 30 < len(frames) < 95
    assert frames[-1].index > len(frames) - 1, "they are counted"


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
