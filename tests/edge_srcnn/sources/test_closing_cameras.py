"""Who waits for a network camera can leave: soon, and without an error."""

import threading
from time import monotonic, sleep

import pytest

pytest.importorskip("av")

from edge_srcnn.live.capture import Capture
from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.live.reader import Opener
from edge_srcnn.sinks.null import NullSink
from edge_srcnn.sources import open_source
from edge_srcnn.upscaler import load_model
from tests.edge_srcnn.sources.frames import SOON_S, collect


def begun(uri):
    capture = Capture(Opener.of(uri)).open()
    capture.begin()
    return capture


def until_the_end(capture):
    frames = []
    while (taken := capture.take()) is not None:
        frames.append(taken.frame)
    return frames


@pytest.mark.slow
@pytest.mark.parametrize(("what", "wait_s"), [("works", 0.3), ("pauses/60", 1)])
def test_who_waits_for_a_camera_can_leave_at_once_and_without_an_error(camera, what, wait_s):
    capture, began = begun(f"{camera}/{what}#timeout=5"), []

    def leave():
        sleep(wait_s)
        began.append(monotonic())
        capture.close()

    thread = threading.Thread(target=leave)
    thread.start()
    assert until_the_end(capture)
    assert monotonic() - began[0] < 1
    thread.join()
    assert capture.error is None
    capture.join(SOON_S)


@pytest.mark.slow
def test_a_camera_that_stalls_can_be_woken_and_ends_in_time_without_an_error(camera):
    source = open_source(f"{camera}/pauses/60#timeout=2")
    ended = []
    thread = threading.Thread(target=lambda: ended.append(collect(source)))
    thread.start()
    sleep(1)
    source.wake()
    thread.join(SOON_S)
    assert not thread.is_alive()
    assert ended[0][1] is None


@pytest.mark.slow
def test_a_pipeline_on_a_camera_that_stalls_can_be_stopped_long_before_the_time_limit(camera):
    # systemd and Ctrl-C do not wait for a camera
    sink = NullSink()
    with load_model(engine="bicubic") as upscaler:
        pipeline = Pipeline(open_source(f"{camera}/pauses/60#timeout=20"), upscaler, [sink])
        thread = threading.Thread(target=pipeline.run)
        thread.start()
        end = monotonic() + SOON_S
        while sink.written < 5 and monotonic() < end:
            sleep(0.01)
        sleep(1)
        pipeline.stop()
        thread.join(10)
        ended = not thread.is_alive()
        thread.join(40)
    assert sink.written >= 5
    assert ended
