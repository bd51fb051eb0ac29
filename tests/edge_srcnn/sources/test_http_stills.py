"""Cameras over HTTP that give one picture for each request."""

import io
import threading
from itertools import count, pairwise
from time import monotonic

import pytest
from PIL import Image

pytest.importorskip("av")
pytest.importorskip("requests")

from edge_srcnn.errors import SourceLost
from edge_srcnn.sources import open_source
from tests.edge_srcnn.sources.frames import SOON_S, collect
from tests.edge_srcnn.sources.raw_server import jpeg, levels, serving, take

pytestmark = pytest.mark.slow


class Still:
    """Serves a picture that changes when it is told to, and counts."""

    def __init__(self, **headers):
        self.level, self.whole, self.unchanged, self.connections = 50, 0, 0, 0
        self.headers, self.change_each = headers, 2

    def __call__(self, client):
        self.connections += 1
        again = True
        while again:
            seen = client.header("If-None-Match") or client.header("If-Modified-Since")
            if seen is not None and seen in self.headers.values() and self.whole % self.change_each:
                self.unchanged += 1
                self.whole += 1
                client.answer("304 Not Modified")
            else:
                self.whole += 1
                client.answer("200 OK", jpeg(self.level), Content_Type="image/jpeg", **self.headers)
            again = client.ask()


@pytest.mark.parametrize(
    "headers", [{"ETag": '"1"'}, {"Last_Modified": "Wed, 01 Jan 2025 00:00:00 GMT"}, {}], ids=["etag", "date", "none"]
)
def test_a_still_picture_is_asked_for_again_and_again(headers):
    camera = Still(**headers)
    with serving(camera) as host:
        source = open_source(f"http://{host}/snapshot.jpg#every=0.05")
        assert source.live and source.rate == 20
        frames = take(source, 6)
    assert levels(frames) == [50] * 6 and [frame.index for frame in frames] == list(range(6))
    assert camera.connections == 1
    assert (camera.unchanged > 1) == bool(headers)
    gaps = [after.captured_s - before.captured_s for before, after in pairwise(frames)]
    assert sum(gaps) >= 0.05 * 5 - 0.02
    assert all(before.time_s < after.time_s for before, after in pairwise(frames))


def test_a_picture_that_did_not_change_is_not_decoded_again():
    with serving(Still(ETag='"1"')) as host:
        first, second, *_ = take(open_source(f"http://{host}/snapshot.jpg#every=0.05"), 3)
    assert first.luma is second.luma and second.captured_s > first.captured_s


def test_a_connection_that_the_camera_gives_up_meanwhile_is_made_anew():
    connections = count()

    def camera(client):
        next(connections)
        client.answer("200 OK", jpeg(), Content_Type="image/jpeg")
        client.ask()  # and then it closes

    with serving(camera) as host:
        assert levels(take(open_source(f"http://{host}/#every=0.001&timeout=60"), 4)) == [100] * 4
    assert next(connections) >= 4


@pytest.mark.parametrize("format", ["PNG", "WEBP", "BMP", "GIF"])
def test_still_pictures_of_other_formats_are_read(format):
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (200, 200, 200)).save(buffer, format)

    def camera(client):
        client.answer("200 OK", buffer.getvalue(), Content_Type=f"image/{format.lower()}")

    with serving(camera) as host:
        (frame,) = take(open_source(f"http://{host}/picture"), 1)
    assert frame.size == (40, 30)
    luma = int(frame.luma.mean())
    assert luma == pytest.approx(200 if frame.colour.full_range else 16 + 200 * 219 / 255, abs=2)


def test_a_still_picture_without_a_length_over_a_connection_that_stays_is_read():
    def camera(client):
        client.send(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" + jpeg(70))
        client.wait(30)

    with serving(camera) as host:
        assert levels(take(open_source(f"http://{host}/snapshot.jpg#every=0.05"), 2)) == [70, 70]


def test_a_still_picture_that_is_shorter_than_its_length_says_is_read():
    def camera(client):
        data = jpeg(70)
        client.send(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % (len(data) + 9))
        client.send(data)
        client.wait(30)

    with serving(camera) as host:
        assert levels(take(open_source(f"http://{host}/snapshot.jpg#every=0.05"), 2)) == [70, 70]


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "text/html", "binary/octet-stream", "application/x-download", "jpg"]
)
def test_a_still_picture_is_one_whatever_the_camera_calls_it(kind):
    def camera(client):
        while True:
            client.answer("200 OK", jpeg(70), **({"Content_Type": kind} if kind else {}))
            if not client.ask():
                return

    with serving(camera) as host:
        assert levels(take(open_source(f"http://{host}/cgi-bin/snap#every=0.05"), 3)) == [70] * 3


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [("200 OK", "text/html", "no pictures, but text/html"), ("304 Not Modified", "image/jpeg", "cannot be opened")],
)
def test_an_answer_without_a_picture_is_said_to_have_none(status, kind, said):
    with (
        serving(lambda client: client.answer(status, b"<html>Please log in</html>", Content_Type=kind)) as host,
        pytest.raises(SourceLost, match=said),
    ):
        open_source(f"http://{host}/snapshot.jpg")


def test_a_torn_still_picture_is_left_out_and_many_of_them_are_too_many():
    numbers = count()

    def camera(client):
        again = True
        while again:
            number = next(numbers)
            data = jpeg(number)
            client.answer("200 OK", data if number % 2 else data[:-300], Content_Type="image/jpeg")
            again = client.ask()

    with serving(camera) as host:
        frames = take(open_source(f"http://{host}/#every=0.02"), 4)
    assert frames[-1].index > 4

    def torn(client):
        client.answer("200 OK", jpeg(next(numbers))[:-300], Content_Type="image/jpeg")

    with serving(torn) as host:
        _, error = collect(open_source(f"http://{host}/#every=0.02&timeout=0.3"))
    assert isinstance(error, SourceLost) and "damaged" in str(error)


@pytest.mark.parametrize(
    "status", ["204 No Content", "408 Timeout", "429 Too Many", "500 Oops", "503 Busy", "504 Slow"]
)
def test_a_camera_that_has_no_picture_just_now_is_asked_again_and_not_for_ever(status):
    numbers, busy = count(), threading.Event()

    def camera(client):
        again = True
        while again:
            number = next(numbers)
            if number == 1 or busy.is_set():
                client.answer(status)
            else:
                client.answer("200 OK", jpeg(number), Content_Type="image/jpeg")
            again = client.ask()

    with serving(camera) as host:
        source = open_source(f"http://{host}/#every=0.02&timeout=0.3")
        assert [source.read().index for _ in range(3)] == [0, 2, 3]
        busy.set()
        _, error = collect(source)
    assert isinstance(error, SourceLost) and status[:3] in str(error)


@pytest.mark.parametrize("status", ["403 Forbidden", "404 Not Found", "410 Gone"])
def test_a_camera_that_has_no_such_picture_any_more_is_lost_at_once(status):
    numbers = count()

    def camera(client):
        again = True
        while again:
            client.answer(*(["200 OK", jpeg()] if next(numbers) == 0 else [status]), Content_Type="image/jpeg")
            again = client.ask()

    with serving(camera) as host:
        frames, error = collect(open_source(f"http://{host}/#every=0.02&timeout=30"))
    assert len(frames) == 1 and isinstance(error, SourceLost) and status[:3] in str(error)


def test_a_still_camera_that_goes_away_is_lost_in_time_and_wakes_at_once():
    numbers = count()

    def camera(client):
        if next(numbers):
            client.wait(30)
        client.answer("200 OK", jpeg(), Content_Type="image/jpeg", Connection="close")

    with serving(camera) as host:
        source = open_source(f"http://{host}/#every=0.05&timeout=0.3")
        began = monotonic()
        frames, error = collect(source)
        assert len(frames) == 1 and isinstance(error, SourceLost) and "does not answer within" in str(error)
        assert monotonic() - began < SOON_S
    with serving(Still()) as host:
        source = open_source(f"http://{host}/#every=30")
        assert source.read() is not None
        timer = threading.Timer(0.1, source.wake)
        timer.start()
        assert source.read() is None
        source.close()
        timer.join()
