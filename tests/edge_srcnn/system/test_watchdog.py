import logging
import threading
import time
from itertools import islice

import pytest

from edge_srcnn.errors import NoInput, SourceLost, Unavailable
from edge_srcnn.system import watchdog
from edge_srcnn.system.stuck_threads import LEFT_BEHIND
from edge_srcnn.system.watchdog import Watched


class Counter:
    """A camera whose pictures are numbers; it can be made silent, deaf, or to break off."""

    def __init__(self, *, deaf: bool = False) -> None:
        self.silent, self.broken = threading.Event(), threading.Event()
        self.released = threading.Event()
        self.reads = 0
        self._deaf, self._woken = deaf, threading.Event()

    def read(self) -> int:
        if self.broken.is_set():
            raise SourceLost("broken")
        self._woken.wait(60 if self.silent.is_set() else 0.005)
        self.reads += 1
        return self.reads

    def wake(self) -> None:
        if not self._deaf:
            self.return_at_last()

    def return_at_last(self) -> None:
        self._woken.set()

    def release(self) -> None:
        self.released.set()


def watched(camera: Counter, timeout_s: float = 5.0) -> "Watched[int]":
    return Watched("counter", lambda: camera, timeout_s)


def test_pictures_come_in_order_with_their_numbers():
    source = watched(Counter())
    pictures = list(islice(source.pictures(), 5))
    assert all(picture == index + 1 for index, picture in pictures)
    assert [index for index, _ in pictures] == sorted({index for index, _ in pictures})


def test_nothing_is_read_before_somebody_wants_it():
    camera = Counter()
    source = watched(camera)
    time.sleep(0.05)
    assert camera.reads == 0
    source.close()
    assert camera.released.is_set()


def test_the_newest_picture_counts():
    source = watched(Counter())
    pictures = source.pictures()
    first, _ = next(pictures)
    time.sleep(0.2)
    next(pictures)
    assert next(pictures)[0] > first + 5
    source.close()


def test_a_silent_camera_is_lost_within_its_time_limit():
    camera = Counter()
    pictures = watched(camera, 0.3).pictures()
    next(pictures)
    camera.silent.set()
    began = time.monotonic()
    with pytest.raises(SourceLost, match=r"counter: no frame came for 0\.3 s \(timeout=SECONDS"):
        list(pictures)
    assert 0.25 < time.monotonic() - began < 1
    assert camera.released.wait(1)


@pytest.mark.slow
def test_a_camera_that_cannot_be_woken_holds_up_nobody(caplog: pytest.LogCaptureFixture):
    camera = Counter(deaf=True)
    source = watched(camera, 0.2)
    pictures = source.pictures()
    next(pictures)
    camera.silent.set()
    began = time.monotonic()
    with pytest.raises(SourceLost):
        list(pictures)
    assert time.monotonic() - began < 1.2
    with caplog.at_level(logging.WARNING):
        source.close()
    assert "released when its library returns" in caplog.text
    assert not camera.released.is_set()
    camera.return_at_last()
    assert camera.released.wait(1)


def test_an_error_of_the_camera_ends_the_pictures():
    camera = Counter()
    pictures = watched(camera).pictures()
    next(pictures)
    camera.broken.set()
    with pytest.raises(SourceLost, match="broken"):
        list(pictures)
    assert camera.released.is_set()


def test_close_from_another_thread_ends_a_wait_without_an_error():
    camera = Counter()
    source = watched(camera, 30)
    pictures = source.pictures()
    next(pictures)
    camera.silent.set()
    closer = threading.Timer(0.1, source.close)
    closer.start()
    began = time.monotonic()
    assert len(list(pictures)) <= 1
    assert time.monotonic() - began < 1
    closer.join()
    source.close()
    assert camera.released.is_set()


def test_the_camera_is_released_when_nobody_wants_more():
    camera = Counter()
    pictures = watched(camera).pictures()
    next(pictures)
    pictures.close()
    assert camera.released.is_set()


def test_what_opening_raises_is_raised():
    def fail() -> Counter:
        raise NoInput("no such camera")

    with pytest.raises(NoInput, match="no such camera"):
        Watched("counter", fail, 1)


def test_a_camera_that_opens_too_late_is_released_at_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(watchdog, "OPEN_S", 0.1)
    camera, opens = Counter(), threading.Event()

    def open_late() -> Counter:
        opens.wait()
        return camera

    with pytest.raises(Unavailable, match=r"did not open within 0\.1 s"):
        Watched("counter", open_late, 0.05)
    opens.set()
    assert camera.released.wait(1)
    assert camera.reads == 0


@pytest.mark.slow
def test_a_camera_whose_driver_hangs_is_not_opened_again_before_it_returns(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(watchdog, "OPEN_S", 0.1)
    answers, opens = threading.Event(), []

    def hang() -> Counter:
        opens.append(threading.current_thread())
        answers.wait(30)
        return Counter()

    with pytest.raises(Unavailable, match="did not open"):
        Watched("hung", hang, 0.05)
    for _ in range(2):
        with pytest.raises(Unavailable, match="hung: the driver does not answer"):
            Watched("hung", hang, 0.05)
    assert len(opens) == 1
    other = watched(Counter())  # of another name, so another device
    other.close()
    assert LEFT_BEHIND.longest_s() > 0.5
    answers.set()
    opens[0].join(5)
    assert LEFT_BEHIND.longest_s() == 0
    Watched("hung", hang, 0.05).close()
    assert len(opens) == 2


@pytest.mark.slow
def test_a_camera_that_hangs_in_a_read_is_not_opened_again_either():
    camera = Counter(deaf=True)
    source = watched(camera, 0.2)
    next(pictures := source.pictures())
    camera.silent.set()
    with pytest.raises(SourceLost):
        list(pictures)
    source.close()
    with pytest.raises(Unavailable, match="counter: the driver does not answer"):
        watched(Counter())
    camera.return_at_last()
    watched(Counter()).close()


def test_no_thread_is_left():
    before = threading.active_count()
    for _ in range(3):
        source = watched(Counter())
        list(islice(source.pictures(), 2))
        source.close()
    assert threading.active_count() <= before
