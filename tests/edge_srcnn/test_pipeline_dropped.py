"""Which frames a pipeline may miss and which it may not; nothing is lost in silence."""

import threading
from collections.abc import Iterator
from time import sleep

import pytest

from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.live.sink_thread import RECORDER_DEPTH
from tests.edge_srcnn.pipeline_parts import SOON_S, Double, Numbers, Recorder, in_step, running, wait_for

pytestmark = pytest.mark.usefixtures("no_thread_stays")


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


@pytest.mark.parametrize(
    ("indices", "came", "dropped"),
    [
        ([0, 1, 2], 3, 0),
        ([2, 3, 7, 8, 20], 21, 2 + 3 + 11),  # 0, 1; 4, 5, 6; 9 to 19
        ([0, 100, 200], 201, 198),
        ([99], 100, 99),
        ([], 0, 0),
    ],
)
def test_frames_that_the_source_left_out_came_and_were_dropped(indices, came, dropped):
    recorder = Recorder()
    pipeline = in_step(indices, [recorder])
    pipeline.run(pipeline._step)
    assert recorder.indices == indices
    state = pipeline.state()
    assert (state.frames_in, state.frames_out, state.dropped) == (came, len(indices), dropped)
    assert state.frames_out + state.dropped + state.failed + state.idle_frames == state.frames_in


def test_no_more_frames_are_dropped_than_came_whenever_one_looks():
    # a source that leaves out nine of ten, and an upscaler that loses most of the rest
    source = Numbers(range(0, 20_000, 10), live=True)
    pipeline = Pipeline(source, Double(lambda index: sleep(0.001)), [Recorder()])
    looks = []
    with running(pipeline) as end:
        while pipeline.state().frames_in < 19_991:
            looks.append(pipeline.state())
        assert end() is None
    looks.append(pipeline.state())
    assert all(look.dropped + look.frames_out <= look.frames_in for look in looks)
    assert looks[-1].dropped + looks[-1].frames_out == looks[-1].frames_in == 19_991


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


def test_a_pause_shorter_than_the_limit_loses_nothing():
    recorder = Recorder(during=lambda index: sleep(0.5 if index == 10 else 0))
    Pipeline(Numbers(range(40)), Double(), [recorder]).run()
    assert recorder.indices == list(range(40))
