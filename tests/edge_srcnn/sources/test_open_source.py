"""A name says which kind of source it is; what it cannot be is said in one line."""

import pytest

from edge_srcnn.errors import EdgeSrcnnError, NoInput, UsageError
from edge_srcnn.sources import KINDS, is_camera, kind_of, open_source
from edge_srcnn.uri import examples, parse_uri


def test_a_test_card():
    source = open_source("test:size=64x48,fps=max,frames=3")
    assert [frame.index for frame in source] == [0, 1, 2]


@pytest.mark.parametrize("name", ["webcam:0", "gopher://host/clip.mp4", "files:x", "null:"])
def test_an_unknown_kind_is_refused_with_examples(name):
    with pytest.raises(UsageError, match=f"no source is called '{name.split(':')[0]}'") as raised:
        open_source(name)
    assert "/dev/video0" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("scheme", ["s3", "gs", "sftp", "ftp"])
def test_who_names_a_store_is_told_which_command_reads_it(scheme):
    with pytest.raises(UsageError, match=f"no source is in a store; edge-srcnn upscale reads and writes {scheme}://"):
        open_source(f"{scheme}://bucket/clip.mp4")


def test_an_empty_name_is_refused():
    with pytest.raises(UsageError, match="empty"):
        open_source("")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_has_its_code(kind):
    # none of them may need its library before it is opened
    module = kind.load()
    assert callable(module.options) and callable(module.open)


@pytest.mark.parametrize(
    ("name", "reopens"),
    [
        ("picamera2:0", True),
        ("/dev/video0", True),
        ("rtsp://host/stream", True),
        ("test:", True),
        ("test:fps=max", False),
        ("clip.mp4", False),
        ("photos/", False),
        ("y4m:-", False),
    ],
)
def test_cameras_and_streams_may_come_back_and_files_end(name, reopens):
    uri = parse_uri(name)
    assert kind_of(uri).reopens(uri) == reopens


@pytest.mark.parametrize(
    "name", ["/dev/video99", "/dev/video99?size=640x480&fps=30", "v4l2:/dev/video99", "none.mp4", "none/", "none*.png"]
)
def test_what_is_not_there_is_one_line(name):
    if "mp4" in name:
        pytest.importorskip("av")
    with pytest.raises(NoInput, match="there is no") as raised:
        open_source(name)
    assert "\n" not in str(raised.value)


def test_a_missing_video_is_no_input_even_without_its_library(tmp_path):
    with pytest.raises(NoInput, match="no such file"):
        open_source(str(tmp_path / "none.mp4"))


@pytest.mark.parametrize(
    "name", [text for text in examples(KINDS).split(", ") if ":" not in text or text.startswith("test")]
)
def test_the_examples_parse(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        open_source(name.partition(" (")[0].strip("'")).close()  # without what it says of it
    except EdgeSrcnnError as error:
        assert not isinstance(error, UsageError)


@pytest.mark.parametrize(
    ("name", "camera"),
    [
        ("picamera2:0?size=640x480&fps=30", True),
        ("picamera2:", True),
        ("/dev/video0", True),
        ("v4l2:/dev/video2?size=640x480", True),
        ("/dev/v4l/by-id/usb-046d_HD_Webcam-video-index0?fps=15", True),
        ("/dev/v4l/by-path/pci-0000:00:14.0-usb-0:1:1.0-video-index0", True),
        ("rtsp://user:secret@host/stream#transport=udp", True),
        ("rtsps://host/stream", True),
        ("http://host/stream.mjpg", True),
        ("https://host/stream.mjpg", True),
        ("clip.mp4", False),
        ("video:clip.mp4", False),
        ("photos/", False),
        ("photo.png", False),
        ("frames/*.png", False),
        ("y4m:-", False),
        ("y4m:/run/fifo", False),
        ("test:", False),
        ("test:size=64x48,fps=30", False),
    ],
)
def test_cameras_here_and_in_the_network_are_told_from_everything_else(name, camera):
    assert is_camera(name) == camera


@pytest.mark.parametrize("name", ["webcam:0", "rtmp://host/live", ""])
def test_what_is_no_source_is_no_camera_either(name):
    with pytest.raises(UsageError):
        is_camera(name)
