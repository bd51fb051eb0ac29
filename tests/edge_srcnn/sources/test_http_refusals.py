"""Cameras over HTTP that want a password, redirect, refuse, or send too much; and that no password is told."""

import logging
import threading
from time import monotonic

import pytest

pytest.importorskip("av")
pytest.importorskip("requests")

from edge_srcnn.errors import BadPicture, SourceLost, UsageError
from edge_srcnn.errors.masking import SecretsFilter
from edge_srcnn.sources import open_source
from tests.edge_srcnn.sources.frames import SOON_S, collect
from tests.edge_srcnn.sources.raw_server import MULTIPART, jpeg, part, serving, take

pytestmark = pytest.mark.slow

PASSWORD = "s3cret"


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
