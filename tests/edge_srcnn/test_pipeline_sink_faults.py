"""Sinks that fail in a pipeline: the others get every frame, and the error is raised in the end."""

import logging
import threading
from time import monotonic

import pytest

from edge_srcnn.errors import CannotWrite
from edge_srcnn.live import sink_thread as worker_module
from edge_srcnn.live.pipeline import Pipeline
from tests.edge_srcnn.pipeline_parts import (
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


@pytest.mark.slow
@pytest.mark.parametrize("live", [False, True])
def test_a_sink_that_takes_nothing_is_left_out_in_the_end(live, monkeypatch):
    monkeypatch.setattr(worker_module, "STALL_S", 1.0)
    monkeypatch.setattr(worker_module, "_CLOSE_S", 1.5)
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
