"""A pipeline that is stopped ends soon, whatever hangs, with its files finished."""

import threading
from time import sleep

import pytest

from edge_srcnn.live import sink_thread as worker_module
from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.live.sink_thread import FILE_DEPTH
from edge_srcnn.loading import load_model
from edge_srcnn.sources import open_source
from tests.edge_srcnn.pipeline_parts import Double, Numbers, Recorder, endless, running, wait_for

pytestmark = pytest.mark.usefixtures("no_thread_stays")


@pytest.mark.parametrize("live", [False, True])
def test_it_can_be_stopped_from_another_thread(live):
    source, recorder = Numbers(endless(), live=live, between=lambda: sleep(0.001)), Recorder()
    pipeline = Pipeline(source, Double(), [recorder])
    with running(pipeline) as end:
        wait_for(lambda: len(recorder.indices) >= 5)
        pipeline.stop()
        pipeline.stop()
        assert end() is None
    assert recorder.calls == ["begin", "close"]
    assert recorder.indices == sorted(set(recorder.indices))
    assert pipeline.state().sinks[0].written == len(recorder.indices)
    assert source.closed.is_set()


def test_it_can_be_stopped_before_it_runs():
    recorder = Recorder()
    pipeline = Pipeline(Numbers(endless()), Double(), [recorder])
    pipeline.stop()
    with running(pipeline) as end:
        assert end() is None
    assert recorder.calls == ["begin", "close"]


@pytest.mark.slow
def test_a_stop_does_not_wait_for_a_source_that_hangs(monkeypatch):
    monkeypatch.setattr(worker_module, "_CLOSE_S", 1.0)
    # a camera's driver may not return; the recordings are to be finished all the same
    release, recorder = threading.Event(), Recorder()
    pipeline = Pipeline(Numbers(range(5), live=True, between=lambda: release.wait(60)), Double(), [recorder])
    try:
        with running(pipeline) as end:
            wait_for(lambda: recorder.indices == [0])
            pipeline.stop()
            try:
                assert end() is None
            finally:
                release.set()
        assert recorder.calls == ["begin", "close"]
    finally:
        release.set()


@pytest.mark.slow
def test_a_stop_does_not_wait_long_for_a_sink_that_takes_nothing(monkeypatch):
    monkeypatch.setattr(worker_module, "_CLOSE_S", 1.0)
    release, good = threading.Event(), Recorder("good")
    stalled = Recorder("stalled", during=lambda index: release.wait(60))
    pipeline = Pipeline(Numbers(endless()), Double(), [stalled, good])
    try:
        with running(pipeline) as end:
            # one is being written, the queues are full, and one waits for room
            wait_for(lambda: len(good.indices) >= FILE_DEPTH)
            sleep(0.2)
            pipeline.stop()
            try:
                end()
            finally:
                release.set()
        assert good.calls == ["begin", "close"]
    finally:
        release.set()


def test_a_camera_at_a_rate_ends_soon_after_a_stop():
    recorder = Recorder()
    with load_model(engine="bicubic") as upscaler:
        pipeline = Pipeline(open_source("test:size=64x48,fps=50"), upscaler, [recorder])
        with running(pipeline) as end:
            wait_for(lambda: len(recorder.indices) >= 10)
            pipeline.stop()
            assert end() is None
    state = pipeline.state()
    assert state.frames_in >= 10
    assert recorder.indices == sorted(set(recorder.indices))
