"""RTSP in, RTSP and RTMP out, HTTP and video files, with other programs at the other end; run by ``streams.sh``."""

import functools
import gc
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from checks import expect, nothing_is_left, open_things, run
from streams_peers import SOON_S, camera, free_port, our_cli, probed, started, tool, wait_for_listener

from edge_srcnn.errors import SourceLost
from edge_srcnn.imaging.frame import BT601, Colour, Frame
from edge_srcnn.live.capture import Capture
from edge_srcnn.live.reader import Opener
from edge_srcnn.sources import open_source
from edge_srcnn.sources.video import Video

TRANSPORTS = ("tcp", "udp")
BARS = {
    "luma": [180, 162, 131, 112, 84, 65, 35],
    "cb": [128, 44, 156, 72, 184, 100, 212],
    "cr": [128, 142, 44, 58, 198, 212, 114],
}
"""White, yellow, cyan, green, magenta, red and blue at 75 %, studio range (ITU-R BT.601)."""

FOLDER = Path(tempfile.gettempdir())
Check = Callable[[], None]


def leaves_nothing(check: Check) -> Check:
    """Prove as well that no descriptor and no thread is left, those of FFmpeg included."""

    @functools.wraps(check)
    def checked() -> None:
        before, threads = open_things(), len(os.listdir("/proc/self/task"))
        check()
        nothing_is_left(before)
        end = time.monotonic() + 3
        while len(os.listdir("/proc/self/task")) > threads:  # FFmpeg's own end a little later
            assert time.monotonic() < end
            time.sleep(0.05)
            gc.collect()  # PyAV's containers are in cycles, and decoders end with them

    return checked


def take(address: str, count: int) -> list[Frame]:
    """So many frames of a source that is live and says its rate."""
    source = open_source(address)
    try:
        assert isinstance(source, Video) and source.live and source.rate == 25 and source.frames is None
        return list(islice(source, count))
    finally:
        source.close()


def shows_the_bars(frame: Frame) -> bool:
    """Whether the planes hold the camera's picture."""
    planes = dict(zip(BARS, (frame.luma, *(frame.chroma or ())), strict=True))
    found = {
        name: plane[plane.shape[0] // 3, plane.shape[1] // 14 :: plane.shape[1] // 7].astype(int)
        for name, plane in planes.items()
    }
    return all(np.abs(found[name] - levels).max() <= 3 for name, levels in BARS.items())


def follow_each_other(frames: list[Frame]) -> bool:
    """Whether the frames come in order, each in its time; of a live stream some may have been overtaken."""
    numbers, times = [frame.index for frame in frames], [frame.time_s for frame in frames]
    return numbers == sorted(set(numbers)) and np.allclose(times, np.array(numbers) / 25, atol=0.02)


# ---- RTSP in


def check_h264_of_an_rtsp_camera_comes_as_it_is() -> None:
    with camera() as (_, address):
        for transport in TRANSPORTS:
            frames = take(f"{address}/h264#transport={transport}", 30)
            assert {(frame.size, frame.subsampling) for frame in frames} == {((320, 240), (2, 2))}
            assert all(map(shows_the_bars, frames)) and follow_each_other(frames)
            assert {frame.colour for frame in frames} == {Colour(False, BT601, BT601, BT601)}


def check_mjpeg_of_an_rtsp_camera_comes_as_it_is() -> None:
    with camera() as (_, address):
        for transport in TRANSPORTS:
            frames = take(f"{address}/mjpeg#transport={transport}", 30)
            assert {(frame.size, frame.subsampling) for frame in frames} == {((320, 240), (2, 2))}
            assert all(map(shows_the_bars, frames)) and follow_each_other(frames)
            assert all(frame.colour.full_range for frame in frames)


def check_a_camera_with_sound_keeps_its_times() -> None:
    with camera() as (_, address):
        frames = take(f"{address}/sound", 50)
    assert all(map(shows_the_bars, frames)) and follow_each_other(frames)


def check_no_frame_is_lost_at_the_start_and_none_is_held_back() -> None:
    frames: list[Frame] = []
    with camera() as (_, address):
        source = open_source(f"{address}/short#timeout=5")  # 40 frames, and only the first is a key frame
        expect(SourceLost, lambda: frames.extend(source))
        ended = time.monotonic()
    assert len(frames) >= 38 and all(map(shows_the_bars, frames))  # the last may be cut off
    # with the end come at most the last two; all others came when the camera sent them
    assert ended - frames[-3].captured_s > 0.02, [ended - frame.captured_s for frame in frames[-5:]]


def check_lost_packets_do_not_end_the_stream() -> None:
    with camera() as (_, address):
        for transport in TRANSPORTS:
            times = [frame.time_s for frame in take(f"{address}/lossy#transport={transport}", 50)]
            assert len(times) == 50 and all(a < b for a, b in pairwise(times))


# ---- RTSP in, and what may go wrong


def lost_after(what: signal.Signals, transport: str, *words: str) -> float:
    """How long it takes to be lost when the camera's process gets a signal."""
    with camera() as (process, address):
        iterator = iter(open_source(f"{address}/h264#timeout=2&transport={transport}"))
        assert len([*islice(iterator, 40)]) == 40
        process.send_signal(what)
        began = time.monotonic()
        expect(SourceLost, lambda: list(iterator), *words)
        return time.monotonic() - began


@leaves_nothing
def check_a_camera_that_hangs_is_lost_in_time() -> None:
    for transport in TRANSPORTS:
        assert 1 < lost_after(signal.SIGSTOP, transport, "no frame came within the time limit") < 3


@leaves_nothing
def check_a_camera_that_dies_is_lost() -> None:
    for transport in TRANSPORTS:
        assert lost_after(signal.SIGKILL, transport) < 3


@leaves_nothing
def check_an_address_where_nobody_listens_is_said_at_once() -> None:
    for transport in TRANSPORTS:
        began = time.monotonic()
        address = f"rtsp://127.0.0.1:{free_port()}/h264#transport={transport}"
        said = expect(SourceLost, lambda address=address: open_source(address), "cannot be opened", "refused")
        assert time.monotonic() - began < 1 and "\n" not in said


@leaves_nothing
def check_a_path_that_the_camera_has_not_is_said_at_once() -> None:
    with camera() as (_, address):
        began = time.monotonic()
        expect(SourceLost, lambda: open_source(f"{address}/none"), "cannot be opened", "404", f"{address}/none")
        assert time.monotonic() - began < 2


@leaves_nothing
def check_a_camera_that_hangs_from_the_start_is_lost_in_time() -> None:
    with camera() as (process, address):
        process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        expect(SourceLost, lambda: open_source(f"{address}/h264#timeout=1"), "does not answer within the time limit")
        assert time.monotonic() - began < 2


@leaves_nothing
def check_close_from_another_thread_ends_the_iteration() -> None:
    with camera() as (_, address):
        source = open_source(f"{address}/h264")
        iterator = iter(source)
        next(iterator)
        threading.Timer(0.5, source.wake).start()
        began = time.monotonic()
        assert sum(1 for _ in iterator) > 1
        assert time.monotonic() - began < 1.5
        source.close()


@leaves_nothing
def check_close_ends_a_capture_at_once_while_no_frame_comes_and_without_an_error() -> None:
    with camera() as (process, address):
        capture = Capture(Opener.of(f"{address}/h264#timeout=2")).open()
        capture.begin()
        for _ in range(40):
            assert capture.take() is not None
        process.send_signal(signal.SIGSTOP)
        threading.Timer(0.3, capture.close).start()
        began = time.monotonic()
        while capture.take() is not None:
            pass
        assert time.monotonic() - began < 1
        assert capture.error is None
        capture.join(10)


@leaves_nothing
def check_a_source_that_nobody_reads_leaves_nothing() -> None:
    with camera() as (_, address):
        open_source(f"{address}/h264").close()


# ---- RTSP and RTMP out


def pushed(address: str, *listening: str) -> dict[str, Any]:
    """What ffmpeg got of 100 frames that were pushed to it."""
    target = FOLDER / f"{address.partition(':')[0]}.mkv"
    with started("ffmpeg", "-v", "error", *listening, "-i", address, "-c", "copy", target) as server:
        wait_for_listener(int(address.split(":")[2].partition("/")[0]))
        our_cli("run", "--source", "test:size=64x48,fps=25,frames=100", "--sink", address, "-e", "bicubic")
        assert server.wait(SOON_S) == 0
    return probed(target, "-count_frames", "-show_streams", "-show_packets")


def is_what_was_pushed(found: dict[str, Any]) -> None:
    """H.264 of the right size, most of the frames, each after the one before it."""
    (stream,) = found["streams"]
    assert (stream["codec_name"], stream["width"], stream["height"]) == ("h264", 128, 96)
    times = [float(packet["pts_time"]) for packet in found["packets"]][1:]  # of RTSP, ffmpeg knows no first time
    assert int(stream["nb_read_frames"]) == len(times) + 1 and 50 <= len(times) <= 100, len(times)
    assert all(a < b for a, b in pairwise(times)) and times[-1] - times[0] <= 99 / 25 + 0.05


def check_ffmpeg_as_rtsp_server_gets_what_is_pushed() -> None:
    is_what_was_pushed(pushed(f"rtsp://127.0.0.1:{free_port()}/pi", "-rtsp_flags", "listen"))


def check_ffmpeg_as_rtmp_server_gets_what_is_pushed() -> None:
    is_what_was_pushed(pushed(f"rtmp://127.0.0.1:{free_port()}/live/pi", "-listen", "1", "-f", "flv"))


# ---- HTTP out


def check_ffprobe_and_gstreamer_can_look_at_the_page_s_stream() -> None:
    port = free_port()
    run_it = (sys.executable, "-m", "edge_srcnn", "run", "--source", "test:size=320x240,fps=10", "-e", "bicubic")
    address = f"http://127.0.0.1:{port}/stream.mjpg"
    with started(*run_it, "--sink", f"http://127.0.0.1:{port}"):
        wait_for_listener(port)
        (stream,) = probed(address, "-show_streams")["streams"]
        assert (stream["codec_name"], stream["width"], stream["height"]) == ("mjpeg", 640, 480)
        pipeline = f"souphttpsrc location={address} ! multipartdemux ! image/jpeg,width=640,height=480 ! jpegdec"
        tool("gst-launch-1.0", "-q", *f"{pipeline} ! fakesink num-buffers=20".split())


run(globals())
