"""The sink for virtual cameras, on v4l2loopback and on vivid's output; run by ``vivid.sh``, in its machine."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
from checks import expect, nothing_is_left, open_things, run

from edge_srcnn.errors import CannotWrite, Unavailable
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.live.retrying_sink import RetryingSink
from edge_srcnn.sinks import Result, Stream, open_sink
from edge_srcnn.sinks.v4l2_output import V4l2Output
from edge_srcnn.sources import open_source
from edge_srcnn.system.backoff import Backoff
from edge_srcnn.system.v4l2 import G_FMT, PixelFormat, ask

LOOPBACK, OUTPUT = "/dev/video1", "/dev/video2"
DRIVER = Path("/sys/bus/platform/drivers/vivid")
STREAM = Stream(Fraction(30), None, None, dict)
LIMITED = Colour(full_range=False)


def frame(height: int = 480, width: int = 640, *, colour: Colour = LIMITED, seed: int = 1) -> Frame:
    """Random planes of 4:2:0, in limited range."""
    rng = np.random.default_rng(seed)
    half = height // 2, width // 2
    luma, cb, cr = (rng.integers(16, 236, each).astype(np.uint8) for each in ((height, width), half, half))
    return Frame(luma, (cb, cr), colour, 0, 0.0, 0.0)


@contextlib.contextmanager
def written(sent: Frame, device: str = LOOPBACK, **options: object) -> Iterator[V4l2Output]:
    """Write the same frame again and again, 30 a second, in another thread."""
    sink = V4l2Output(f"v4l2:{device}", device, **options)  # type: ignore[arg-type]
    sink.begin(STREAM)
    result, ended = Result(sent, sent, 1), threading.Event()
    sink.write(result)

    def go_on() -> None:
        while not ended.wait(1 / 30):
            sink.write(result)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield sink
    finally:
        ended.set()
        thread.join()
        sink.close()


def read_back(size: str = "640x480", device: str = LOOPBACK) -> Frame:
    """What our own source reads of it."""
    source = open_source(f"{device}?size={size}&timeout=5")
    try:
        return list(islice(source, 3))[-1]
    finally:
        source.close()


def same(sent: Frame, found: Frame) -> bool:
    """Whether luma is the same, and chroma where it was not resampled."""
    assert sent.chroma is not None and found.chroma is not None
    equal = np.array_equal(sent.luma, found.luma)
    if found.chroma[0].shape == sent.chroma[0].shape:
        equal &= all(np.array_equal(one, other) for one, other in zip(sent.chroma, found.chroma, strict=True))
    return equal


def check_every_layout_is_read_back_as_it_was_sent() -> None:
    for format in ("yuyv", "yu12", "nv12"):
        with written(frame(), format=format):
            found = read_back()
        assert found.size == (640, 480) and same(frame(), found), format
        assert found.subsampling == ((1, 2) if format == "yuyv" else (2, 2)), format


def check_buffers_that_are_shared_show_the_same_as_writing() -> None:
    with written(frame(), streaming=True) as sink:
        assert same(frame(), read_back())
        assert sink.missed == 0


def check_full_range_is_brought_to_the_limited_one() -> None:
    sent = frame(colour=Colour(full_range=True))
    with written(sent):
        found = read_back()
    assert np.abs(found.luma - (16 + sent.luma * (219 / 255))).max() <= 0.5 + 1e-6


def check_ffmpeg_sees_a_camera_of_the_right_size_and_rate() -> None:
    with written(frame()), av.open(LOOPBACK, format="v4l2", timeout=5) as container:
        stream = container.streams.video[0]
        picture = next(container.decode(stream))
        assert (picture.width, picture.height, picture.format.name) == (640, 480, "yuyv422")
        assert stream.average_rate == 30, stream.average_rate
        assert np.array_equal(picture.to_ndarray(format="gray"), frame().luma) or np.array_equal(
            picture.to_ndarray()[:, :, 0], frame().luma
        )


def check_the_device_says_what_its_numbers_mean() -> None:
    with written(frame()):
        answer = ask(LOOPBACK, G_FMT, (1).to_bytes(4, "little"), 208)
    assert answer is not None
    found = PixelFormat.unpack(answer)
    print(f"       v4l2loopback keeps {found}")  # noqa: T201
    assert found.quantization in (0, 2) and found.encoding in (0, 1)  # limited and BT.601, or not said


def check_another_size_begins_anew() -> None:
    sink = open_sink(f"v4l2:{LOOPBACK}")
    sink.begin(STREAM)
    for height, width in ((480, 640), (240, 320), (482, 642)):
        sent = frame(height, width)
        sink.write(Result(sent, sent, 1))
    sink.close()
    with written(frame(240, 320)):
        assert same(frame(240, 320), read_back("320x240"))


def check_a_second_writer_is_told_that_the_device_is_busy() -> None:
    with written(frame()):
        second = V4l2Output("v4l2:second", LOOPBACK)
        sent = frame()
        text = expect((Unavailable, CannotWrite), lambda: second.write(Result(sent, sent, 1)), LOOPBACK)  # type: ignore[arg-type]
        assert "another program writes to it" in text, text


def check_a_camera_is_no_output_and_says_what_is() -> None:
    expect(Unavailable, lambda: open_sink("v4l2:/dev/video0"), "is a camera (vivid), not an output", OUTPUT, "modprobe")
    expect(Unavailable, lambda: open_sink("v4l2:/dev/video7"), "there is no such device", OUTPUT, "modprobe")


def check_a_driver_whose_write_does_not_work_gets_buffers() -> None:
    # vivid's output refuses what is written to it, while it shows S-Video
    with written(frame(), OUTPUT) as sink:
        time.sleep(0.5)
    assert sink.missed == 0, sink.missed


def check_a_device_that_vanishes_is_told_and_taken_again() -> None:
    sink = RetryingSink.of(f"v4l2:{OUTPUT}", Backoff(0.5, first_s=0.1))
    sink.begin(STREAM)
    sent = Result(frame(), frame(), 1)

    def write_until(wanted: bool, limit_s: float = 15) -> None:
        end = time.monotonic() + limit_s
        while (sink.last_error is None) is not wanted:
            assert time.monotonic() < end, sink.last_error
            sink.write(sent)
            time.sleep(0.03)

    try:
        sink.write(sent)
        assert sink.last_error is None, sink.last_error
        threading.Thread(target=(DRIVER / "unbind").write_text, args=("vivid.0",)).start()
        write_until(False)
        assert OUTPUT in (sink.last_error or ""), sink.last_error
        (DRIVER / "bind").write_text("vivid.0")
        write_until(True)
    finally:
        sink.close()


def check_run_is_a_camera_for_others() -> None:
    words = ["run", "--source", "test:?size=160x120&fps=10", "--sink", f"v4l2:{LOOPBACK}", "--model", "fast-s-x2"]
    process = subprocess.Popen([sys.executable, "-m", "edge_srcnn", *words], stderr=subprocess.PIPE)
    try:
        end = time.monotonic() + 150
        while True:
            try:
                found = read_back("320x240")
                break
            except Exception:
                assert time.monotonic() < end
                assert process.poll() is None, (process.returncode, process.stderr and process.stderr.read())
                time.sleep(1)
        assert found.size == (320, 240) and found.luma.std() > 20
    finally:
        process.terminate()
        _, told = process.communicate(timeout=30)
        assert process.returncode in (0, -15), (process.returncode, told)


def check_nothing_is_left_open() -> None:
    before = open_things()
    for streaming in (False, True):
        with written(frame(), streaming=streaming):
            pass
    with contextlib.suppress(Unavailable):
        open_sink("v4l2:/dev/video7")
    nothing_is_left(before)


assert os.path.exists(LOOPBACK)
run(globals())
