"""The source ``picamera2:`` on libcamera's virtual camera; run by ``picamera2.sh``."""

import contextlib
import logging
import runpy
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from checks import Warnings, expect, nothing_is_left, open_things, run
from picamera2 import Picamera2
from picamera2.allocators import LibcameraAllocator

from edge_srcnn.errors import NoInput, SourceLost, Unavailable, UsageError
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.live.capture import Capture
from edge_srcnn.sources import Source, open_source

BARS = [235, 210, 170, 145, 106, 81, 41, 16]
"""Luma of white, yellow, cyan, green, magenta, red, blue and black at 100 %, studio range (ITU-R BT.601)."""

opened: list[Any] = []


def stand_in_for_a_sensor() -> None:
    """Mend what picamera2 expects of a sensor, and the virtual camera has not: raw modes, and a heap for buffers."""
    configure = Picamera2.configure_

    def configure_with_own_buffers(camera: Any, asked: Any) -> Any:
        opened.append(camera)
        if not isinstance(camera.allocator, LibcameraAllocator):
            camera.allocator = LibcameraAllocator(camera.camera)
        return configure(camera, asked)

    logging.getLogger("picamera2").setLevel(logging.CRITICAL)
    Picamera2._get_raw_modes = lambda camera: [{"format": "NV12", "size": (640, 480)}]
    Picamera2.configure_ = configure_with_own_buffers


@contextlib.contextmanager
def camera(options: str = "") -> Iterator[Source]:
    """Camera 0."""
    source = open_source(f"picamera2:0?size=640x480{options}")
    try:
        yield source
    finally:
        source.close()
        opened.clear()


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Hold all buffers of the camera that is open: it delivers no more, and says nothing."""
    held = []
    with contextlib.suppress(TimeoutError):
        while True:
            held.append(opened[-1].capture_request(wait=0.3))
    yield
    for request in held:
        request.release()


def take(source: Source, count: int) -> list[Frame]:
    """So many frames."""
    return list(islice(source, count))


def check_frames_arrive_with_the_sensors_time_and_count() -> None:
    with camera() as source:
        assert source.live and source.frames is None and source.rate == 30
        before = time.monotonic()
        frames = take(source, 20)
    assert [frame.luma.shape for frame in frames] == [(480, 640)] * 20
    assert all(plane.shape == (240, 320) for frame in frames for plane in frame.chroma or ())
    planes = [plane for frame in frames for plane in (frame.luma, *(frame.chroma or ()))]
    assert len(planes) == 60 and all(plane.flags.c_contiguous for plane in planes)
    indices, captured = ([getattr(frame, name) for frame in frames] for name in ("index", "captured_s"))
    assert indices[0] == 0 and all(np.diff(indices) >= 1), indices
    assert all(np.diff(captured) > 0) and before - 0.1 < captured[0] and captured[-1] < time.monotonic()
    assert frames[0].time_s == 0 and np.allclose([frame.time_s for frame in frames], np.subtract(captured, captured[0]))


def check_a_frame_is_fresh_when_it_is_taken() -> None:
    with camera() as source:
        iterator = iter(source)
        next(iterator)
        time.sleep(0.5)
        next(iterator)  # was waiting for us
        assert time.monotonic() - next(iterator).captured_s < 0.1


def check_frames_are_the_pictures_and_stay_as_they_are() -> None:
    with camera() as source:
        iterator = iter(source)
        frame = next(iterator)
        kept = frame.luma.copy()
        take(source, 10)
    assert np.array_equal(kept, frame.luma)  # the camera did not write into it
    row = frame.luma[240].astype(int)
    levels = row[20:-1:80]  # the bars move
    start = int(np.argmax(levels))
    assert np.abs(np.roll(levels, -start) - BARS).max() <= 2, levels
    assert frame.chroma is not None
    cb, cr = (plane[120, 10::40].astype(int) for plane in frame.chroma)
    assert abs(np.roll(cb, -start)[6] - 240) <= 2, cb  # blue
    assert abs(np.roll(cr, -start)[5] - 240) <= 2, cr  # red


def check_another_size_is_warned_of_once() -> None:
    with Warnings() as warned:
        source = open_source("picamera2:0?size=600x440&fps=30")
        frames = take(source, 3)
        source.close()
    assert frames[0].size == (640, 480)
    assert len(warned.texts) == 1 and "600x440" in warned.texts[0] and "640x480" in warned.texts[0], warned.texts


def check_a_rate_that_the_camera_cannot_do_is_said() -> None:
    with Warnings() as warned, camera("&fps=120") as source:
        assert source.rate is not None and float(source.rate) < 61
    assert len(warned.texts) == 1 and "at 120" in warned.texts[0], warned.texts


def check_of_more_frames_than_were_asked_for_some_are_left_out() -> None:
    with Warnings() as warned, camera("&fps=10") as source:
        assert source.rate == 10
        times = [frame.time_s for frame in take(source, 6)]
    assert warned.texts == []
    assert times[-1] - times[0] > 0.45, times


def check_the_colours_are_those_that_libcamera_says() -> None:
    with camera() as source:
        colour = take(source, 1)[0].colour
    said = Colour(full_range=False, matrix=1, primaries=1, transfer=1)  # "NV12/Rec709" in libcamera's log
    assert colour == said, colour


def check_a_missing_camera_is_no_input() -> None:
    expect(NoInput, lambda: open_source("picamera2:7"), "picamera2:7", "picamera2:0 (")


def check_an_unknown_control_is_named_with_its_likes() -> None:
    expect(UsageError, lambda: open_source("picamera2:0?size=640x480&FaceDetect=1"), "'FaceDetect'", "FaceDetectMode")
    expect(UsageError, lambda: open_source("picamera2:0?szie=640x480"), "'szie'", "size")
    expect(UsageError, lambda: open_source("picamera2:0?size=640x480&FaceDetectMode=often"), "Off", "Full")


def check_a_control_is_taken() -> None:
    with camera("&FaceDetectMode=Off&hflip=no") as source:
        assert take(source, 2)


def check_a_camera_in_use_is_said_to_be() -> None:
    with camera() as source:
        assert take(source, 1)
    with camera():
        expect(Unavailable, lambda: open_source("picamera2:0"), "in use")


def check_close_from_another_thread_ends_the_iteration() -> None:
    with camera() as source:
        threading.Timer(0.3, source.wake).start()
        began = time.monotonic()
        assert sum(1 for _ in source) > 1
        assert time.monotonic() - began < 1.5
        source.close()
        source.close()
    with camera() as source:
        assert take(source, 1)


def check_close_ends_a_capture_that_waits() -> None:
    with camera("&timeout=30") as source:
        iterator = iter(source)
        next(iterator)
        with silence():
            threading.Timer(0.3, source.wake).start()
            began = time.monotonic()
            assert sum(1 for _ in iterator) <= 1
            assert time.monotonic() - began < 1.5
    with camera() as source:
        assert take(source, 1)


def check_a_silent_camera_is_lost_in_time_and_can_be_opened_again() -> None:
    with camera("&timeout=1") as source:
        iterator = iter(source)
        next(iterator)
        with silence():
            began = time.monotonic()
            expect(SourceLost, lambda: list(iterator), "no frame came for 1 s")
            assert time.monotonic() - began < 2
    with camera() as source:
        assert take(source, 1)


def check_a_camera_that_breaks_off_is_lost_and_can_be_opened_again() -> None:
    threading.excepthook = lambda _: None  # picamera2's thread dies of it
    for _ in range(5):  # or ours meets it
        with camera("&timeout=1") as source:
            iterator = iter(source)
            next(iterator)
            opened[-1].camera.stop()  # beneath picamera2
            began = time.monotonic()
            expect(SourceLost, lambda: list(iterator))  # noqa: B023  # called at once
            assert time.monotonic() - began < 2
    with camera() as source:
        assert take(source, 1)


def check_a_library_that_hangs_does_not_hang_us() -> None:
    its_own, hang = Picamera2.capture_request, threading.Event()
    try:
        with camera("&timeout=1") as source:
            Picamera2.capture_request = lambda *_, **__: hang.wait()
            began = time.monotonic()
            capture = Capture.of(source)
            capture.begin()
            assert capture.take() is None and "no frame came" in str(capture.error)
            assert time.monotonic() - began < 2
    finally:
        Picamera2.capture_request = its_own
        hang.set()
    time.sleep(1)
    with camera() as source:
        assert take(source, 1)


def check_nothing_is_left_open() -> None:
    for rounds in (1, 3):
        before = open_things()  # of the first round: libcamera itself is started
        for _ in range(rounds):
            with camera() as source:
                take(source, 2)
            with camera():
                expect(Unavailable, lambda: open_source("picamera2:0"), "in use")
            expect(UsageError, lambda: open_source("picamera2:0?size=640x480&Nothing=1"))
            expect(NoInput, lambda: open_source("picamera2:7"))
    nothing_is_left(before)


def check_an_example_takes_stills_and_lets_go_of_the_camera() -> None:
    before = open_things()
    with tempfile.TemporaryDirectory() as folder:
        sys.argv = ["picamera2_stills.py", folder, "3", "0.2"]
        runpy.run_path("/project/examples/picamera2_stills.py", run_name="__main__")
        opened.clear()
        sizes = [cv2.imread(str(path)).shape for path in sorted(Path(folder).iterdir())]
    assert sizes == [(960, 1280, 3)] * 3, sizes
    nothing_is_left(before)


stand_in_for_a_sensor()
run(globals())
