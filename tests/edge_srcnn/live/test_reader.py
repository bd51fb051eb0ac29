"""A source is read in one thread within time limits: one that hangs is abandoned, and holds up nobody."""

import logging
import threading
import time
from fractions import Fraction
from time import monotonic

import pytest

from edge_srcnn.errors import NoInput, SourceLost, Unavailable, UsageError
from edge_srcnn.live import reader as reader_module
from edge_srcnn.live.capture import Capture
from edge_srcnn.live.reader import Opener
from edge_srcnn.live.threads import STUCK_THREADS
from edge_srcnn.sources import Source, silent
from edge_srcnn.system.backoff import Backoff
from tests.edge_srcnn.live.capture_parts import Lossless, opener, rest, take
from tests.edge_srcnn.service.parts import Camera, frame

pytestmark = pytest.mark.usefixtures("no_thread_stays")


class Counter(Source):
    """A camera whose frames are numbered; it can be made silent, deaf, or to break off."""

    live, rate = True, Fraction(200)

    def __init__(self, timeout_s=5.0, *, deaf=False):
        self.timeout_s = timeout_s
        self.silent, self.broken, self.hangs = threading.Event(), threading.Event(), deaf
        self.closed, self._woken = threading.Event(), threading.Event()
        self.reads = 0

    def read(self):
        if self.broken.is_set():
            raise SourceLost("broken")
        waits = self.silent.is_set()
        woken = self._woken.wait((60 if self.hangs else self.timeout_s) if waits else 0.005)
        if woken:
            return None
        if waits:
            raise silent("counter", self.timeout_s)
        self.reads += 1
        return frame(self.reads - 1)

    def wake(self):
        if not self.hangs:
            self._woken.set()

    def return_at_last(self):
        self._woken.set()

    def close(self):
        self.closed.set()


def opened(source, limit_s=None, name="counter"):
    return Capture(Opener(name, lambda: source, limit_s)).open()


def test_frames_come_in_order_with_their_numbers(reading):
    indices = [each.index for each in take(reading(opened(Counter())), 5)]
    assert indices == sorted(set(indices))


def test_nothing_is_read_before_it_is_to_begin():
    source = Counter()
    capture = opened(source)
    time.sleep(0.05)
    assert source.reads == 0
    capture.close()
    capture.join()
    assert source.closed.is_set()


def test_the_newest_frame_counts_and_the_others_are_counted(reading):
    capture = reading(opened(Counter()))
    first = capture.take().frame
    time.sleep(0.2)
    newest = capture.take().frame
    assert newest.index > first.index + 5
    assert newest.index - first.index - 1 <= capture.dropped <= newest.index - first.index
    assert capture.skipped == 0


def test_a_silent_camera_is_lost_within_its_time_limit(reading):
    source = Counter(0.3)
    capture = reading(opened(source))
    capture.take()
    source.silent.set()
    began = monotonic()
    with pytest.raises(SourceLost, match=r"counter: no frame came for 0\.3 s \(timeout=SECONDS"):
        rest(capture)
    assert 0.25 < monotonic() - began < 1
    assert source.closed.wait(1)


def test_a_camera_that_cannot_be_woken_holds_up_nobody(caplog):
    source = Counter(0.2, deaf=True)
    capture = opened(source)
    capture.begin()
    capture.take()
    source.silent.set()
    began = monotonic()
    with pytest.raises(SourceLost, match=r"counter: no frame came for 0\.2 s"):
        rest(capture)
    assert monotonic() - began < 1.2
    with caplog.at_level(logging.WARNING):
        capture.close()
        capture.join(0.1)
    assert "released when its library returns" in caplog.text
    assert not source.closed.is_set()
    source.return_at_last()
    assert source.closed.wait(1)


def test_an_error_of_the_camera_ends_it(reading):
    source = Counter()
    capture = reading(opened(source))
    capture.take()
    source.broken.set()
    with pytest.raises(SourceLost, match="broken"):
        rest(capture)
    capture.join()
    assert source.closed.is_set()


def test_close_from_another_thread_ends_a_wait_without_an_error(reading):
    source = Counter(30)
    capture = reading(opened(source))
    capture.take()
    source.silent.set()
    threading.Timer(0.1, capture.close).start()
    began = monotonic()
    assert len(rest(capture)) <= 1
    assert monotonic() - began < 1
    capture.join()
    assert source.closed.is_set()


def test_what_opening_raises_is_raised():
    with pytest.raises(NoInput, match="no such camera"):
        Capture(opener(NoInput("no such camera"))).open()


def test_a_camera_that_opens_too_late_is_closed_at_once():
    source, opens = Counter(), threading.Event()

    def open_late():
        opens.wait()
        return source

    with pytest.raises(Unavailable, match=r"did not open within 0\.1 s"):
        Capture(Opener("late", open_late, 0.1)).open()
    opens.set()
    assert source.closed.wait(1)
    assert source.reads == 0


def test_a_camera_whose_driver_hangs_is_not_opened_again_before_it_returns():
    answers, opens = threading.Event(), []

    def hang():
        opens.append(threading.current_thread())
        answers.wait(30)
        return Counter()

    def close(capture):
        capture.close()
        capture.join()

    with pytest.raises(Unavailable, match="did not open"):
        Capture(Opener("hung", hang, 0.1)).open()
    for _ in range(2):
        with pytest.raises(Unavailable, match="hung: the driver does not answer"):
            Capture(Opener("hung", hang, 0.1)).open()
    assert len(opens) == 1
    close(opened(Counter()))  # of another name, so another device
    assert STUCK_THREADS.longest_s() > 0.5
    answers.set()
    opens[0].join(5)
    assert STUCK_THREADS.longest_s() == 0
    close(Capture(Opener("hung", hang, 0.1)).open())
    assert len(opens) == 2


def test_a_camera_that_hangs_in_a_read_is_not_opened_again_either():
    source = Counter(0.2, deaf=True)
    capture = opened(source)
    capture.begin()
    capture.take()
    source.silent.set()
    with pytest.raises(SourceLost):
        rest(capture)
    with pytest.raises(Unavailable, match="counter: the driver does not answer"):
        opened(Counter())
    source.return_at_last()
    capture = opened(Counter())
    capture.close()
    capture.join()


def test_a_camera_that_hangs_when_it_is_closed_is_not_opened_again_and_the_reason_stays(reading, monkeypatch):
    monkeypatch.setattr(reader_module, "CLOSE_S", 0.2)
    answers = threading.Event()

    class Stubborn(Camera):
        def close(self):
            answers.wait(30)

    opens = []

    def open_one():
        opens.append(monotonic())
        return Stubborn(1, SourceLost("the cable")) if len(opens) == 1 else Camera(1, "waits")

    capture = reading(Lossless(Opener("stubborn", open_one), Backoff(0.05, first_s=0.01)))
    assert take(capture, 1)
    threading.Timer(2, answers.set).start()
    assert take(capture, 1)
    assert len(opens) == 2
    assert opens[1] - opens[0] > 1.5
    assert capture.losses == 1


def test_a_name_of_a_camera_has_a_time_limit_and_a_file_has_none():
    assert Opener.of("picamera2:0?size=64x48").limit_s == 10
    assert Opener.of("/dev/video0?timeout=20").limit_s == 40
    assert Opener.of("clip.mp4").limit_s is None
    assert Opener.of("rtsp://eye:secret@host/stream").name == "rtsp://***@host/stream"
    with pytest.raises(UsageError):
        Opener.of("webcam:0")


def test_channels_of_one_recorder_are_two_devices_and_are_told_without_the_query():
    one, other = (Opener.of(f"rtsp://eye:secret@host/stream?channel={number}") for number in (1, 2))
    assert one.name == other.name == "rtsp://***@host/stream?***"
    assert one.device != other.device
