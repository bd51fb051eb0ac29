"""Frames from a source through an upscaler into sinks, and what is told of them on the way."""

from fractions import Fraction
from itertools import pairwise
from time import sleep

import pytest

from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.loading import load_model
from edge_srcnn.sinks.null import NullSink
from edge_srcnn.sources import open_source
from tests.edge_srcnn.pipeline_parts import Double, Numbers, Recorder, endless, running

pytestmark = pytest.mark.usefixtures("no_thread_stays")


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
