"""Frames from a source through an upscaler into sinks: nothing is lost in silence, and nothing waits for ever."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from time import monotonic, sleep

import numpy as np
import pytest

from edge_srcnn import sink_worker as worker_module
from edge_srcnn.errors import CannotWrite, SourceLost, UsageError
from edge_srcnn.frame import Colour, Frame
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.loading import load_model
from edge_srcnn.pipeline import Pipeline
from edge_srcnn.sink_worker import FILE_DEPTH, RECORDER_DEPTH
from edge_srcnn.sinks.null import NullSink
from edge_srcnn.sources import open_source

SOON_S = 15
"""Far more than anything here takes, far less than a test run may hang."""


def frame_of(index: int) -> Frame:
    luma = np.full((6, 8), index % 256, np.uint8)
    chroma = np.full((3, 4), 128, np.uint8)
    return Frame(luma, (chroma, chroma), Colour(), index, index / 25, monotonic())


class Numbers:
    """A source of small frames; calls ``between`` before each but the first, raises ``error`` in the end."""

    def __init__(
        self,
        indices: Iterable[int],
        *,
        live: bool = False,
        between: Callable[[], object] = lambda: None,
        error: BaseException | None = None,
    ) -> None:
        self.live, self.rate, self.frames = live, Fraction(25), None
        self.closed = threading.Event()
        self.companion = None
        self._indices, self._between, self._error = indices, between, error

    def __iter__(self) -> Iterator[Frame]:
        for place, index in enumerate(self._indices):
            if place:
                self._between()
            if self.closed.is_set():
                return
            yield frame_of(index)
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self.closed.set()


def endless() -> Iterator[int]:
    index = 0
    while True:
        yield index
        index += 1


class Recorder:
    """A sink that keeps the numbers of its frames; ``during`` is called with each before it is kept."""

    def __init__(
        self, name: str = "recorder", *, live: bool = False, during: Callable[[int], object] = lambda index: None
    ) -> None:
        self.name, self.live, self._during = name, live, during
        self.indices: list[int] = []
        self.calls: list[str] = []

    def begin(self, stream) -> None:
        self.calls.append("begin")
        self.stream = stream

    def write(self, result) -> None:
        self._during(result.frame.index)
        assert "close" not in self.calls
        self.indices.append(result.frame.index)
        self.last = result

    def close(self) -> None:
        self.calls.append("close")


class Whole(Recorder):
    """A sink that can give up what it has."""

    def abandon(self) -> None:
        self.calls.append("abandon")


class Double:
    """An upscaler without a network; ``during`` is called with each frame's number."""

    def __init__(self, during: Callable[[int], object] = lambda index: None) -> None:
        self.scale, self.engine, self.model, self.share, self._during = 2, "none", "no-model", 1.0, during

    def upscale_frame(self, frame: Frame) -> Frame:
        self._during(frame.index)
        return replace(frame, luma=upscale_bicubic(frame.luma, 2))


@pytest.fixture(autouse=True)
def no_thread_stays():
    before = set(threading.enumerate())
    yield
    end = monotonic() + 5
    while (left := set(threading.enumerate()) - before) and monotonic() < end:
        sleep(0.01)
    assert not left


@contextmanager
def running(pipeline: Pipeline) -> Iterator[Callable[[], BaseException | None]]:
    """Run it in a thread; gives a function that waits for the end, and tells what was raised."""
    raised: list[BaseException] = []

    def work() -> None:
        try:
            pipeline.run()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()

    def end() -> BaseException | None:
        thread.join(SOON_S)
        assert not thread.is_alive(), "the pipeline does not end"
        return raised[0] if raised else None

    try:
        yield end
    finally:
        pipeline.stop()
        thread.join(60)


def wait_for(condition: Callable[[], object]) -> None:
    end = monotonic() + SOON_S
    while not condition():
        assert monotonic() < end, "waited too long"
        sleep(0.005)


def refuse_from(first: int, error: BaseException | None = None) -> Callable[[int], None]:
    def during(index: int) -> None:
        if index >= first:
            raise error or CannotWrite("recorder: the disk is full")

    return during


def test_a_file_loses_no_frame_however_slow_the_others_are():
    slow, quick = Recorder(during=lambda index: sleep(0.004)), Recorder()
    pipeline = Pipeline(Numbers(range(60)), Double(lambda index: sleep(0.001)), [slow, quick])
    pipeline.run()
    assert slow.indices == quick.indices == list(range(60))
    state = pipeline.state()
    assert (state.frames_in, state.frames_out, state.dropped) == (60, 60, 0)
    assert [(sink.written, sink.dropped, sink.error) for sink in state.sinks] == [(60, 0, None)] * 2


def test_a_live_source_keeps_the_newest_and_counts_those_that_were_overtaken():
    all_given = threading.Event()

    def indices() -> Iterator[int]:
        yield from range(100)
        all_given.set()

    recorder = Recorder()
    source = Numbers(indices(), live=True)
    started = threading.Event()
    source._between = lambda: started.wait(SOON_S)
    upscaler = Double(lambda index: (started.set(), all_given.wait(SOON_S)))
    pipeline = Pipeline(source, upscaler, [recorder])
    pipeline.run()
    # the first is taken at once; while it is worked on 99 come, and 98 of them are overtaken
    assert recorder.indices == [0, 99]
    state = pipeline.state()
    assert (state.frames_in, state.frames_out, state.dropped) == (100, 2, 98)


def in_step(indices: Iterable[int], sinks: list[Recorder], **options) -> Pipeline:
    """A live pipeline whose source waits until each frame was worked on."""
    done = threading.Semaphore(0)
    source = Numbers(indices, live=True, between=lambda: done.acquire(timeout=SOON_S), **options)
    pipeline = Pipeline(source, Double(), sinks)
    pipeline._step = lambda frames: done.release()
    return pipeline


def test_frames_that_the_source_left_out_are_counted_as_dropped():
    recorder = Recorder()
    pipeline = in_step([2, 3, 7, 8, 20], [recorder])
    pipeline.run(pipeline._step)
    assert recorder.indices == [2, 3, 7, 8, 20]
    state = pipeline.state()
    # 0, 1; 4, 5, 6; 9 to 19
    assert (state.frames_in, state.frames_out, state.dropped) == (5, 5, 2 + 3 + 11)


def test_a_live_view_of_a_file_misses_frames_and_counts_them():
    release, view, recording = threading.Event(), None, Recorder()
    view = Recorder(live=True, during=lambda index: release.wait(SOON_S))
    pipeline = Pipeline(Numbers(range(50)), Double(), [view, recording])
    with running(pipeline) as end:
        wait_for(lambda: pipeline.state().frames_out == 50)
        release.set()
        assert end() is None
    assert recording.indices == list(range(50))
    assert view.indices[-1] == 49
    assert view.indices == sorted(view.indices)
    state = pipeline.state().sinks[0]
    assert state.written + state.dropped == 50
    assert state.written == len(view.indices) <= 2


def test_a_recording_of_a_camera_bridges_a_slow_disk_and_counts_what_it_misses():
    release, writing = threading.Event(), threading.Event()
    recorder = Recorder(during=lambda index: (writing.set(), release.wait(SOON_S)))
    count = 1 + RECORDER_DEPTH + 7
    pipeline = in_step(range(count), [recorder])
    step = pipeline._step

    def progress(frames: int) -> None:
        if frames == 1:
            writing.wait(SOON_S)  # the first is with the disk, the others queue behind it
        if frames == count:
            release.set()
        step(frames)

    pipeline.run(progress)
    assert recorder.indices == [0, *range(count - RECORDER_DEPTH, count)]
    state = pipeline.state()
    assert (state.dropped, state.sinks[0].written, state.sinks[0].dropped) == (0, 1 + RECORDER_DEPTH, 7)


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


def test_a_pause_shorter_than_the_limit_loses_nothing():
    recorder = Recorder(during=lambda index: sleep(0.5 if index == 10 else 0))
    Pipeline(Numbers(range(40)), Double(), [recorder]).run()
    assert recorder.indices == list(range(40))


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


def test_a_sink_that_failed_gives_up_what_it_has():
    failing, good = Whole("failing", during=refuse_from(3)), Whole("good")
    with pytest.raises(CannotWrite):
        Pipeline(Numbers(range(8)), Double(), [failing, good]).run()
    assert failing.calls == ["begin", "abandon", "close"]
    assert good.calls == ["begin", "close"]


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


def test_sinks_are_told_of_the_stream_and_get_both_frames():
    source, recorder = Numbers(range(3)), Recorder()
    source.frames, source.companion = 3, "clip.mp4"
    pipeline = Pipeline(source, Double(), [recorder])
    pipeline.run()
    stream = recorder.stream
    assert (stream.rate, stream.frames, stream.companion) == (Fraction(25), 3, "clip.mp4")
    assert stream.state().frames_out == 3
    result = recorder.last
    assert (result.scale, result.original.size, result.frame.size) == (2, (8, 6), (16, 12))
    assert (result.frame.index, result.frame.time_s) == (2, 2 / 25)


def test_progress_is_told_of_every_frame():
    told: list[int] = []
    Pipeline(Numbers(range(7)), Double(), [Recorder()]).run(told.append)
    assert told == [1, 2, 3, 4, 5, 6, 7]


def test_without_a_sink_it_still_runs():
    pipeline = Pipeline(Numbers(range(7)), Double(), [])
    pipeline.run()
    assert (pipeline.state().frames_out, pipeline.state().sinks) == (7, ())


def test_a_source_without_a_frame_is_no_error():
    recorder = Recorder()
    pipeline = Pipeline(Numbers([]), Double(), [recorder])
    pipeline.run()
    state = pipeline.state()
    assert (state.frames_in, state.frames_out, state.size_in, state.size_out, state.age_s) == (0, 0, None, None, None)
    assert recorder.calls == ["begin", "close"]


def test_its_state_adds_up_while_it_runs():
    recorder = Recorder()
    source = Numbers(endless(), live=True, between=lambda: sleep(0.0005))
    pipeline = Pipeline(source, Double(lambda index: sleep(0.003)), [recorder])
    assert pipeline.state().frames_in == 0
    with running(pipeline) as end:
        states = []
        while len(states) < 30 or states[-1].frames_out < 30:
            states.append(pipeline.state())
            sleep(0.01)
        pipeline.stop()
        assert end() is None
    for before, after in pairwise(states):
        assert before.frames_in <= after.frames_in
        assert before.frames_out <= after.frames_out
        assert before.dropped <= after.dropped
        assert before.running_s < after.running_s
    last = states[-1]
    assert (last.size_in, last.size_out, last.enhanced_share) == ((8, 6), (16, 12), 1.0)
    assert (last.engine, last.model) == ("none", "no-model")
    assert last.enhance.median_ms >= 3  # it sleeps for so long
    assert last.latency.p99_ms >= last.latency.median_ms >= 3
    assert last.age_s is not None
    assert last.fps_in > last.fps_out > 0
    final = pipeline.state()
    # each frame was enhanced, was overtaken, or was on its way when it ended: in the slot, or in hand
    assert 0 <= final.frames_in - final.frames_out - final.dropped <= 2
    assert final.sinks[0].written + final.sinks[0].dropped == final.frames_out


def test_the_test_card_goes_through_bicubic_scaling_whole():
    kept = []
    recorder = Recorder()
    recorder.write = lambda result: kept.append(result)
    with load_model(engine="bicubic") as upscaler:
        pipeline = Pipeline(open_source("test:size=64x48,fps=max,frames=50"), upscaler, [recorder, NullSink()])
        pipeline.run()
    assert [result.frame.index for result in kept] == list(range(50))
    for result in kept:
        assert (result.frame.luma == upscale_bicubic(result.original.luma, 2)).all()
        assert [plane.shape for plane in result.frame.chroma] == [(48, 64)] * 2
        assert result.frame.colour == result.original.colour
    assert [state.written for state in pipeline.state().sinks] == [50, 50]


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
