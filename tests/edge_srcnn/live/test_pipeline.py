"""Frames from a source through an upscaler into sinks: what is told of them, and which may be missed."""

import threading
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from time import sleep

import pytest

from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.live.sink_thread import RECORDER_DEPTH
from edge_srcnn.sinks.null import NullSink
from edge_srcnn.sources import open_source
from edge_srcnn.upscaler import load_model
from tests.edge_srcnn.live.pipeline_parts import (
    SOON_S,
    Double,
    Numbers,
    Recorder,
    endless,
    in_step,
    running,
    wait_for,
)

pytestmark = pytest.mark.usefixtures("no_thread_stays")


def test_sinks_are_told_of_the_stream_and_get_both_frames():
    source, recorder = Numbers(range(3)), Recorder()
    source.frames, source.stream_copy = 3, "clip.mp4"
    pipeline = Pipeline(source, Double(), [recorder])
    pipeline.run()
    stream = recorder.stream
    assert (stream.rate, stream.frames, stream.stream_copy) == (Fraction(25), 3, "clip.mp4")
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


# which frames it may miss, and which not


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
