import threading
from time import monotonic

import pytest

from edge_srcnn.errors import CannotWrite, UsageError
from edge_srcnn.live.pipeline import Pipeline
from edge_srcnn.live.retrying_sink import RetryingSink
from edge_srcnn.sinks import Result, Stream
from edge_srcnn.system.backoff import Backoff
from tests.edge_srcnn.service.parts import Camera, Engine, Recorder, frame, wait_until

STREAM = Stream(None, None, None, lambda: None)
FULL = CannotWrite("out.mp4: cannot be written (No space left on device)")


def result(index):
    return Result(frame(index), frame(index), 2)


@pytest.fixture
def made():
    """A recorder and the retrying sink around it."""
    recorder = Recorder()
    retrying = RetryingSink("recorder", lambda: recorder, live=False, backoff=Backoff(0.05, first_s=0.01))
    yield recorder, retrying
    retrying.close()


def test_what_is_written_arrives(made):
    recorder, retrying = made
    retrying.begin(STREAM)
    for index in range(3):
        retrying.write(result(index))
    assert [each.frame.index for each in recorder.results] == [0, 1, 2]
    assert (retrying.missed, retrying.last_error) == (0, None)
    retrying.close()
    assert recorder.closed == 1


def test_a_full_disk_pauses_it_until_there_is_room(made, caplog):
    recorder, retrying = made
    retrying.begin(STREAM)
    retrying.write(result(0))
    recorder.fault = FULL
    retrying.write(result(1))
    retrying.write(result(2))
    assert retrying.last_error == str(FULL)
    assert retrying.missed == 2
    recorder.fault = None
    wait_until(lambda: retrying.last_error is None)
    retrying.write(result(3))
    assert [each.frame.index for each in recorder.results] == [0, 3]
    wait_until(lambda: (recorder.begun, recorder.closed) == (2, recorder.tried - 1))
    assert caplog.text.count("No space left") == 1
    assert "works again" in caplog.text


def test_one_that_cannot_begin_is_tried_again_without_any_frame(made):
    recorder, retrying = made
    recorder.fault = CannotWrite("the port is taken")
    retrying.begin(STREAM)
    assert retrying.last_error == "the port is taken"
    recorder.fault = None
    wait_until(lambda: retrying.last_error is None)
    assert recorder.begun == 1


def test_what_makes_no_sense_is_told_at_once(made):
    recorder, retrying = made
    recorder.fault = UsageError("no such codec")
    with pytest.raises(UsageError, match="no such codec"):
        retrying.begin(STREAM)


def test_what_nobody_expects_pauses_it_too(made):
    recorder, retrying = made
    retrying.begin(STREAM)
    recorder.fault = ZeroDivisionError("oops")
    retrying.write(result(0))
    assert retrying.last_error == "ZeroDivisionError: oops"


def test_close_does_not_wait_for_the_next_try():
    recorder = Recorder()
    recorder.fault = FULL
    retrying = RetryingSink("recorder", lambda: recorder, live=False, backoff=Backoff(60, first_s=60))
    retrying.begin(STREAM)
    began = monotonic()
    retrying.close()
    assert monotonic() - began < 1
    assert retrying._mending is not None and not retrying._mending.is_alive()


def test_in_a_pipeline_the_others_go_on_and_the_state_tells_why():
    failing, good = Recorder("bad"), Recorder("good")
    failing.fault = FULL
    sinks = [
        RetryingSink(each.name, lambda each=each: each, live=False, backoff=Backoff(60, first_s=60))
        for each in (failing, good)
    ]
    pipeline = Pipeline(Camera(5, live=False), Engine(), sinks)
    pipeline.run()
    bad, fine = pipeline.state().sinks
    assert (bad.written, bad.dropped, bad.error) == (0, 5, str(FULL))
    assert (fine.written, fine.dropped, fine.error) == (5, 0, None)


class Screen(Recorder):
    """Wants frames while somebody looks."""

    on_demand, watched = True, False

    def wants_frames(self):
        return self.watched


def test_a_page_wants_frames_while_somebody_looks_and_none_while_it_is_broken(made):
    screen = Screen()
    retrying = RetryingSink("screen", lambda: screen, live=True, backoff=Backoff(0.05, first_s=0.01))
    retrying.begin(STREAM)
    assert not retrying.wants_frames()
    screen.watched = True
    assert retrying.wants_frames()
    screen.fault = CannotWrite("the port is taken")
    retrying.write(result(0))
    assert not retrying.wants_frames()
    screen.fault = None
    wait_until(retrying.wants_frames)
    retrying.close()


def test_a_recording_wants_frames_even_while_it_is_broken_so_that_it_is_tried(made):
    recorder, retrying = made
    retrying.begin(STREAM)
    assert retrying.wants_frames()
    recorder.fault = FULL
    retrying.write(result(0))
    assert retrying.wants_frames()


def test_nobody_waits_for_a_sink_that_connects():
    answers = threading.Event()

    class Distant(Recorder):
        def begin(self, stream):
            assert answers.wait(10)
            super().begin(stream)

    distant = Distant()
    retrying = RetryingSink("distant", lambda: distant, live=True, connects=True, backoff=Backoff(0.05))
    retrying.begin(STREAM)
    retrying.write(result(0))
    assert (retrying.missed, retrying.last_error) == (1, None)
    answers.set()
    wait_until(lambda: distant.begun == 1)
    wait_until(lambda: retrying.write(result(1)) or distant.results)
    retrying.close()


def test_a_sink_that_connects_and_cannot_is_tried_again(caplog):
    recorder = Recorder()
    recorder.fault = CannotWrite("nobody there")
    retrying = RetryingSink("distant", lambda: recorder, live=True, connects=True, backoff=Backoff(0.05, first_s=0.01))
    retrying.begin(STREAM)
    wait_until(lambda: retrying.last_error == "nobody there")
    recorder.fault = None
    wait_until(lambda: retrying.last_error is None)
    assert caplog.text.count("trying again") == caplog.text.count("works again") == 1
    retrying.close()


def test_what_a_sink_says_of_itself_is_its_last_error(made):
    recorder, retrying = made
    retrying.begin(STREAM)
    recorder.last_error = "the broker is gone"
    assert retrying.last_error == "the broker is gone"
    recorder.last_error = None
    assert retrying.last_error is None
