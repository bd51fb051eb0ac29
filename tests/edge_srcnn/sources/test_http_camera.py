"""Cameras over HTTP as they exist: strange streams, still pictures, passwords, redirects, and what is too much."""

import gzip
import io
import logging
import threading
from itertools import count, pairwise
from time import monotonic

import pytest
from PIL import Image

pytest.importorskip("av")
pytest.importorskip("requests")

from edge_srcnn.errors import BadPicture, SourceLost, UsageError
from edge_srcnn.masking import SecretsFilter
from edge_srcnn.sources import open_source
from tests.edge_srcnn.sources.frames import SOON_S, collect
from tests.edge_srcnn.sources.raw_server import MULTIPART, jpeg, levels, part, serving, take

pytestmark = pytest.mark.slow

PASSWORD = "s3cret"


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


# still pictures


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


# user and password, answers that are none


def digest_of(header):
    return {key: value.strip('"') for key, _, value in (pair.strip().partition("=") for pair in header[7:].split(","))}


@pytest.mark.parametrize("user", ["admin", "ad%40min"])
@pytest.mark.parametrize("scheme", ["basic", "digest"])
def test_a_camera_that_asks_for_user_and_password_gets_them(scheme, user):
    asked = []

    def camera(client):
        again = True
        while again:
            shown = client.header("Authorization")
            asked.append(shown)
            if shown is None:
                challenge = 'Basic realm="x"' if scheme == "basic" else 'Digest realm="x", nonce="n1", qop="auth"'
                client.answer("401 Unauthorized", b"no", WWW_Authenticate=challenge)
            else:
                client.answer("200 OK", jpeg(), Content_Type="image/jpeg")
            again = client.ask()

    with serving(camera) as host:
        take(open_source(f"http://{user}:{PASSWORD}@{host}/snap?x=1#every=0.05"), 3)
    assert asked[0] is None and None not in asked[1:], "asked once"
    if scheme == "basic":
        assert asked[1] == asked[2] and asked[1].startswith("Basic ")
    else:
        assert [digest_of(each)["nc"] for each in asked[1:4]] == ["00000001", "00000002", "00000003"]
        assert digest_of(asked[1])["uri"] == "/snap?x=1"
        assert digest_of(asked[1])["username"] == user.replace("%40", "@")
    assert PASSWORD not in str(asked)


# what the camera answers, its headers, the login of the address, and what must be said
REFUSALS = [
    ("401 Unauthorized", {}, "", "asks for user and password: write USER:PASSWORD@ before the host"),
    ("401 Unauthorized", {"WWW_Authenticate": 'Basic realm="x"'}, f"me:{PASSWORD}@", "user and password are refused"),
    ("401 Unauthorized", {"WWW_Authenticate": "Negotiate"}, f"me:{PASSWORD}@", "user and password are refused"),
    ("403 Forbidden", {}, f"me:{PASSWORD}@", "may not see this address"),
    ("404 Not Found", {}, "", "404 Not Found"),
    ("503 Service Unavailable", {}, "", "it is busy"),
    ("503 Service Unavailable", {"Retry_After": "7"}, "", "it is busy, and asks to wait for 7 s"),
    ("429 Too Many Requests", {"Retry_After": "Wed, 01 Jan 2025 00:00:00 GMT"}, "", "wait until Wed, 01 Jan 2025"),
    ("500 Internal Server Error", {}, "", "500 Internal Server Error"),
    ("302 Found", {"Location": "/again"}, "", "redirects more than"),
    ("302 Found", {"Location": "ftp://x/"}, "", "is not followed"),
    ("302 Found", {"Location": "file:///etc/passwd"}, "", "is not followed|is no address"),
]


@pytest.mark.parametrize(("status", "headers", "login", "said"), REFUSALS)
def test_a_refusal_says_what_to_do_and_no_password(status, headers, login, said):
    def camera(client):
        again = True
        while again:
            client.answer(status, b"sorry", **headers)
            again = client.ask()

    with serving(camera) as host, pytest.raises((SourceLost, UsageError), match=said) as raised:
        open_source(f"http://{login}{host}/stream")
    assert "\n" not in str(raised.value) and PASSWORD not in str(raised.value)
    if "wait for" in said:
        assert raised.value.retry_after_s == 7


def test_a_redirect_is_followed_and_another_host_gets_no_password():
    seen = []

    def other(client):
        seen.append(client.header("Authorization"))
        if client.path == "/asks":
            client.answer("401 Unauthorized", WWW_Authenticate='Basic realm="mine"')
        else:
            client.send(MULTIPART + part(jpeg()))

    with serving(other) as there:

        def camera(client):
            again = True
            while again:
                if client.header("Authorization") is None:
                    client.answer("401 Unauthorized", WWW_Authenticate='Basic realm="x"')
                elif client.path == "/here":
                    client.answer("302 Found", Location="/moved")
                else:
                    to = "/asks" if client.path == "/asks" else "/stream"
                    client.answer("301 Moved Permanently", Location=f"http://{there}{to}")
                again = client.ask()

        with serving(camera) as host:
            take(open_source(f"http://me:{PASSWORD}@{host}/here"), 1)
            with pytest.raises(SourceLost, match="401"):
                open_source(f"http://me:{PASSWORD}@{host}/asks")
    assert seen == [None, None]


@pytest.mark.parametrize(
    "answer", [b"ICY 200 OK\r\n\r\n", b"\0\1\2", b"SSH-2.0-OpenSSH_9.2\r\n", b"", b"HTTP/1.1 abc\r\n\r\n"]
)
def test_what_is_no_web_server_is_said_to_be_none(answer):
    with serving(lambda client: client.send(answer)) as host, pytest.raises(SourceLost) as raised:
        open_source(f"http://{host}/")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("address", ["http:///x", "http://[::1/x", "http://host:port/", "http://h:99999/"])
def test_an_address_that_is_none_is_the_users_mistake(address):
    with pytest.raises(UsageError):
        open_source(address)


# what is too much


@pytest.mark.parametrize("path", ["stream", "still"])
def test_a_picture_with_too_many_pixels_is_refused_before_it_is_decoded_or_read(path):
    data = bytearray(jpeg())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = (16_000).to_bytes(2, "big") * 2
    sent = threading.Event()

    def camera(client):
        head = b"HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n\r\n"
        client.send((MULTIPART + part(data)[:700]) if client.path == "/stream" else head + data[:600])
        client.wait(20)
        sent.set()

    with serving(camera) as host:
        began = monotonic()
        source = open_source(f"http://{host}/{path}")
        _, error = collect(source)
        assert not sent.is_set() and monotonic() - began < SOON_S
    assert isinstance(error, BadPicture)
    assert "16000x16000" in str(error) and "max_pixels=256000000" in str(error)


def test_the_limit_may_be_set():
    with serving(lambda client: client.send(MULTIPART + part(jpeg(size=(64, 48))) * 3)) as host:
        for text, fits in (("3072", True), ("0.003072M", True), ("3071", False), ("24M", True)):
            frames, error = collect(open_source(f"http://{host}/#max_pixels={text}"))
            assert len(frames) == (3 if fits else 0) and isinstance(error, SourceLost if fits else BadPicture)
        for text in ("0", "24", "many", "-5", "1e9", "24MB", ""):
            with pytest.raises(UsageError, match="such as 24000000 or 24M"):
                open_source(f"http://{host}/#max_pixels={text}")


@pytest.mark.parametrize("kind", ["multipart/x-mixed-replace; boundary=frame", "image/jpeg", "image/png"])
def test_a_picture_without_an_end_is_refused(kind):
    def camera(client):
        client.send(f"HTTP/1.0 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode())
        client.send(part(jpeg())[:-300] if kind.startswith("multi") else jpeg()[:-300])
        while client.wait(0):
            client.send(b"x" * 65_536)

    with serving(camera) as host:
        _, error = collect(open_source(f"http://{host}/#max_pixels=1M"))
    assert isinstance(error, BadPicture) and "more than 4 MB" in str(error)


def test_nothing_is_logged_of_the_password_or_the_query(caplog):
    def camera(client):
        client.send(MULTIPART + part(jpeg()[:-90]))

    caplog.handler.addFilter(SecretsFilter())
    everything = caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, logger="urllib3")
    with everything[0], everything[1], serving(camera) as host:
        _, error = collect(open_source(f"http://me:{PASSWORD}@{host}/x?{PASSWORD}#timeout=1"))
        with pytest.raises(SourceLost, match="Connection refused") as refused:
            open_source(f"http://127.0.0.1:9/x?{PASSWORD}")
    assert "GET /x?***" in caplog.text, "the library tells what it asks"
    assert PASSWORD not in caplog.text + str(error) + str(refused.value)


def test_a_camera_with_odd_headers_is_read_and_nothing_is_said(run_cli):
    def camera(client):
        client.send(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nodd\r\n: odd\r\nContent-Length: 5\r\n")
        client.send(b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(jpeg()), jpeg()))

    with serving(camera) as host:
        source = f"http://{host}/#every=0.01"
        done = run_cli("run", "--source", source, "--sink", "null:", "-e", "bicubic", "--seconds", "0.5")
    assert done.returncode == 0 and len(done.stderr.splitlines()) == 2, "what was done, and no warnings"
