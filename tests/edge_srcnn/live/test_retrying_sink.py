from time import monotonic

import pytest

from edge_srcnn.errors import CannotWrite, UsageError
from edge_srcnn.live.backoff import Backoff
from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.live.retrying_sink import SteadySink
from edge_srcnn.sinks import Result, Stream
from tests.edge_srcnn.service.parts import Camera, Engine, Recorder, frame, wait_until

STREAM = Stream(None, None, None, lambda: None)
FULL = CannotWrite("out.mp4: cannot be written (No space left on device)")


def result(index):
    return Result(frame(index), frame(index), 2)


@pytest.fixture
def made():
    """A recorder and the steady sink around it."""
    recorder = Recorder()
    steady = SteadySink("recorder", lambda: recorder, live=False, backoff=Backoff(0.05, first_s=0.01))
    yield recorder, steady
    steady.close()


def test_what_is_written_arrives(made):
    recorder, steady = made
    steady.begin(STREAM)
    for index in range(3):
        steady.write(result(index))
    assert [each.frame.index for each in recorder.results] == [0, 1, 2]
    assert (steady.missed, steady.trouble) == (0, None)
    steady.close()
    assert recorder.closed == 1


def test_a_full_disk_pauses_it_until_there_is_room(made, caplog):
    recorder, steady = made
    steady.begin(STREAM)
    steady.write(result(0))
    recorder.fault = FULL
    steady.write(result(1))
    steady.write(result(2))
    assert steady.trouble == str(FULL)
    assert steady.missed == 2
    recorder.fault = None
    wait_until(lambda: steady.trouble is None)
    steady.write(result(3))
    assert [each.frame.index for each in recorder.results] == [0, 3]
    assert (recorder.begun, recorder.closed) == (2, 1)
    assert caplog.text.count("No space left") == 1
    assert "works again" in caplog.text


def test_one_that_cannot_begin_is_tried_again_without_any_frame(made):
    recorder, steady = made
    recorder.fault = CannotWrite("the port is taken")
    steady.begin(STREAM)
    assert steady.trouble == "the port is taken"
    recorder.fault = None
    wait_until(lambda: steady.trouble is None)
    assert recorder.begun == 1


def test_what_makes_no_sense_is_told_at_once(made):
    recorder, steady = made
    recorder.fault = UsageError("no such codec")
    with pytest.raises(UsageError, match="no such codec"):
        steady.begin(STREAM)


def test_what_nobody_expects_pauses_it_too(made):
    recorder, steady = made
    steady.begin(STREAM)
    recorder.fault = ZeroDivisionError("oops")
    steady.write(result(0))
    assert steady.trouble == "ZeroDivisionError: oops"


def test_close_does_not_wait_for_the_next_try():
    recorder = Recorder()
    recorder.fault = FULL
    steady = SteadySink("recorder", lambda: recorder, live=False, backoff=Backoff(60, first_s=60))
    steady.begin(STREAM)
    began = monotonic()
    steady.close()
    assert monotonic() - began < 1
    assert steady._mending is not None and not steady._mending.is_alive()


def test_in_a_pipeline_the_others_go_on_and_the_state_tells_why():
    failing, good = Recorder("bad"), Recorder("good")
    failing.fault = FULL
    sinks = [
        SteadySink(each.name, lambda each=each: each, live=False, backoff=Backoff(60, first_s=60))
        for each in (failing, good)
    ]
    pipeline = Pipeline(Camera(5, live=False), Engine(), sinks)
    pipeline.run()
    bad, fine = pipeline.state().sinks
    assert (bad.written, bad.dropped, bad.error) == (0, 5, str(FULL))
    assert (fine.written, fine.dropped, fine.error) == (5, 0, None)


class Screen(Recorder):
    """Wants frames while somebody looks."""

    watched = False

    def wants_frames(self):
        return self.watched


def test_a_page_wants_frames_while_somebody_looks_and_none_while_it_is_broken(made):
    screen = Screen()
    steady = SteadySink("screen", lambda: screen, live=True, backoff=Backoff(0.05, first_s=0.01))
    steady.begin(STREAM)
    assert not steady.wants_frames()
    screen.watched = True
    assert steady.wants_frames()
    screen.fault = CannotWrite("the port is taken")
    steady.write(result(0))
    assert not steady.wants_frames()
    screen.fault = None
    wait_until(steady.wants_frames)
    steady.close()


def test_a_recording_wants_frames_even_while_it_is_broken_so_that_it_is_tried(made):
    recorder, steady = made
    steady.begin(STREAM)
    assert steady.wants_frames()
    recorder.fault = FULL
    steady.write(result(0))
    assert steady.wants_frames()
