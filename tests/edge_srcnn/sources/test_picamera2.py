import logging
import queue
import sys
import threading
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from edge_srcnn.errors import NoInput, SourceLost, Unavailable, UsageError
from edge_srcnn.imaging.frame import Colour
from edge_srcnn.live.capture import Capture
from edge_srcnn.live.reader import Opener
from edge_srcnn.sources import open_source
from edge_srcnn.sources.libcamera import colour_of
from tests.edge_srcnn.sources.fake_picamera2 import (
    REC709,
    SMPTE170M,
    SYCC,
    FakePicamera2,
    Request,
    install,
)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> type[FakePicamera2]:
    return install(monkeypatch)


def test_without_the_library_the_way_to_get_it_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(Unavailable, match=r"apt install python3-picamera2.*--system-site-packages"):
        open_source("picamera2:0")


def test_planes_come_without_padding_and_requests_go_back_once(library: type[FakePicamera2]):
    source = open_source("picamera2:0?size=96x64&fps=20")
    assert (source.live, source.rate, source.frames) == (True, 20, None)
    frames = list(islice(source, 4))
    for frame in frames:
        assert frame.chroma is not None
        assert frame.luma.shape == (64, 96)
        assert (frame.luma == 50).all()
        assert [plane.shape for plane in frame.chroma] == [(32, 48)] * 2
        assert (frame.chroma[0] == 100).all()
        assert (frame.chroma[1] == 200).all()
    source.close()
    assert [request.released for request in library.opened[0].requests] == [1] * len(library.opened[0].requests)
    assert library.opened[0].closed == 1


def test_time_and_index_are_the_sensors(library: type[FakePicamera2]):
    frames = list(islice(open_source("picamera2:0?size=96x64"), 4))
    stamps = {request.stamp_ns / 1e9 for request in library.opened[0].requests}
    assert all(frame.captured_s in stamps for frame in frames)
    assert frames[0].index == 0
    assert all(frame.index % 3 == 0 for frame in frames)  # the sensor counts 10, 13, 16
    assert [frame.time_s for frame in frames] == [frame.captured_s - frames[0].captured_s for frame in frames]


@pytest.mark.parametrize("ahead_s", [-86_400, 3600])
def test_a_stamp_of_another_clock_gives_way_to_ours(library: type[FakePicamera2], ahead_s: int):
    library.clock_ahead_ns = ahead_s * 10**9
    before = time.monotonic()
    frame = next(iter(open_source("picamera2:0?size=96x64")))
    assert before <= frame.captured_s <= time.monotonic()


def test_another_size_is_warned_of_once(library: type[FakePicamera2], caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        frames = list(islice(open_source("picamera2:0?size=640x480"), 3))
    assert frames[0].size == (96, 64)
    assert [record.getMessage() for record in caplog.records] == [
        "picamera2:0: asked for 640x480 at 30 frames a second, the camera gives 96x64 at 30"
    ]


@pytest.mark.parametrize(
    ("fps", "duration", "rate"), [("30", 33_333, 30), ("10", 100_000, 10), ("5", 100_000, 5), ("120", 16_667, 60)]
)
def test_the_rate_becomes_a_frame_duration_and_of_what_is_too_many_some_are_left_out(
    library: type[FakePicamera2], fps: str, duration: int, rate: int
):
    source = open_source(f"picamera2:0?size=96x64&fps={fps}")
    assert library.opened[0].controls["FrameDurationLimits"] == (duration, duration)
    assert source.rate is not None
    assert abs(source.rate - rate) < 0.01
    source.close()


def test_controls_and_flips_reach_the_camera(library: type[FakePicamera2]):
    source = open_source("picamera2:1?size=96x64&hflip=yes&vflip=no&ExposureTime=10000&AwbEnable=no&AfMode=Continuous")
    source.close()
    camera = library.opened[0]
    assert (camera.controls["ExposureTime"], camera.controls["AwbEnable"], camera.controls["AfMode"]) == (
        10_000,
        False,
        2,
    )
    flips = camera.camera_configuration()["transform"]
    assert (flips.hflip, flips.vflip) == (1, 0)


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("picamera2:0?size=big", "give width x height"),
        ("picamera2:0?hflip=perhaps", "give yes or no"),
        ("picamera2:front", "cameras have numbers"),
        ("picamera2:0?size=96x64&ExposureTim=1", "did you mean ExposureTime"),
        ("picamera2:0?size=96x64&ExposureTime=soon", "ExposureTime=soon: give a whole number"),
        ("picamera2:0?size=96x64&ExposureTime=-1", "does not take these settings .bad value"),
        ("picamera2:0?fsp=30", "no option is called 'fsp'; there are: size, fps"),
    ],
)
def test_options_that_make_no_sense_are_refused(library: type[FakePicamera2], name: str, cure: str):
    with pytest.raises(UsageError, match=cure):
        open_source(name)
    assert all(camera.closed == 1 for camera in library.opened)


def test_a_missing_camera_is_no_input_and_the_others_are_listed(library: type[FakePicamera2]):
    with pytest.raises(NoInput, match=r"there are: picamera2:0 \(imx708\), picamera2:1 \(ov5647\)"):
        open_source("picamera2:7")
    library.cameras = []
    with pytest.raises(NoInput, match="ribbon cable"):
        open_source("picamera2:0")


def test_a_camera_in_use_is_said_to_be(library: type[FakePicamera2]):
    library.fails = RuntimeError("Failed to acquire camera: Device or resource busy")
    with pytest.raises(Unavailable, match="in use"):
        open_source("picamera2:0")
    library.fails = RuntimeError("tuning file not found")
    with pytest.raises(Unavailable, match=r"cannot be opened \(.*tuning file not found\)"):
        open_source("picamera2:0")


def test_a_library_that_hangs_is_abandoned_in_time_and_its_camera_not_opened_again(library: type[FakePicamera2]):
    opener = replace(Opener.of("picamera2:0?size=96x64&timeout=0.5"), limit_s=0.5)
    capture = Capture(opener).open()
    capture.begin()
    assert capture.take() is not None
    camera = library.opened[0]
    camera.hangs.set()
    began = time.monotonic()
    while capture.take() is not None:
        pass
    assert isinstance(capture.error, SourceLost) and "no frame came for 0.5 s" in str(capture.error)
    assert time.monotonic() - began < 1.5
    with pytest.raises(Unavailable, match=r"picamera2:0: the driver does not answer"):
        Capture(opener).open()
    camera.hangs.clear()  # the library returns at last
    again = Capture(opener).open()
    again.close()
    again.join()
    assert [each.closed for each in library.opened] == [1, 1]


def running(library: type[FakePicamera2], timeout_s: float) -> tuple[Any, Any, FakePicamera2]:
    source = open_source(f"picamera2:0?size=96x64&timeout={timeout_s}")
    iterator = iter(source)
    next(iterator)
    return source, iterator, library.opened[0]


@pytest.mark.slow
def test_a_camera_that_delivers_no_more_is_lost_in_time(library: type[FakePicamera2]):
    _, iterator, camera = running(library, 0.5)
    camera.silent.set()
    began = time.monotonic()
    with pytest.raises(SourceLost, match=r"no frame came for 0\.5 s"):
        list(iterator)
    assert time.monotonic() - began < 1.5
    assert camera.cancelled.is_set()
    assert camera.closed == 1


@pytest.mark.parametrize("error", [RuntimeError("Failed to queue request"), OSError(19, "No such device")])
def test_what_the_library_raises_is_a_lost_camera(
    library: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch, error: Exception
):
    _, iterator, camera = running(library, 2)

    def fail(job: int, timeout: float) -> Request:
        raise error

    monkeypatch.setattr(camera, "wait", fail)
    with pytest.raises(SourceLost, match="broke off"):
        list(iterator)


@pytest.mark.parametrize("error", [RuntimeError("no\ncamera manager"), OSError(24, "Too many open files"), KeyError(0)])
def test_what_the_library_raises_at_first_is_an_unavailable_camera(
    library: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch, error: Exception
):
    def fail(*_: Any, **__: Any) -> None:
        raise error

    for method in ("global_camera_info", "__init__", "configure", "start"):
        with monkeypatch.context() as patch:
            patch.setattr(library, method, fail)
            with pytest.raises(Unavailable) as raised:
                open_source("picamera2:0")
        assert raised.value.__cause__ is error
        assert "\n" not in str(raised.value)
    assert all(camera.closed == 1 for camera in library.opened)


def test_a_library_for_another_numpy_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "picamera2.py").write_text("raise ValueError('numpy.dtype size changed')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "picamera2", raising=False)
    with pytest.raises(Unavailable, match=r"numpy\.dtype size changed.*apt install"):
        open_source("picamera2:0")


def test_a_request_that_cannot_be_given_back_is_a_lost_camera(
    library: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch
):
    _, iterator, _ = running(library, 2)

    def fail(request: Request) -> None:
        raise RuntimeError("Failed to queue request: Permission denied")

    monkeypatch.setattr(Request, "release", fail)
    with pytest.raises(SourceLost, match="Permission denied"):
        list(iterator)


def test_waking_ends_a_capture_that_waits_and_closing_may_be_called_twice(library: type[FakePicamera2]):
    source, iterator, camera = running(library, 30)
    camera.silent.set()
    ended: queue.Queue[int] = queue.Queue()
    threading.Thread(target=lambda: ended.put(len(list(iterator)))).start()
    time.sleep(0.1)
    source.wake()
    assert ended.get(timeout=1) <= 1
    source.close()
    source.close()
    assert camera.closed == 1


@pytest.mark.parametrize(
    ("space", "colour"),
    [
        (SYCC, Colour(True, 6, 1, 13)),
        (SMPTE170M, Colour(False, 6, 6, 1)),
        (REC709, Colour(False, 1, 1, 1)),
        (None, Colour(None, 2, 2, 2)),
    ],
)
def test_colour_spaces_become_code_points_of_h273(space: Any, colour: Colour):
    assert colour_of(space) == colour


def test_frames_are_tagged_with_the_colours_of_the_camera(library: type[FakePicamera2]):
    assert next(iter(open_source("picamera2:0?size=96x64"))).colour == Colour(True, 6, 1, 13)
