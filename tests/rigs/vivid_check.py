"""The source for V4L2 cameras on the kernel's vivid driver; run by ``vivid.sh``, in its machine."""

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from checks import Warnings, expect, nothing_is_left, open_things, run
from vivid_devices import DEVICE, WEBCAM, control, dropped, jpeg, webcam

from edge_srcnn.errors import NoInput, SourceLost, Unavailable, UsageError
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.live.capture import Capture
from edge_srcnn.sources import Source, open_source

DRIVER = Path("/sys/bus/platform/drivers/vivid")
BARS = {
    "luma": [180, 162, 131, 112, 84, 65, 35, 16],
    "cb": [128, 44, 156, 72, 184, 100, 212, 128],
    "cr": [128, 142, 44, 58, 198, 212, 114, 128],
}
"""White, yellow, cyan, green, magenta, red, blue and black at 75 %, studio range (ITU-R BT.601)."""


@contextlib.contextmanager
def camera(options: str = "") -> Iterator[Source]:
    """The camera."""
    source = open_source(f"{DEVICE}?size=640x480{options}")
    try:
        yield source
    finally:
        source.close()


def take(source: Source, count: int) -> list[Frame]:
    """So many frames."""
    return list(islice(source, count))


def shows_the_bars(frame: Frame) -> bool:
    """Whether the planes hold the driver's test picture; in a row that its own text does not reach."""
    planes = dict(zip(BARS, (frame.luma, *(frame.chroma or ())), strict=True))
    found = {
        name: plane[400, plane.shape[1] // 16 :: plane.shape[1] // 8].astype(int) for name, plane in planes.items()
    }
    return all(np.abs(found[name] - levels).max() <= 2 for name, levels in BARS.items())


def check_yuyv_becomes_planes_without_conversion() -> None:
    with camera("&format=yuyv&fps=30") as source:
        assert source.live and source.frames is None and source.rate == 30
        frame = take(source, 1)[0]
    assert frame.size == (640, 480) and frame.subsampling == (1, 2)
    assert all(plane.flags.c_contiguous for plane in (frame.luma, *(frame.chroma or ())))
    assert shows_the_bars(frame)
    assert frame.colour == Colour(full_range=False)


def check_what_the_driver_says_of_colours_is_carried_on() -> None:
    control("Y'CbCr Encoding", 2)  # Rec. 709
    control("Quantization", 1)  # full range
    with camera() as source:
        colour = take(source, 1)[0].colour
    control("Y'CbCr Encoding", 0)
    control("Quantization", 0)
    assert colour == Colour(full_range=True, matrix=1), colour


def check_frames_come_at_the_rate_with_the_drivers_time() -> None:
    with camera("&fps=15") as source:
        before = time.monotonic()
        frames = take(source, 16)
    captured = [frame.captured_s for frame in frames]
    assert [frame.index for frame in frames] == list(range(16))
    assert all(np.diff(captured) > 0) and before < captured[0] and captured[-1] < time.monotonic()
    assert abs(captured[-1] - captured[0] - 1) < 0.2  # 15 frames later
    assert frames[0].time_s == 0 and frames[-1].time_s == captured[-1] - captured[0]


def check_the_newest_frame_counts_and_the_others_are_counted() -> None:
    with camera("&fps=30") as source:
        capture = Capture.of(source)
        capture.begin()
        capture.take()
        time.sleep(0.5)
        waited, now_s, fresh = capture.take().frame, time.monotonic(), capture.take().frame
        capture.close()
        capture.join()
    assert now_s - waited.captured_s < 0.25 and waited.index > 5
    assert fresh.index == waited.index + 1


def check_another_size_is_warned_of_once() -> None:
    with Warnings() as warned:
        source = open_source(f"{DEVICE}?size=600x440&fps=30")
        size = take(source, 1)[0].size
        source.close()
    assert size == (640, 480)
    assert len(warned.texts) == 1 and "600x440" in warned.texts[0] and "640x480" in warned.texts[0], warned.texts


def check_a_format_that_the_camera_has_not_is_named() -> None:
    expect(UsageError, lambda: open_source(f"{DEVICE}?format=mjpg"), "MJPG", "YUYV")


def check_jpeg_is_decoded_to_its_planes() -> None:
    with webcam([jpeg(60)]):
        source = open_source(f"{WEBCAM}?size=640x480&format=mjpg&timeout=2")
        frame = take(source, 1)[0]
    assert frame.size == (640, 480) and frame.subsampling == (1, 2) and frame.colour == Colour()
    assert frame.chroma is not None
    for plane, level in zip((frame.luma, *frame.chroma), (60, 90, 170), strict=True):
        assert np.abs(plane.astype(int) - level).max() <= 1


def check_jpeg_is_taken_when_there_is_nothing_else() -> None:
    with webcam([jpeg(60)]):
        assert take(open_source(WEBCAM), 1)[0].colour == Colour()


def check_damaged_jpeg_is_left_out_and_counted() -> None:
    good = jpeg(60)
    with webcam([good, good[:-400], good, bytes(1000), good]):
        frames = take(open_source(f"{WEBCAM}?timeout=2"), 9)
    assert all(np.abs(frame.luma.astype(int) - 60).max() <= 1 for frame in frames)
    assert frames[-1].index > 10


def check_a_camera_that_sends_damaged_jpeg_only_is_lost_in_time() -> None:
    with webcam([jpeg(60)[:-400]]):
        began = time.monotonic()
        expect(SourceLost, lambda: take(open_source(f"{WEBCAM}?timeout=1"), 1), "damaged")
        assert time.monotonic() - began < 2.5


def check_a_webcam_that_falls_silent_is_lost_in_time() -> None:
    with webcam([jpeg(60)]):
        source = open_source(f"{WEBCAM}?timeout=1")
        iterator = iter(source)
        next(iterator)
    began = time.monotonic()
    expect(SourceLost, lambda: list(iterator), WEBCAM)
    assert time.monotonic() - began < 2


def check_other_cameras_are_listed_when_one_is_missing() -> None:
    expect(NoInput, lambda: open_source("/dev/video7"), "/dev/video7", "/dev/video0 (vivid)")
    expect(NoInput, lambda: open_source("v4l2:/dev/null"), "no camera", "/dev/video0 (vivid)")


def check_the_group_is_named_when_it_may_not_be_opened() -> None:
    os.chmod(DEVICE, 0o660)
    os.setegid(65534)
    os.seteuid(65534)
    try:
        expect(Unavailable, lambda: open_source(DEVICE), "group video", "usermod")
    finally:
        os.seteuid(0)
        os.setegid(0)


def check_a_camera_in_use_is_said_to_be() -> None:
    with camera() as source:
        iterator = iter(source)
        next(iterator)
        expect(Unavailable, lambda: open_source(DEVICE), "another program")
        next(iterator)


def check_close_from_another_thread_ends_the_iteration() -> None:
    with camera() as source:
        threading.Timer(0.5, source.wake).start()
        began = time.monotonic()
        assert sum(1 for _ in source) > 1
        assert time.monotonic() - began < 2
        source.close()
        source.close()
    with camera() as source:
        assert take(source, 1)


def check_close_ends_the_iteration_while_no_frame_comes() -> None:
    with camera("&timeout=20") as source:
        iterator = iter(source)
        next(iterator)
        with dropped():
            threading.Timer(0.3, source.wake).start()
            began = time.monotonic()
            assert sum(1 for _ in iterator) <= 2
            assert time.monotonic() - began < 2
            source.close()
            with camera():
                pass  # nobody holds it any more


def check_a_camera_that_is_silent_for_a_while_goes_on() -> None:
    with camera("&timeout=5") as source:
        iterator = iter(source)
        next(iterator)
        with dropped():
            time.sleep(2.5)
        frames = [next(iterator) for _ in range(4)]
    assert frames[-1].captured_s - frames[-2].captured_s < 0.5


def check_a_camera_that_drops_all_frames_is_lost_in_time_and_can_be_opened_again() -> None:
    with camera("&timeout=2") as source:
        iterator = iter(source)
        next(iterator)
        with dropped():
            began = time.monotonic()
            expect(SourceLost, lambda: list(iterator), "no frame came for 2 s")
            assert 1.5 < time.monotonic() - began < 3
            source.close()
            with camera():
                pass
    with camera() as source:
        assert take(source, 1)


def check_a_stream_that_breaks_is_lost_at_once_and_can_be_opened_again() -> None:
    with camera("&timeout=5") as source:
        iterator = iter(source)
        next(iterator)
        control("Inject Fatal Streaming Error", 1)
        began = time.monotonic()
        expect(SourceLost, lambda: list(iterator), "broke off")
        assert time.monotonic() - began < 1
    with camera() as source:
        assert take(source, 1)


def check_single_bad_buffers_do_not_end_the_stream() -> None:
    with camera() as source:
        iterator = iter(source)
        for fault in ("Inject V4L2_BUF_FLAG_ERROR", "Inject VIDIOC_QBUF Error"):
            control(fault, 1)
            assert len(list(islice(iterator, 3))) == 3


def check_a_camera_that_says_it_is_disconnected_is_lost_at_once() -> None:
    with camera("&timeout=5") as source:
        iterator = iter(source)
        next(iterator)
        control("Disconnect", 1)
        began = time.monotonic()
        expect(SourceLost, lambda: list(iterator), "unplugged")
        assert time.monotonic() - began < 1


def wait_for(*, exists: bool) -> None:
    """Wait until the device is there, or is not."""
    end = time.monotonic() + 3
    while os.path.exists(DEVICE) != exists and time.monotonic() < end:
        time.sleep(0.05)


def check_a_camera_that_is_unplugged_is_lost_and_found_again() -> None:
    with camera("&timeout=2") as source:
        iterator = iter(source)
        next(iterator)
        began = time.monotonic()
        unplugging = threading.Thread(target=(DRIVER / "unbind").write_text, args=("vivid.0",))
        unplugging.start()
        expect(SourceLost, lambda: list(iterator), "unplugged")
        assert time.monotonic() - began < 3
    unplugging.join(10)
    wait_for(exists=False)  # the kernel takes the device's name away in a thread of its own
    try:
        expect(NoInput, lambda: open_source(DEVICE), "no such camera")
    finally:
        (DRIVER / "bind").write_text("vivid.0")
        wait_for(exists=True)
    with camera() as source:
        assert shows_the_bars(take(source, 1)[0])


def check_nothing_is_left_open() -> None:
    for rounds in (1, 3):
        before = open_things()
        for _ in range(rounds):
            with camera() as source:
                take(source, 2)
            with camera():
                expect(Unavailable, lambda: open_source("/dev/video0?format=mjpg"))
            expect(UsageError, lambda: open_source("/dev/video0?format=mjpg"))
            expect(NoInput, lambda: open_source("/dev/video7"))
    nothing_is_left(before)


run(globals())
