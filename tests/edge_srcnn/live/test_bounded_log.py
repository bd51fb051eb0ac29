"""What changes again and again takes few lines, and the last state is told."""

import logging

import pytest

from edge_srcnn.errors import SourceLost
from edge_srcnn.live import bounded_log, capture
from edge_srcnn.live.bounded_log import LINES, BoundedLog
from edge_srcnn.live.capture import Capture
from edge_srcnn.live.reader import Opener
from edge_srcnn.sources import Source
from edge_srcnn.system.backoff import Backoff
from tests.edge_srcnn.live.capture_parts import take
from tests.edge_srcnn.live.pipeline_parts import frame_of

log = logging.getLogger(__name__)


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets."""

    class Clock:
        now_s = 1000.0

    monkeypatch.setattr(bounded_log, "monotonic", lambda: Clock.now_s)
    return Clock


def test_few_lines_are_written_as_they_come(clock, caplog):
    bounded = BoundedLog(log)
    for number in range(LINES):
        bounded.tell(logging.WARNING, f"line {number}")
    assert [record.getMessage() for record in caplog.records] == [f"line {number}" for number in range(LINES)]


def test_many_lines_are_one_a_minute_with_how_many_there_were(clock, caplog):
    bounded = BoundedLog(log)
    for number in range(600):  # ten minutes
        bounded.tell(logging.WARNING, f"line {number}")
        clock.now_s += 1
    messages = [record.getMessage() for record in caplog.records]
    assert LINES + 8 <= len(messages) <= LINES + 10
    assert "(and " in messages[-1] and "left out" in messages[-1]


def test_the_last_state_is_told_once_there_is_room(clock, caplog):
    bounded = BoundedLog(log)
    for number in range(50):
        bounded.tell(logging.WARNING, f"line {number}")
    assert len(caplog.records) == LINES
    for _ in range(100):
        clock.now_s += 1
        bounded.catch_up()
    assert caplog.records[-1].getMessage().startswith(f"line 49 (and {50 - LINES - 1} lines like this")
    assert len(caplog.records) == LINES + 1


class Flapping(Source):
    """Gives one frame, and is lost, each time for another reason."""

    live, rate, losses = True, None, 0

    def __init__(self, frame):
        self._frame = frame

    def read(self):
        if self._frame is None:
            Flapping.losses += 1
            raise SourceLost(f"camera: ended after {Flapping.losses} frames")
        frame, self._frame = self._frame, None
        return frame

    def wake(self):
        pass


def test_a_camera_that_is_lost_and_found_all_the_time_takes_few_lines(caplog):
    caplog.set_level(logging.INFO)
    reader = Capture(Opener("camera", lambda: Flapping(frame_of(0))), Backoff(0.001, first_s=0.001))
    reader.begin()
    frames = take(reader, 40)
    reader.close()
    reader.join()
    assert len(frames) == 40 and reader.losses >= 39
    assert len([record for record in caplog.records if record.name == capture.__name__]) <= LINES + 1


def test_a_camera_that_asks_to_be_left_alone_is():
    opened = []

    def open_it():
        opened.append(bounded_log.monotonic())
        if len(opened) == 1:
            error = SourceLost("camera: busy")
            error.retry_after_s = 0.4
            raise error
        return Flapping(frame_of(0))

    reader = Capture(Opener("camera", open_it), Backoff(0.001, first_s=0.001))
    reader.begin()
    assert len(take(reader, 2)) == 2
    reader.close()
    reader.join()
    assert opened[1] - opened[0] >= 0.4 > opened[2] - opened[1]
