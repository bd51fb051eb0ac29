from pathlib import Path

import pytest

from edge_srcnn.errors import NoInput, SourceLost, UsageError
from edge_srcnn.sources import open_source, v4l2, v4l2_device
from edge_srcnn.sources.v4l2 import V4l2Camera
from edge_srcnn.sources.v4l2_device import formats, pixel_format
from edge_srcnn.system.v4l2 import Capability

# What a camera does is proven on real devices of a real kernel: tests/rigs/vivid.sh


@pytest.mark.parametrize(
    ("options", "cure"),
    [
        ("size=640", "give width x height, such as 640x480"),
        ("fps=0", "give frames a second"),
        ("format=rgb", "give one of yuyv, mjpg"),
        ("timeout=never", "give seconds"),
        ("speed=3", "no option is called 'speed'; there are: size, fps, format, timeout"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_the_camera_is_touched(options: str, cure: str):
    with pytest.raises(UsageError, match=cure):
        open_source(f"/dev/video99?{options}")


@pytest.mark.parametrize("name", ["/dev/video99", "v4l2:99", "v4l2:/dev/video99", "v4l2:/dev/v4l/by-id/none"])
def test_a_camera_that_is_missing_is_no_input(name: str):
    with pytest.raises(NoInput, match="there is no such camera"):
        open_source(name)


def test_the_cameras_that_there_are_are_listed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(v4l2_device, "video_devices", lambda: ["/dev/video2", "/dev/video10"])
    webcam = Capability("uvcvideo", "HD Webcam", captures=True)
    encoder = Capability("bcm2835-codec", "encoder", captures=False)
    monkeypatch.setattr(v4l2_device, "capability", {"/dev/video2": webcam, "/dev/video10": encoder}.get)
    with pytest.raises(NoInput, match=r"there are: /dev/video2 \(HD Webcam\)$"):
        open_source("/dev/video99")


def test_a_machine_without_cameras_says_where_to_look(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(v4l2_device, "video_devices", list)
    with pytest.raises(NoInput, match=r"no /dev/video\*; is the camera plugged in\? dmesg"):
        open_source("/dev/video99")


def test_a_file_is_no_camera(tmp_path: Path):
    path = tmp_path / "video0"
    path.touch()
    with pytest.raises(NoInput, match="is no camera"):
        open_source(f"v4l2:{path}")


def test_another_device_is_no_camera():
    with pytest.raises(NoInput, match="/dev/null: is no camera"):
        open_source("v4l2:/dev/null")


def test_a_device_for_the_pis_own_camera_leads_to_picamera2(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(v4l2_device, "capability", lambda path: Capability("rp1-cfe", "rp1-cfe", True))
    with pytest.raises(NoInput, match="its source is picamera2:0"):
        open_source("v4l2:/dev/null")


def test_what_is_no_camera_has_no_formats():
    assert formats("/dev/null") == []
    assert pixel_format("/dev/null") is None


class OpenDevice:
    """OpenCV's capture of a camera that could be opened."""

    released = False

    def __init__(self, path: str, backend: int) -> None:
        self.path = path

    def isOpened(self) -> bool:
        return True

    def release(self) -> None:
        OpenDevice.released = True


@pytest.mark.parametrize(
    ("offered", "kind", "said"),
    [
        ([], SourceLost, "does not say what it offers; was it unplugged"),
        (["YUYV", "GREY"], UsageError, "has no MJPG; it offers YUYV, GREY"),
    ],
    ids=["gone", "others"],
)
def test_a_camera_that_vanishes_while_it_is_opened_is_lost_and_no_mistake(
    monkeypatch: pytest.MonkeyPatch, offered: list[str], kind: type[Exception], said: str
):
    monkeypatch.setattr(v4l2.cv2, "VideoCapture", OpenDevice)
    monkeypatch.setattr(v4l2, "formats", lambda path: offered)
    monkeypatch.setattr(OpenDevice, "released", False)
    with pytest.raises(kind, match=said):
        V4l2Camera("/dev/video0", format="mjpg", timeout=1.0)
    assert OpenDevice.released
