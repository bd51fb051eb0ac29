"""Cameras over HTTP whose streams are strange, torn or slow."""

import gzip
import threading
from time import monotonic

import pytest

pytest.importorskip("av")
pytest.importorskip("requests")

from edge_srcnn.errors import SourceLost
from edge_srcnn.sources import open_source
from tests.edge_srcnn.sources.frames import SOON_S, collect
from tests.edge_srcnn.sources.raw_server import MULTIPART, jpeg, levels, part, serving, take

pytestmark = pytest.mark.slow

LEVELS = [50, 100, 150]
BODIES = {
    "no boundary before the first": (
        "multipart/x-mixed-replace; boundary=123456789000000000000987654321",
        lambda data: (
            b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n--123456789000000000000987654321\r\n"
            % (len(data), data)
        ),
    ),
    "size in the type": ("multipart/x-mixed-replace;boundary=--frame", lambda d: part(d, f"image/jpeg;size={len(d)}")),
    "jpg": ("Multipart/X-Mixed-Replace; Boundary=frame", lambda d: part(d, "image/jpg")),
    "quoted boundary": ('multipart/x-mixed-replace; boundary="frame"', part),
    "no boundary said": ("multipart/x-mixed-replace", part),
    "another kind of multipart": ("multipart/mixed; boundary=frame", part),
    "sound between": (
        "multipart/x-mixed-replace; boundary=frame",
        lambda d: part(b"\x80" * 999, "audio/basic") + part(d),
    ),
    "a wrong length": (
        "multipart/x-mixed-replace; boundary=frame",
        lambda d: part(d).replace(b"Length: %d" % len(d), b"Length: %d" % (len(d) + 9)),
    ),
    "no type said": (None, part),
    "text said": ("text/plain", part),
    "a page said": ("text/html", part),
    "a single picture said": ("image/jpeg", part),
    "one picture behind the other, as one": ("image/jpeg", lambda d: d),
    "one picture behind the other": ("binary/octet-stream", lambda d: d),
    "parts of text": ("multipart/x-mixed-replace; boundary=frame", lambda d: part(d, "text/plain")),
}


@pytest.mark.parametrize("name", BODIES)
def test_streams_of_cameras_that_exist_are_read(name):
    kind, wrap = BODIES[name]

    def camera(client):
        client.send(b"HTTP/1.1 200 OK\r\n" + (f"Content-Type: {kind}\r\n" if kind else "").encode() + b"\r\n")
        for level in LEVELS:
            client.send(wrap(jpeg(level)))

    with serving(camera) as host:
        frames, error = collect(open_source(f"http://{host}/video"))
    assert levels(frames) == LEVELS
    assert [frame.index for frame in frames] == [0, 1, 2]
    assert isinstance(error, SourceLost) and "ended after 3 frames" in str(error)


def test_a_chunked_answer_is_read():
    def camera(client):
        client.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + MULTIPART.partition(b"\r\n")[2])
        for level in LEVELS:
            data = part(jpeg(level))
            for piece in (data[:100], data[100:]):
                client.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        client.send(b"0\r\n\r\n")

    with serving(camera) as host:
        assert levels(collect(open_source(f"http://{host}/"))[0]) == LEVELS


@pytest.mark.parametrize("kind", ["video/x-motion-jpeg", "video/mjpeg", "image/jpeg"])
def test_pictures_without_anything_between_them_are_given_as_they_come(kind):
    def camera(client):
        client.send(f"HTTP/1.0 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode())
        client.send(b"".join(map(jpeg, LEVELS)))
        client.wait(30)

    with serving(camera) as host:
        began = monotonic()
        assert levels(take(open_source(f"http://{host}/#timeout=2"), 3)) == LEVELS
        assert monotonic() - began < SOON_S


def test_an_answer_that_is_compressed_though_nobody_asked_for_that_is_read():
    def camera(client):
        client.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n" + MULTIPART.partition(b"\r\n")[2])
        client.send(gzip.compress(b"".join(part(jpeg(level)) for level in LEVELS)))

    with serving(camera) as host:
        assert levels(collect(open_source(f"http://{host}/"))[0]) == LEVELS


def test_torn_pictures_are_left_out_and_counted():
    good = jpeg(200)
    torn = [good[:-100], good[:-100] + b"\xff\xd9", good[:400], good[:450] + good[950:], good[:-30]]

    def camera(client):
        client.send(MULTIPART + b"".join(part(jpeg(50)) + part(each) for each in torn) + part(jpeg(50)))

    with serving(camera) as host:
        frames, _ = collect(open_source(f"http://{host}/"))
    assert levels(frames) == [50] * (len(torn) + 1)
    assert frames[-1].index == 2 * len(torn)


def test_a_connection_that_breaks_off_within_a_picture_is_lost_at_once():
    with serving(lambda client: client.send(MULTIPART + part(jpeg(50)) + part(jpeg(50))[:400])) as host:
        began = monotonic()
        frames, error = collect(open_source(f"http://{host}/#timeout=60"))
        assert monotonic() - began < SOON_S
    assert levels(frames) == [50] and "ended after 2 frames" in str(error)


def test_a_camera_that_sends_nothing_but_torn_pictures_is_lost():
    def camera(client):
        client.send(MULTIPART)
        while client.wait(0.01):
            client.send(part(jpeg()[:-200]))

    with serving(camera) as host:
        _, error = collect(open_source(f"http://{host}/#timeout=0.1"))
    assert isinstance(error, SourceLost) and "only damaged pictures" in str(error)


def test_a_camera_that_is_slow_by_nature_is_waited_for_and_then_missed():
    def camera(client):
        client.send(MULTIPART)
        for _ in range(4):
            client.send(part(jpeg()))
            client.wait(0.3)
        client.wait(30)

    with serving(camera) as host:
        source = open_source(f"http://{host}/#timeout=0.15")
        began = monotonic()
        frames, error = collect(source)
    assert len(frames) == 4 and isinstance(error, SourceLost)
    assert monotonic() - began < SOON_S


@pytest.mark.parametrize("what", [b"", part(jpeg())[:300]], ids=["between two pictures", "within one"])
def test_wake_ends_a_wait_at_once(what):
    def camera(client):
        client.send(MULTIPART + part(jpeg()) + what)
        client.wait(30)

    with serving(camera) as host:
        source = open_source(f"http://{host}/#timeout=20")
        assert source.read() is not None
        timer = threading.Timer(0.1, source.wake)
        timer.start()
        began = monotonic()
        assert source.read() is None
        assert monotonic() - began < 5
        source.close()
        timer.join()
