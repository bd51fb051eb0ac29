"""Nobody computes what nobody takes: a live pipeline rests, and whoever begins to look gets the present."""

import threading
from time import monotonic

import pytest

from edge_srcnn.live.frame_upscaler import SwitchingUpscaler
from edge_srcnn.live.pipeline import Pipeline
from tests.edge_srcnn.live.pipeline_parts import (
    SOON_S,
    Double,
    Numbers,
    Recorder,
    endless,
    refuse_from,
    running,
    wait_for,
)

pytestmark = pytest.mark.usefixtures("no_thread_stays")

BEAT_S = 0.01


class Screen(Recorder):
    """A sink that wants frames while ``watched``; it keeps what it gets, enhanced or not."""

    blocking, on_demand = False, True

    def __init__(self) -> None:
        super().__init__("screen", live=True)
        self.watched = False
        self.plain: list[int] = []

    def wants_frames(self) -> bool:
        return self.watched

    def write(self, result) -> None:
        if result.enhanced:
            super().write(result)
        else:
            assert result.frame is result.original
            self.plain.append(result.frame.index)


class Rested(SwitchingUpscaler):
    """Counts the frames that it was told of and not given."""

    rests = 0

    def __init__(self) -> None:
        self._upscaler = Double()

    def upscale_frame(self, frame):
        return self._upscaler.upscale_frame(frame)

    def rest(self) -> None:
        self.rests += 1


def camera(indices=None, beat_s: float = BEAT_S) -> Numbers:
    """Frames at a pace, for ever."""
    beat = threading.Event()
    return Numbers(endless() if indices is None else indices, live=True, between=lambda: beat.wait(beat_s))


def test_while_nobody_looks_nothing_is_computed_and_the_camera_is_watched():
    screen, upscaler = Screen(), Rested()
    pipeline = Pipeline(camera(), upscaler, [screen])
    with running(pipeline):
        wait_for(lambda: pipeline.state().idle_frames > 5)
        state = pipeline.state()
        assert state.idle
        assert (state.frames_out, state.fps_out, state.failed) == (0, 0.0, 0)
        assert state.frames_in >= state.idle_frames
        assert state.dropped + state.idle_frames <= state.frames_in
        assert screen.plain and not screen.indices  # who looks at the camera's picture goes on doing so
        assert upscaler.rests > 5


def test_who_begins_to_look_gets_one_of_the_next_two_frames():
    screen, next_one = Screen(), threading.Semaphore(0)
    pipeline = Pipeline(Numbers(range(9), live=True, between=next_one.acquire), Double(), [screen])
    with running(pipeline) as end:
        for count in range(1, 5):
            wait_for(lambda count=count: pipeline.state().idle_frames == count)
            next_one.release()
        wait_for(lambda: pipeline.state().idle_frames == 5)
        screen.watched = True
        next_one.release()
        wait_for(lambda: screen.indices)
        assert screen.indices[0] in (4, 5)  # the one at hand, or the next
        wait_for(lambda: pipeline.state().frames_out + pipeline.state().idle_frames == 6)
        screen.watched = False
        next_one.release()
        wait_for(lambda: pipeline.state().idle)
        assert screen.indices[-1] <= 5
        next_one.release(9)
        assert end() is None


def test_the_frame_at_hand_is_taken_where_the_next_one_takes_long():
    next_one = threading.Event()
    screen, source = Screen(), Numbers(range(2), live=True, between=lambda: next_one.wait(SOON_S))
    pipeline = Pipeline(source, Double(), [screen])
    with running(pipeline) as end:
        wait_for(lambda: pipeline.state().idle)
        screen.watched = True
        wait_for(lambda: screen.indices == [0])
        state = pipeline.state()
        assert (state.idle, state.frames_in, state.frames_out, state.idle_frames) == (False, 1, 1, 0)
        next_one.set()
        assert end() is None
    assert screen.indices == [0, 1]


def test_a_recording_beside_it_wants_every_frame():
    screen, recorder = Screen(), Recorder()
    pipeline = Pipeline(camera(range(20)), Double(), [screen, recorder])
    pipeline.run()
    state = pipeline.state()
    assert not state.idle
    assert (state.idle_frames, state.frames_out + state.dropped) == (0, 20)
    assert recorder.indices == screen.indices


def test_a_recording_that_has_failed_wants_nothing_any_more():
    screen, recorder = Screen(), Recorder(during=refuse_from(3))
    pipeline = Pipeline(camera(), Double(), [screen, recorder])
    with running(pipeline):
        wait_for(lambda: pipeline.state().idle)


def test_of_a_file_each_frame_is_enhanced_whoever_looks():
    screen = Screen()
    pipeline = Pipeline(Numbers(range(20)), Double(), [screen])
    pipeline.run()
    state = pipeline.state()
    assert (state.frames_out, state.idle_frames, state.idle) == (20, 0, False)


def test_a_pipeline_that_is_idle_ends_at_once():
    pipeline = Pipeline(camera(), Double(), [Screen()])
    with running(pipeline) as end:
        wait_for(lambda: pipeline.state().idle)
        began = monotonic()
        pipeline.stop()
        assert end() is None
        assert monotonic() - began < SOON_S / 2


def test_frames_that_nobody_wanted_are_neither_written_nor_dropped():
    screen = Screen()
    pipeline = Pipeline(camera(), Double(), [screen])
    with running(pipeline):
        wait_for(lambda: len(screen.plain) > 5)
        (state,) = pipeline.state().sinks
        assert state.written == 0


class Snapshots(Screen):
    """A sink that takes every tenth frame or so."""

    occasional = True

    def __init__(self) -> None:
        super().__init__()
        self._due_s = 0.0

    def wants_frames(self) -> bool:
        return monotonic() >= self._due_s

    def write(self, result) -> None:
        super().write(result)
        if result.enhanced:
            self._due_s = monotonic() + 10 * BEAT_S


def test_between_frames_that_are_taken_now_and_then_it_is_idle():
    snapshots = Snapshots()
    pipeline = Pipeline(camera(), Double(), [snapshots])
    idle = []
    with running(pipeline):
        wait_for(lambda: idle.append(pipeline.state().idle) or len(snapshots.indices) > 5)
    state = pipeline.state()
    assert all(idle[idle.index(True) :])  # it does not change with each of them
    assert state.frames_out == len(snapshots.indices)
    assert state.idle_frames > 3 * state.frames_out
    assert state.frames_out + state.idle_frames + state.dropped <= state.frames_in


def test_it_is_not_idle_while_another_sink_takes_each_frame():
    screen, snapshots = Screen(), Snapshots()
    pipeline = Pipeline(camera(), Double(), [screen, snapshots])
    with running(pipeline):
        wait_for(lambda: pipeline.state().idle)
        screen.watched = True
        wait_for(lambda: len(screen.indices) > 20)
        assert not pipeline.state().idle
        screen.watched = False
        wait_for(lambda: pipeline.state().idle)
