"""Who waits for a network camera can leave: soon, and without an error."""

import threading
from time import monotonic, sleep

import pytest

pytest.importorskip("av")

from edge_srcnn.live import pipeline as pipeline_module
from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.loading import load_model
from edge_srcnn.sinks.null import NullSink
from edge_srcnn.sources import open_source
from tests.edge_srcnn.sources.frames import SOON_S, collect


@pytest.mark.slow
def test_who_waits_for_a_silent_camera_can_leave_at_once(camera):
    source = open_source(f"{camera}/pauses/60#timeout=5")
    began = []

    def leave():
        sleep(1)
        began.append(monotonic())
        source.close()

    thread = threading.Thread(target=leave)
    thread.start()
    assert len(list(source)) <= 60
    assert monotonic() - began[0] < 1
    thread.join()


def test_a_camera_can_be_closed_from_another_thread(camera):
    source = open_source(f"{camera}/works#timeout=10")
    frames = []
    thread = threading.Thread(target=lambda: frames.extend(source))
    thread.start()
    sleep(0.3)
    began = monotonic()
    source.close()
    thread.join(SOON_S)
    assert not thread.is_alive()
    assert monotonic() - began < 5
    assert frames


@pytest.mark.slow
def test_a_camera_that_stalls_can_be_closed_and_ends_in_time_without_an_error(camera):
    source = open_source(f"{camera}/pauses/60#timeout=2")
    ended = []
    thread = threading.Thread(target=lambda: ended.append(collect(source)))
    thread.start()
    sleep(1)
    source.close()
    thread.join(SOON_S)
    assert not thread.is_alive()
    assert ended[0][1] is None


@pytest.mark.slow
def test_a_pipeline_on_a_camera_that_stalls_can_be_stopped_long_before_the_time_limit(camera, monkeypatch):
    # systemd and Ctrl-C do not wait for a camera
    monkeypatch.setattr(pipeline_module, "_CLOSE_S", 1.0)
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
