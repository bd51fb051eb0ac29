"""Pipelines whose parts fail or hang, and that are stopped: what came before is written, and everything is closed."""

import logging
import threading
from time import monotonic, sleep

import pytest

from edge_srcnn.errors import CannotWrite, SourceLost, UsageError
from edge_srcnn.live import sink_thread as sink_module
from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.live.threads import FILE_DEPTH
from edge_srcnn.sources import open_source
from edge_srcnn.upscaler import load_model
from tests.edge_srcnn.live.pipeline_parts import (
    SOON_S,
    Double,
    Numbers,
    Recorder,
    Whole,
    endless,
    in_step,
    refuse_from,
    running,
    wait_for,
)

pytestmark = pytest.mark.usefixtures("no_thread_stays")


# sinks that fail


@pytest.mark.parametrize("live", [False, True])
def test_a_sink_that_fails_does_not_stop_the_others(live, caplog):
    failing, good = Recorder("failing", during=refuse_from(5)), Recorder("good")
    if live:
        pipeline = in_step(range(30), [failing, good])
        step = pipeline._step
    else:
        pipeline, step = Pipeline(Numbers(range(30)), Double(), [failing, good]), lambda frames: None
    with pytest.raises(CannotWrite, match="disk is full"), caplog.at_level(logging.ERROR):
        pipeline.run(step)
    assert failing.indices == [0, 1, 2, 3, 4]
    assert good.indices == list(range(30))
    assert failing.calls == good.calls == ["begin", "close"]
    states = pipeline.state().sinks
    assert [(state.name, state.written, state.error) for state in states] == [
        ("failing", 5, "recorder: the disk is full"),
        ("good", 30, None),
    ]
    assert [record.getMessage() for record in caplog.records] == ["recorder: the disk is full"]


def test_when_every_sink_has_failed_it_ends():
    source = Numbers(endless())
    pipeline = Pipeline(source, Double(), [Recorder(during=refuse_from(3)), Recorder(during=refuse_from(9))])
    with running(pipeline) as end:
        assert isinstance(end(), CannotWrite)
    assert source.closed.is_set()


@pytest.mark.parametrize("live", [False, True])
def test_a_sink_that_takes_nothing_is_left_out_in_the_end(live, monkeypatch):
    monkeypatch.setattr(sink_module, "STALL_S", 1.0)
    monkeypatch.setattr(sink_module, "_CLOSE_S", 1.5)
    release = threading.Event()
    stalled, good = Recorder("stalled", during=lambda index: release.wait(4 * SOON_S)), Recorder("good")
    pipeline = in_step(range(60), [stalled, good]) if live else Pipeline(Numbers(range(60)), Double(), [stalled, good])

    def step(frames: int) -> None:
        wait_for(lambda: len(good.indices) == frames)  # a loaded machine may let it wait for longer than its queue
        pipeline._step(frames)

    began = monotonic()
    try:
        with pytest.raises(CannotWrite, match="stalled: "):
            pipeline.run(step if live else lambda frames: None)
        assert monotonic() - began < SOON_S
        assert good.indices == list(range(60))
        assert good.calls == ["begin", "close"]
        assert stalled.indices == []
        states = pipeline.state().sinks
        assert "stalled: " in (states[0].error or "")
        assert states[1].error is None
    finally:
        release.set()


def test_a_sink_that_failed_gives_up_what_it_has():
    failing, good = Whole("failing", during=refuse_from(3)), Whole("good")
    with pytest.raises(CannotWrite):
        Pipeline(Numbers(range(8)), Double(), [failing, good]).run()
    assert failing.calls == ["begin", "abandon", "close"]
    assert good.calls == ["begin", "close"]


def test_a_bug_of_one_sink_does_not_stop_the_others_and_is_raised_in_the_end():
    failing, good = Recorder(during=refuse_from(3, ValueError("a bug"))), Recorder()
    with pytest.raises(ValueError, match="a bug"):
        Pipeline(Numbers(range(20)), Double(), [failing, good]).run()
    assert good.indices == list(range(20))


@pytest.mark.parametrize("error", [CannotWrite("disk is full"), OSError("disk is full"), ValueError("a bug")])
def test_a_sink_that_cannot_be_closed_does_not_keep_the_others_open(error):
    class Stuck(Recorder):
        def close(self) -> None:
            super().close()
            raise error

    stuck, good = Stuck(), Recorder()
    pipeline = Pipeline(Numbers(range(5)), Double(), [stuck, good])
    with pytest.raises(type(error)) as raised:
        pipeline.run()
    assert raised.value is error
    assert (stuck.calls, good.calls) == (["begin", "close"], ["begin", "close"])


def test_a_sink_that_cannot_begin_ends_it_with_everything_closed():
    class Refusing(Recorder):
        def begin(self, stream) -> None:
            super().begin(stream)
            raise CannotWrite("no room")

    first, second, third = Recorder(), Refusing(), Recorder()
    source = Numbers(endless())
    with running(Pipeline(source, Double(), [first, second, third])) as end:
        assert isinstance(end(), CannotWrite)
    assert source.closed.is_set()
    assert first.calls == ["begin", "close"]
    assert second.calls == ["begin", "close"]
    assert third.calls == ["close"]


# sources and upscalers that fail


@pytest.mark.parametrize("live", [False, True])
def test_a_source_that_is_lost_ends_it_after_what_came_before_was_written(live):
    lost = SourceLost("camera: no frame came")
    recorder = Whole()
    if live:
        pipeline = in_step(range(8), [recorder], error=lost)
        step = pipeline._step
    else:
        pipeline, step = Pipeline(Numbers(range(8), error=lost), Double(), [recorder]), lambda frames: None
    with pytest.raises(SourceLost) as raised:
        pipeline.run(step)
    assert raised.value is lost
    assert recorder.indices == list(range(8))
    # a recording of a camera is good for what it has; a file that is to be whole is not
    assert recorder.calls == (["begin", "close"] if live else ["begin", "abandon", "close"])


def test_a_source_that_ends_or_is_stopped_leaves_whole_files():
    ended = Whole()
    Pipeline(Numbers(range(8)), Double(), [ended]).run()
    assert ended.calls == ["begin", "close"]


def test_what_a_source_should_not_raise_is_raised_as_it_is():
    bug = ZeroDivisionError("a bug")
    recorder = Recorder()
    with pytest.raises(ZeroDivisionError) as raised:
        Pipeline(Numbers(range(3), error=bug), Double(), [recorder]).run()
    assert raised.value is bug
    assert recorder.indices == [0, 1, 2]
    assert recorder.calls == ["begin", "close"]


@pytest.mark.parametrize("error", [UsageError("region lies outside"), ZeroDivisionError("a bug"), KeyboardInterrupt()])
def test_an_upscaler_that_fails_ends_it_with_everything_closed(error):
    source, recorder = Numbers(endless()), Whole()
    pipeline = Pipeline(source, Double(refuse_from(4, error)), [recorder])
    with running(pipeline) as end:
        assert end() is error
    assert recorder.indices == [0, 1, 2, 3]
    assert recorder.calls == ["begin", "abandon", "close"]
    assert source.closed.is_set()


# a stop, whatever hangs


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


def test_a_stop_does_not_wait_for_a_source_that_hangs(monkeypatch):
    monkeypatch.setattr(sink_module, "_CLOSE_S", 1.0)
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


def test_a_stop_does_not_wait_long_for_a_sink_that_takes_nothing(monkeypatch):
    monkeypatch.setattr(sink_module, "_CLOSE_S", 1.0)
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
