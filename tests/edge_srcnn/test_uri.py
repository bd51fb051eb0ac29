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
    without_secrets,
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
    ("text", "shown"),
    [
        ("rtsp://pi:secret@server:8554/pi: refused", "rtsp://***@server:8554/pi: refused"),
        ("http://0.0.0.0:80#quality=8&token=secret", "http://0.0.0.0:80#quality=8&token=***"),
        ("http://server/a?token=secret&b=1", "http://server/a?token=***&b=1"),
        ("http://0.0.0.0:80#token=two words: cannot listen", "http://0.0.0.0:80#token=***: cannot listen"),
        ("rtsp://admin:p@ss@10.0.0.5/s", "rtsp://***@10.0.0.5/s"),
        ("rtsp://admin:pa/ss@10.0.0.5/s", "rtsp://***@10.0.0.5/s"),
        ("rtsp://10.0.0.5/user=admin_password=x_channel=1", "rtsp://10.0.0.5/user=admin_password=***"),
        ("rtmp://server/live/key: refused", "rtmp://server/live/***: refused"),
        ("rtmps://server:443/app/key?a=b", "rtmps://server:443/app/***?a=b"),
        ("out.mp4: user@host", "out.mp4: user@host"),
    ],
)
def test_addresses_are_shown_without_secrets(text: str, shown: str) -> None:
    assert without_secrets(text) == shown
