"""Names of sources and sinks: schemes, targets, options, and every kind of nonsense as a UsageError."""

from fractions import Fraction

import pytest

from edge_srcnn.errors import UsageError
from edge_srcnn.uri import (
    MAX_SIDE,
    flag,
    frame_rate,
    frame_size,
    one_of,
    parse_uri,
    read_options,
    seconds,
    whole_number,
)


@pytest.mark.parametrize(
    ("text", "scheme", "target", "options"),
    [
        ("clip.mp4", "", "clip.mp4", {}),
        ("out.mp4?segment=60&keep=30", "", "out.mp4", {"segment": "60", "keep": "30"}),
        ("/dev/video0?size=640x480", "", "/dev/video0", {"size": "640x480"}),
        ("picamera2:0?size=640x480&fps=15", "picamera2", "0", {"size": "640x480", "fps": "15"}),
        ("test:", "test", "", {}),
        ("test:size=64x48,fps=max", "test", "", {"size": "64x48", "fps": "max"}),
        ("test:?size=64x48&fps=5", "test", "", {"size": "64x48", "fps": "5"}),
        ("test:size=64x48?fps=5", "test", "", {"size": "64x48", "fps": "5"}),
        ("y4m:-", "y4m", "-", {}),
        ("y4m:/tmp/a fifo?timeout=2", "y4m", "/tmp/a fifo", {"timeout": "2"}),
        ("null:", "null", "", {}),
        ("http://camera/s.mjpg?user=a&fps=5", "http", "http://camera/s.mjpg?user=a&fps=5", {}),
        ("http://camera/s.mjpg?user=a#timeout=2", "http", "http://camera/s.mjpg?user=a", {"timeout": "2"}),
        ("rtsp://u:p@camera:554/x#transport=udp", "rtsp", "rtsp://u:p@camera:554/x", {"transport": "udp"}),
        ("frames/a?.png", "", "frames/a?.png", {}),  # a glob
        ("frames/a?.png?fps=5", "", "frames/a?.png", {"fps": "5"}),
        ("frames/??.png", "", "frames/??.png", {}),
        ("./take2:final.mp4", "", "./take2:final.mp4", {}),
        ("C:clip.mp4", "", "C:clip.mp4", {}),
        ("a=b.mp4", "", "a=b.mp4", {}),
        ("clip.mp4?name=a%20b", "", "clip.mp4", {"name": "a b"}),
        ("clip.mp4?name=", "", "clip.mp4", {"name": ""}),
    ],
)
def test_a_name_is_taken_apart(text, scheme, target, options):
    uri = parse_uri(text)
    assert (uri.text, uri.scheme, uri.target, uri.options) == (text, scheme, target, options)


@pytest.mark.parametrize("text", ["", " ", "\t"])
def test_an_empty_name_is_refused(text):
    with pytest.raises(UsageError, match="empty"):
        parse_uri(text)


@pytest.mark.parametrize("text", ["clip.mp4?fps=5&x", "rtsp://camera/#timeout", "test:fps=5,size"])
def test_an_option_without_a_value_is_refused(text):
    with pytest.raises(UsageError, match="name=value"):
        parse_uri(text)


@pytest.mark.parametrize(
    ("text", "pictures"),
    [
        ("photos/", True),
        ("none/", True),
        ("a.png", True),
        ("A.JPG", True),
        ("frames/*.webp", True),
        ("clip.mp4", False),
        ("/dev/video0", False),
    ],
)
def test_folders_globs_and_pictures_are_told_from_videos(text, pictures):
    assert parse_uri(text).names_pictures() is pictures


def test_a_folder_that_is_there_needs_no_slash(tmp_path):
    (tmp_path / "clip.mp4").mkdir()
    assert parse_uri(str(tmp_path / "clip.mp4")).names_pictures()


def test_options_are_read_and_missing_ones_stay_missing():
    uri = parse_uri("test:size=64x48,fps=30000/1001,loop=no")
    assert read_options(uri, size=frame_size, fps=frame_rate, loop=flag, other=int) == {
        "size": (64, 48),
        "fps": Fraction(30000, 1001),
        "loop": False,
    }


def test_an_unknown_option_is_refused_with_those_that_exist():
    with pytest.raises(UsageError, match="'speed'; there are: size, fps"):
        read_options(parse_uri("test:speed=5"), size=frame_size, fps=frame_rate)
    with pytest.raises(UsageError, match="there are: none"):
        read_options(parse_uri("null:?a=1"))


def test_a_value_that_is_refused_is_named():
    with pytest.raises(UsageError, match="size=big: give width x height"):
        read_options(parse_uri("test:size=big"), size=frame_size)


@pytest.mark.parametrize(("text", "size"), [("640x480", (640, 480)), ("1X1", (1, 1)), (f"{MAX_SIDE}x1", (MAX_SIDE, 1))])
def test_sizes(text, size):
    assert frame_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "640", "640x", "0x5", "5x0", "-5x5", f"{MAX_SIDE + 1}x1", "5x5x5", "1e2x5", "5 x 5"]
)
def test_sizes_that_are_none(text):
    with pytest.raises(ValueError, match="640x480"):
        frame_size(text)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("30", 30), ("29.97", Fraction(2997, 100)), ("30000/1001", Fraction(30000, 1001)), ("0.5", Fraction(1, 2))],
)
def test_rates(text, rate):
    assert frame_rate(text) == rate


@pytest.mark.parametrize("text", ["", "0", "-5", "1/0", "nan", "inf", "fast", "1001"])
def test_rates_that_are_none(text):
    with pytest.raises(ValueError, match="frames a second"):
        frame_rate(text)


def test_durations_are_above_zero_and_end():
    assert (seconds("5"), seconds("0.5")) == (5.0, 0.5)
    for text in ("", "0", "-1", "nan", "inf", "soon"):
        with pytest.raises(ValueError, match="seconds"):
            seconds(text)


def test_whole_numbers_start_at_one():
    assert (whole_number("1"), whole_number("30")) == (1, 30)
    for text in ("", "0", "-1", "1.5", "²", "٣", "x", "9" * 5000):
        with pytest.raises(ValueError):
            whole_number(text)


def test_flags():
    assert [flag(text) for text in ("1", "yes", "TRUE", "on")] == [True] * 4
    assert [flag(text) for text in ("0", "no", "False", "off")] == [False] * 4
    for text in ("", "2", "maybe"):
        with pytest.raises(ValueError, match="yes or no"):
            flag(text)


def test_words():
    read = one_of("tcp", "udp")
    assert read("udp") == "udp"
    for text in ("", "TCP", "http"):
        with pytest.raises(ValueError, match="one of tcp, udp"):
            read(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("rtsp://admin:pa#canary@host/live", "%23"),
        ("rtsp://admin:12#canary@host:554/live", "%23"),  # 12 could be a port
        ("rtsp://admin:pa?canary@host/live", "%3F"),
        ("http://admin:12?canary@host/live?channel=1#timeout=3", "%3F"),
        ("http://admin:pa/canary@host/live", "%2F"),
        ("rtmp://admin:p@#canary@host/live/key", "%23"),
        ("rtsp://admin:pa canary@host/live", "%20"),
        ("RTSPS://admin:a=b?canary=1@host/live", "%3F"),
    ],
)
def test_a_password_that_ends_the_address_is_refused_with_what_to_write_instead(text: str, written: str) -> None:
    with pytest.raises(UsageError, match=f"write it as {written}$") as refused:
        parse_uri(text)
    assert "canary" not in str(refused.value)
    assert "://***@host" in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://admin:p%23w%3F@host/live",
        "rtsp://admin:p@ss@host/live",  # the last @ counts, as for FFmpeg
        "http://host:8080/a@b.mjpg",
        "http://host/@me/live?to=a@b",
        "http://0.0.0.0:8080#token=a@b",
        "http://0.0.0.0:8080#token=a#b?c",
        "http://[fe80::1]:80/live",
    ],
)
def test_an_at_sign_elsewhere_is_no_fault(text: str) -> None:
    assert parse_uri(text).text == text


def test_the_rest_of_a_password_is_not_told_as_an_option() -> None:
    with pytest.raises(UsageError, match=r"as %23$") as refused:
        read_options(parse_uri("rtsp://admin:12#canary=3@host/live"), timeout=seconds)
    assert "canary" not in str(refused.value)


def test_schemes_of_the_network_may_be_written_in_capitals() -> None:
    uri = parse_uri("RTSP://Camera/Live#transport=udp")
    assert (uri.scheme, uri.target, uri.options) == ("rtsp", "rtsp://Camera/Live", {"transport": "udp"})


def test_neither_a_name_nor_its_repr_nor_its_errors_tell_a_secret() -> None:
    uri = parse_uri("http://eye:canary-1@host/live?key=canary-2#token=canary-3&tokn=canary-4")
    with pytest.raises(UsageError, match="'tokn'; there are: token") as refused:
        read_options(uri, token=str)
    assert uri.name == "http://***@host/live?***"
    assert "canary" not in uri.name + repr(uri) + str(refused.value)
