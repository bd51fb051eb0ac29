"""Sources and upscalers that fail in a pipeline: what came before is written, and everything is closed."""

import pytest

from edge_srcnn.errors import SourceLost, UsageError
from edge_srcnn.live.pipeline import Pipeline
from tests.edge_srcnn.pipeline_parts import Double, Numbers, Recorder, Whole, endless, in_step, refuse_from, running

pytestmark = pytest.mark.usefixtures("no_thread_stays")


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
