"""A camera's driver that never returns: one thread hangs, not one a try, and the watchdog hears of it."""

import threading

import pytest

from edge_srcnn.live import reader as reader_module
from edge_srcnn.live.capture import Capture
from edge_srcnn.live.failover import Candidate, FailoverUpscaler
from edge_srcnn.live.reader import Opener
from edge_srcnn.service import supervisor
from edge_srcnn.service.supervisor import Supervisor
from edge_srcnn.sources import Source
from edge_srcnn.system.backoff import Backoff
from tests.edge_srcnn.service.parts import Camera, Engine, Recorder, frame, wait_until


class Hardware(Source):
    """Frames without end; its driver hangs in ``open`` as long as ``answers`` is not set."""

    live, rate = True, None

    def __init__(self):
        self.answers, self.opened, self.closed = threading.Event(), 0, 0

    def open(self):
        self.opened += 1
        self.answers.wait(30)
        return self

    def read(self):
        threading.Event().wait(0.005)
        return frame()

    def close(self):
        self.closed += 1


@pytest.fixture
def hardware(monkeypatch):
    monkeypatch.setattr(reader_module, "LOSS_S", 0.02)
    hardware = Hardware()
    yield hardware
    hardware.answers.set()
    wait_until(lambda: not any(each.name == "capture cam" for each in threading.enumerate()))


@pytest.fixture
def source(hardware):
    source = Capture(Opener("cam", hardware.open, 0.1), Backoff(0.05, first_s=0.01))
    yield source
    source.close()


def taking(source, count):
    """Take frames in a thread."""

    def work():
        source.begin()
        for _ in range(count):
            if source.take() is None:
                return

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def supervised(source):
    return Supervisor(source, FailoverUpscaler([Candidate("engine", Engine)]), [Recorder()])


def tries(source, count):
    """Wait for so many more."""
    for _ in range(count):
        before = source.heartbeat_s
        wait_until(lambda before=before: source.heartbeat_s > before)


def test_a_driver_that_hangs_is_called_once_and_holds_one_thread(hardware, source, caplog):
    thread = taking(source, 3)
    wait_until(lambda: "the driver does not answer" in (source.last_error or ""))
    threads = threading.active_count()
    tries(source, 8)
    assert threading.active_count() == threads
    assert hardware.opened == 1
    assert source.losses == 1
    assert caplog.text.count("the driver does not answer") == 1
    hardware.answers.set()
    thread.join(10)
    assert not thread.is_alive()
    assert (hardware.opened, source.last_error) == (2, None)


@pytest.mark.slow
def test_a_driver_that_hangs_too_long_is_not_well_until_it_returns(hardware, source, monkeypatch):
    monkeypatch.setattr(supervisor, "STUCK_S", 1.5)
    service = supervised(source)
    thread = threading.Thread(target=service.run, daemon=True)
    thread.start()
    wait_until(lambda: source.last_error is not None)
    assert service.is_healthy()
    wait_until(lambda: not service.is_healthy())
    assert service.state().phase == "waiting for camera"
    assert any("driver hangs" in error for error in service.state().errors)
    hardware.answers.set()
    wait_until(service.is_healthy)
    wait_until(lambda: service.state().phase == "live")
    service.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_another_camera_that_works_is_healthy_whatever_hangs(hardware, source, monkeypatch):
    monkeypatch.setattr(supervisor, "STUCK_S", 0.0)
    service = supervised(source)
    thread = taking(source, 10**9)
    wait_until(lambda: not service.is_healthy())
    source.replace(Opener("other", lambda: Camera(3, "waits")))
    wait_until(service.is_healthy)
    source.close()
    thread.join(10)
    assert not thread.is_alive()
