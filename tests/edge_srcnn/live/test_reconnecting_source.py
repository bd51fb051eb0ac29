import threading
from time import monotonic

import pytest

from edge_srcnn.errors import SourceLost, Unavailable, UsageError
from edge_srcnn.live.backoff import Backoff
from edge_srcnn.live.reconnecting_source import SteadySource
from tests.edge_srcnn.service.parts import Camera, wait_until


def opener(*plan):
    """Opens one after another; an exception in the plan is raised."""
    left = list(plan)

    def open_next():
        each = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(each, Exception):
            raise each
        return each

    return open_next


def steady(*plan):
    return SteadySource(opener(*plan), Backoff(0.05, first_s=0.01))


def take(source, count):
    found = []
    for each in source:
        found.append(each)
        if len(found) == count:
            break
    return found


def test_a_camera_that_is_missing_is_waited_for():
    missing = Unavailable("no camera")
    source = steady(missing, missing, missing, Camera(5))
    frames = take(source, 5)
    assert [each.index for each in frames] == [0, 1, 2, 3, 4]
    assert source.losses == 1
    assert source.trouble is None


def test_frames_are_counted_and_timed_across_losses(caplog):
    lost = SourceLost("the cable")
    source = steady(Camera(3, lost), lost, Camera(3, lost), Camera(4))
    frames = take(source, 10)
    assert [each.index for each in frames] == list(range(10))
    times = [each.time_s for each in frames]
    assert times == sorted(times)
    assert 0 < times[3] - times[2] < 1
    assert caplog.text.count("the cable; trying again") == 2  # of a loss, not of a try
    assert caplog.text.count("frames come again") == 2


def test_what_a_driver_raises_is_a_loss_too(caplog):
    source = steady(Camera(1, RuntimeError("segment overlap")), ValueError("odd"), Camera(1, "waits"))
    assert len(take(source, 2)) == 2
    assert "RuntimeError: segment overlap" in caplog.text
    assert source.losses == 1


def test_a_camera_that_ends_is_lost_and_a_file_is_over():
    source = steady(Camera(2), Camera(2), Camera(2))
    assert len(take(source, 6)) == 6
    over = steady(Camera(2, live=False))
    assert len(list(over)) == 2


def test_what_makes_no_sense_is_not_tried_again():
    source = steady(UsageError("no such option"))
    with pytest.raises(UsageError, match="no such option"):
        next(iter(source))


def test_what_made_sense_before_is_a_loss_when_it_does_not_any_more(caplog):
    half_gone = UsageError("the camera has no MJPG")
    source = steady(Camera(2), half_gone, half_gone, half_gone, Camera(2))
    assert [each.index for each in take(source, 4)] == [0, 1, 2, 3]
    assert caplog.text.count("the camera has no MJPG; trying again") == 1
    assert source.losses == 1


@pytest.mark.parametrize("plan", [[Unavailable("none")], [Camera(2, "waits")]], ids=["absent", "silent"])
def test_close_ends_it_at_once(plan):
    source = SteadySource(opener(*plan), Backoff(30, first_s=30))
    threading.Timer(0.2, source.close).start()
    began = monotonic()
    assert len(list(source)) == 2 * isinstance(plan[0], Camera)
    assert monotonic() - began < 2


def test_another_source_takes_over_at_once():
    source = SteadySource(opener(Camera(3, "waits")), Backoff(30, first_s=30))
    frames = []
    thread = threading.Thread(target=lambda: frames.extend(source))
    thread.start()
    wait_until(lambda: source._next_index == 3)
    source.replace(opener(Camera(4, "waits")))
    wait_until(lambda: source._next_index == 7)
    source.close()
    thread.join(5)
    assert [each.index for each in frames] == list(range(7))
    assert source.losses == 0


def test_a_source_that_makes_no_sense_leaves_the_one_before_it(caplog):
    source = SteadySource(opener(Camera(3, "waits"), Camera(4, "waits")), Backoff(30, first_s=30))
    frames = []
    thread = threading.Thread(target=lambda: frames.extend(source))
    thread.start()
    wait_until(lambda: source._next_index == 3)
    source.replace(opener(UsageError("it has no such format")))
    wait_until(lambda: source._next_index == 7)
    source.close()
    thread.join(5)
    assert [each.index for each in frames] == list(range(7))
    assert "it has no such format; the source before it stays" in caplog.text


def test_a_source_that_waits_shows_that_it_is_alive():
    source = SteadySource(opener(Unavailable("none")), Backoff(0.05, first_s=0.01))
    thread = threading.Thread(target=lambda: list(source))
    thread.start()
    for _ in range(3):
        before = source.beat_s
        wait_until(lambda before=before: source.beat_s > before)
    assert source.trouble == "none"
    source.close()
    thread.join(5)
    assert not thread.is_alive()
