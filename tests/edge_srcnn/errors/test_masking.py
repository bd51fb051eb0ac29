"""Passwords, tokens and keys stay out of every text, whatever the address looks like; hosts and options stay in."""

import logging
import pickle
import sys
from base64 import b64encode
from urllib.parse import quote

import pytest

from edge_srcnn.errors import BadConfiguration, CannotWrite, EdgeSrcnnError, InternalError, describe, masking
from edge_srcnn.errors.masking import SecretsFilter, holds_secret, remember, remember_secret, without_secrets


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test has remembered, another does not know."""
    monkeypatch.setattr(masking, "_known", {})
    monkeypatch.setattr(masking, "_exact", None)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://pi:secret@server:8554/pi: refused", "rtsp://***@server:8554/pi: refused"),
        ("RTSP://PI:SECRET@Server/X", "RTSP://***@Server/X"),
        ("rtsp://secret@server/pi", "rtsp://***@server/pi"),
        ("rtsp://admin:p@ss@10.0.0.5/s", "rtsp://***@10.0.0.5/s"),
        ("rtsp://admin:pa/ss@10.0.0.5/s", "rtsp://***@10.0.0.5/s"),
        ("rtsp://admin:pa?ss@10.0.0.5/s", "rtsp://***@10.0.0.5/s"),
        ("rtsp://admin:pa#ss@10.0.0.5/s?a=b", "rtsp://***@10.0.0.5/s?***"),
        ("rtsp://admin:p@a?ss@10.0.0.5/s", "rtsp://***@10.0.0.5/s"),
        ('rtsp://admin:p"ss@10.0.0.5/s', "rtsp://***@10.0.0.5/s"),
        ("http://u:p@[fe80::1]:80/s", "http://***@[fe80::1]:80/s"),
        ("admin:secret@10.0.0.5/s: no source", "***@10.0.0.5/s: no source"),
        ("rtsp:/admin:secret@10.0.0.5/s", "rtsp:/***@10.0.0.5/s"),
        ("http://camera/s.mjpg?user=admin&pwd=secret", "http://camera/s.mjpg?***"),
        ("http://camera/s.mjpg?User=admin&PWD=secret#timeout=3", "http://camera/s.mjpg?***#timeout=3"),
        ("http://camera?c=secret", "http://camera?***"),
        ("https://proxy/?to=rtsp://u:secret@c/x&foo=secret", "https://proxy/?***"),
        ("https://proxy/rtsp%3a%2F%2Fu%3Asecret%40c/x", "https://proxy/rtsp%3a%2F%2F***%40c/x"),
        ("https://proxy/rtsp%3A%2F%2Fc%2Fx%3Fpwd%3Dsecret/y", "https://proxy/rtsp%3A%2F%2Fc%2Fx%3F***/y"),
        ("https://proxy/rtsp%253A%252F%252Fu%253Asecret%2540c/x", "https://proxy/rtsp%253A%252F%252F***%2540c/x"),
        ("rtsp://admin%3Asecret%40camera/x", "rtsp://***%40camera/x"),
        ("srt://server:9000?streamid=secret&passphrase=secret", "srt://server:9000?***"),
        ("udp://239.0.0.1:1234?key=secret", "udp://239.0.0.1:1234?***"),
        ("rtmp://server/live/key: refused", "rtmp://server/live/***: refused"),
        ("rtmps://server:443/app/key?key=secret", "rtmps://server:443/app/***?***"),
        ("rtsp://10.0.0.5/user=admin_password=x_channel=1", "rtsp://10.0.0.5/user=admin_password=***"),
        ("rtsp://10.0.0.5/user=a&password=x&channel=1", "rtsp://10.0.0.5/user=a&password=***&channel=1"),
        ("http://0.0.0.0:80#quality=8&token=secret", "http://0.0.0.0:80#quality=8&token=***"),
        ("http://0.0.0.0:80#TOKEN=secret&quality=8", "http://0.0.0.0:80#TOKEN=***&quality=8"),
        ("http://0.0.0.0:80#token=two words: cannot listen", "http://0.0.0.0:80#token=***: cannot listen"),
        ("http://0.0.0.0:80#token=a&b", "http://0.0.0.0:80#token=***&***"),
        ("unix:/run/http.sock#password=secret&quality=8", "unix:/run/http.sock#password=***&quality=8"),
        ("GET /stream.mjpg?token=secret HTTP/1.1", "GET /stream.mjpg?*** HTTP/1.1"),
        ('http://camera:80 "GET /x?secret HTTP/1.1" 200 5', 'http://camera:80 "GET /x?*** HTTP/1.1" 200 5'),
        ("Max retries exceeded with url: /x?a=secret (Caused by", "Max retries exceeded with url: /x?*** (Caused by"),
        ("Authorization: Basic c2VjcmV0", "Authorization: Basic ***"),
        ("{'Authorization': 'Bearer secret'}", "{'Authorization': 'Bearer ***'}"),
        ("http://a/x?p=1, rtsp://u:p@b/y; (rtsp://q@c).", "http://a/x?***, rtsp://***@b/y; (rtsp://***@c)."),
        ('["http://a?x=1","rtsp://u:p@b"]', '["http://a?***","rtsp://***@b"]'),
        ("[http @ 0x1] HTTP error: 'http://u:p@b/x?y=1'", "[http @ 0x1] HTTP error: 'http://***@b/x?***'"),
    ],
)
def test_secrets_are_masked(text: str, shown: str) -> None:
    assert without_secrets(text) == shown
    assert without_secrets(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "out.mp4: user@host",
        "http://camera/a@b.mjpg",
        "http://camera:8080/@me/live",
        "rtsp://camera/stream#transport=udp&timeout=3",
        "https://0.0.0.0:8443#token_file=/etc/token&cert=cert.pem&key=key.pem",
        "give http://HOST:PORT, and options after #, such as #quality=85",
        "frames/a?.png?fps=5",
        "out.mp4?segment=60&keep=30",
        "test:size=64x48,fps=5",
        "picamera2:0?size=640x480&fps=15",
        "2026-11-29 05:59:24 INFO: live after 0.3 s: 64x48 to 128x96",
    ],
)
def test_everything_else_stays(text: str) -> None:
    assert without_secrets(text) == text


@pytest.mark.parametrize(
    ("address", "holds"),
    [
        ("rtsp://u:p@camera/x", True),
        ("http://camera/x?usr=a&Pwd=b", True),
        ("http://camera/x?access_token=b", True),
        ("http://0.0.0.0:8080#token=b", True),
        ("rtmp://server/live/ab-12-cd-34", True),
        ("rtmp://server/live/pi", False),
        ("rtsp://camera/user=a_password=b", True),
        ("http://camera/x?channel=1", False),
        ("http://0.0.0.0:8080#token_file=b", False),
        ("clip.mp4?crf=18", False),
        ("picamera2:0?size=640x480", False),
    ],
)
def test_addresses_with_a_secret_are_known(address: str, holds: bool) -> None:
    assert holds_secret(address) is holds


def test_what_was_told_once_is_masked_in_every_form() -> None:
    remember("rtsp://eye:can%40ry+1@camera/x?pwd=canary-2&channel=1#token=canary-3")
    forms = ["can%40ry+1", "can@ry+1", "canary-2", "canary-3", quote("can@ry+1", safe="")]
    forms += [b64encode(login).decode() for login in (b"eye:can@ry+1", b":canary-3")]
    for form in forms:
        assert without_secrets(f"<{form}>").rstrip("=>") == "<***", form
    assert without_secrets("channel 1 of the camera") == "channel 1 of the camera"


def test_a_short_or_common_word_is_no_secret_elsewhere() -> None:
    for word in ("live", "camera", "1234"):
        remember_secret(word)
    remember_secret("12345")
    text = "live: camera, 1234 and 123456 frames"
    assert without_secrets(text) == text
    assert without_secrets("login 12345 refused") == "login *** refused"


def _errors(kind: type[EdgeSrcnnError]) -> list[type[EdgeSrcnnError]]:
    return [kind, *(each for below in kind.__subclasses__() for each in _errors(below))]


@pytest.mark.parametrize("kind", _errors(EdgeSrcnnError))
def test_every_error_of_ours_is_born_without_secrets(kind: type[EdgeSrcnnError]) -> None:
    error = kind("rtsp://u:secret@camera/x: refused")
    assert str(error) == str(pickle.loads(pickle.dumps(error))) == "rtsp://***@camera/x: refused"


def test_foreign_errors_are_told_without_secrets() -> None:
    foreign = OSError("cannot connect to http://u:secret@camera/x?pwd=secret")
    assert describe(foreign) == "OSError: cannot connect to http://***@camera/x?***"
    assert "secret" not in str(InternalError.of(foreign)) + str(BadConfiguration("", str(foreign)).others)
    assert isinstance(CannotWrite("x"), OSError)


@pytest.mark.parametrize("arguments", [("rtsp://u:hush@h/x",), (), ("a", "b")])
def test_the_log_masks_messages_arguments_and_tracebacks(arguments: tuple[str, ...]) -> None:
    try:
        raise OSError("cannot connect to http://u:hush@camera/x")
    except OSError:
        record = logging.LogRecord(
            "x", logging.ERROR, "", 1, "at %s", arguments, sys.exc_info(), sinfo="rtsp://u:hush@h"
        )
    assert SecretsFilter().filter(record)
    written = logging.Formatter("%(message)s").format(record)
    assert "Traceback" in written
    assert "hush" not in written


def test_long_texts_take_no_long_time() -> None:
    for text in (
        "a" * 200_000,
        "a:" * 100_000,
        "rtsp://" * 20_000,
        "a@" * 50_000,
        "#token=" * 20_000,
        "x://" + "@/" * 5_000,
        "GET /?" * 30_000,
        "GET /" + "/" * 200_000,
    ):
        without_secrets(text)
