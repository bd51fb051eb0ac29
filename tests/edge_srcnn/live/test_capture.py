"""A source that is lost is opened again and again, and another one takes over at once."""

import threading
from time import monotonic

import pytest

from edge_srcnn.errors import SourceLost, Unavailable, UsageError
from edge_srcnn.system.backoff import Backoff
from tests.edge_srcnn.live.capture_parts import Lossless, opener, rest, take
from tests.edge_srcnn.service.parts import Camera, wait_until

pytestmark = pytest.mark.usefixtures("no_thread_stays")


def retrying(*plan, most_s=0.05, first_s=0.01):
    return Lossless(opener(*plan), Backoff(most_s, first_s=first_s))


def test_a_camera_that_is_missing_is_waited_for(reading):
    missing = Unavailable("no camera")
    capture = reading(retrying(missing, missing, missing, Camera(5, "waits")))
    assert [each.index for each in take(capture, 5)] == [0, 1, 2, 3, 4]
    assert capture.losses == 1
    assert capture.last_error is None


def test_frames_are_counted_and_timed_across_losses(reading, caplog):
    lost = SourceLost("the cable")
    capture = reading(retrying(Camera(3, lost), lost, Camera(3, lost), Camera(4, "waits")))
    frames = take(capture, 10)
    assert [each.index for each in frames] == list(range(10))
    times = [each.time_s for each in frames]
    assert times == sorted(times)
    assert 0 < times[3] - times[2] < 1
    assert caplog.text.count("the cable; trying again") == 2  # of a loss, not of a try
    assert caplog.text.count("frames come again") == 2


def test_what_a_driver_raises_is_a_loss_too(reading, caplog):
    capture = reading(retrying(Camera(1, RuntimeError("segment overlap")), ValueError("odd"), Camera(1, "waits")))
    assert len(take(capture, 2)) == 2
    assert "RuntimeError: segment overlap" in caplog.text
    assert capture.losses == 1


def test_a_camera_that_ends_is_lost_and_a_file_is_over(reading):
    assert len(take(reading(retrying(Camera(2), Camera(2), Camera(2))), 6)) == 6
    assert len(rest(reading(retrying(Camera(2, live=False))))) == 2


def test_what_makes_no_sense_is_not_tried_again(reading):
    with pytest.raises(UsageError, match="no such option"):
        rest(reading(retrying(UsageError("no such option"))))


def test_what_made_sense_before_is_a_loss_when_it_does_not_any_more(reading, caplog):
    half_gone = UsageError("the camera has no MJPG")
    capture = reading(retrying(Camera(2), half_gone, half_gone, half_gone, Camera(2, "waits")))
    assert [each.index for each in take(capture, 4)] == [0, 1, 2, 3]
    assert caplog.text.count("the camera has no MJPG; trying again") == 1
    assert capture.losses == 1


@pytest.mark.parametrize("plan", [[Unavailable("none")], [Camera(2, "waits")]], ids=["absent", "silent"])
def test_close_ends_it_at_once(reading, plan):
    capture = reading(retrying(*plan, most_s=30, first_s=30))
    threading.Timer(0.2, capture.close).start()
    began = monotonic()
    assert len(rest(capture)) == 2 * isinstance(plan[0], Camera)
    assert monotonic() - began < 2


def test_another_source_takes_over_at_once(reading):
    capture = reading(retrying(Camera(3, "waits"), most_s=30, first_s=30))
    frames = take(capture, 3)
    capture.replace(opener(Camera(4, "waits")))
    frames += take(capture, 4)
    assert [each.index for each in frames] == list(range(7))
    assert capture.losses == 0


def test_a_source_that_makes_no_sense_leaves_the_one_before_it(reading, caplog):
    capture = reading(retrying(Camera(3, "waits"), Camera(4, "waits"), most_s=30, first_s=30))
    frames = take(capture, 3)
    capture.replace(opener(UsageError("it has no such format")))
    frames += take(capture, 4)
    assert [each.index for each in frames] == list(range(7))
    assert "it has no such format; the source before it stays" in caplog.text


class _Interrupted:
    """A frame during whose arrival something happens: between the look at what was asked for, and the frame's use."""

    luma = chroma = None
    index, time_s = 0, 0.0

    def __init__(self, happens):
        self._happens = happens

    @property
    def captured_s(self):
        happens, self._happens = self._happens, lambda: None
        happens()
        return monotonic()


def test_a_source_that_is_asked_for_while_the_first_frame_comes_can_be_taken_back(reading, caplog):
    nonsense = opener(UsageError("it has no such format"))
    camera = Camera(1, "waits")
    capture = retrying(camera, Camera(4, "waits"), most_s=30, first_s=30)
    first = _Interrupted(lambda: capture.replace(nonsense))
    camera.read = iter([first, None]).__next__
    reading(capture)
    assert [each.index for each in take(capture, 5)] == list(range(5))
    assert "it has no such format; the source before it stays" in caplog.text


def test_a_source_that_waits_shows_that_it_is_alive(reading):
    capture = reading(retrying(Unavailable("none")))
    for _ in range(3):
        before = capture.heartbeat_s
        wait_until(lambda before=before: capture.heartbeat_s > before)
    assert capture.last_error == "none"
