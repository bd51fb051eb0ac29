"""Engines that fail or hang: pictures go on, if plainer ones."""

import threading
from time import monotonic, sleep

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("simplejpeg")
pytest.importorskip("prometheus_client")

from edge_srcnn.live import failover
from edge_srcnn.live.failover import MOST_FAILURES, Candidate, FailoverUpscaler
from edge_srcnn.service.supervisor import Supervisor
from edge_srcnn.service.systemd import Notifier
from edge_srcnn.sinks.null import NullSink
from edge_srcnn.sources import open_source
from edge_srcnn.upscaler import load_model
from tests.edge_srcnn.machine import SLOWER
from tests.edge_srcnn.service.running import BACK_S, Systemd, config, note, running
from tests.edge_srcnn.web.serving import wait_until

SOURCE = "test:size=64x48,fps=50"

# a driver that hangs lets the interpreter run on: ctypes does so, too
HANGS = """
import ctypes, os
from edge_srcnn.live import upscaler
load = upscaler.load
def hanging(*options, **named):
    upscaler = load(*options, **named)
    upscale_frame = upscaler.upscale_frame
    def upscale(*arguments):
        if os.path.exists("hang"):
            ctypes.CDLL(None).sleep(600)
        return upscale_frame(*arguments)
    upscaler.upscale_frame = upscale
    return upscaler
upscaler.load = hanging
"""


class Breakable:
    """A real upscaler whose engine can be made to raise; ``made`` counts how often it was begun."""

    def __init__(self, engine="auto"):
        self.engine = engine
        self.made, self.fails, self.refuses = 0, 0, False

    def make(self):
        if self.refuses:
            raise RuntimeError("no such device")
        self.made += 1
        upscaler = load_model(engine=self.engine)
        upscale = upscaler._luma.upscale

        def breakable(*arguments, **named):
            if self.fails:
                self.fails -= 1
                raise RuntimeError("failed to invoke")
            return upscale(*arguments, **named)

        upscaler._luma.upscale = breakable
        return upscaler


class Running:
    """A supervisor in a thread, with ears where systemd has them."""

    def __init__(self, folder, upscaler):
        self.systemd = Systemd(folder)
        self.sink = NullSink()
        notifier = Notifier({"NOTIFY_SOCKET": str(self.systemd.path), "WATCHDOG_USEC": "2000000"})
        self.supervisor = Supervisor(open_source(SOURCE), upscaler, [self.sink], notifier=notifier)
        self._thread = threading.Thread(target=self.supervisor.run)

    def __enter__(self):
        self._thread.start()
        wait_until(lambda: self.sink.written > 5)
        return self

    def __exit__(self, *reason):
        self.supervisor.stop()
        self._thread.join(10)
        self.systemd.close()
        assert not self._thread.is_alive()

    def goes_on(self, frames=5):
        """Wait for more frames; the seconds until the first."""
        began, written = monotonic(), self.sink.written
        wait_until(lambda: self.sink.written > written)
        first_s = monotonic() - began
        wait_until(lambda: self.sink.written > written + frames)
        return first_s


@pytest.fixture
def best():
    return Breakable()


@pytest.fixture
def steady(best, monkeypatch):
    monkeypatch.setattr(failover, "RETRY_FIRST_S", 0.5)
    monkeypatch.setattr(failover, "RETRY_MOST_S", 0.5)
    return FailoverUpscaler([Candidate("best", best.make), Candidate("bicubic", Breakable("bicubic").make)])


def test_a_frame_that_fails_is_left_out_and_the_next_is_not(tmp_path, best, steady, record_property, caplog):
    with Running(tmp_path, steady) as service:
        best.fails = 1
        wait_until(lambda: steady.failures == 1)
        again_s = service.goes_on()
        state = service.supervisor.state()
    assert (state.failed, state.engine_failures, state.engine_restarts, best.made) == (1, 1, 0, 1)
    assert caplog.text.count("a frame was left out (RuntimeError: failed to invoke)") == 1
    note(record_property, "engine fails for a frame", noticed_s=0.0, served_again_s=again_s, lost=1)


def test_ten_in_a_row_begin_the_engine_anew(tmp_path, best, steady, record_property):
    with Running(tmp_path, steady) as service:
        best.fails, began = MOST_FAILURES, monotonic()
        wait_until(lambda: steady.restarts == 1)
        noticed_s = monotonic() - began
        again_s = service.goes_on()
        state = service.supervisor.state()
    assert (state.failed, state.engine_restarts, best.made) == (MOST_FAILURES, 1, 2)
    assert state.engine != "bicubic" and state.phase == "live"
    note(record_property, "engine fails ten times", noticed_s=noticed_s, served_again_s=again_s, lost=MOST_FAILURES)


@pytest.mark.slow
def test_one_that_fails_for_good_gives_way_to_bicubic_and_is_tried_again_later(tmp_path, best, steady, record_property):
    with Running(tmp_path, steady) as service:
        best.fails = 10**6
        began = monotonic()
        wait_until(lambda: service.supervisor.state().engine == "bicubic")
        fallen_s = monotonic() - began
        first_s = service.goes_on()
        wait_until(lambda: service.supervisor.state().phase == "degraded")
        state = service.supervisor.state()
        assert state.status == "bicubic computes, since best fails: RuntimeError: failed to invoke"
        wait_until(lambda: service.systemd.status == f"degraded: {state.status}")
        failed = state.failed
        wait_until(lambda: service.supervisor.state().failed > failed)  # tried again, and fallen again at once
        wait_until(lambda: service.supervisor.state().engine == "bicubic")
        service.goes_on()
        best.fails, best.refuses = 0, True  # it cannot even begin
        service.goes_on(60)
        assert service.supervisor.state().engine == "bicubic"
        best.refuses = False
        wait_until(lambda: service.supervisor.state().engine != "bicubic")
        wait_until(lambda: service.supervisor.state().phase == "live")
        service.goes_on()
        assert service.systemd.said("WATCHDOG")
    note(
        record_property,
        "engine fails for good",
        noticed_s=fallen_s,
        served_again_s=first_s,
        lost=failed,
        remarks="bicubic instead; the engine is tried again after 1 s, 2 s, up to a minute",
    )
    assert failed <= 2 * MOST_FAILURES


@pytest.mark.slow
def test_a_hung_engine_silences_the_watchdog_and_ends_in_time(tmp_path, record_property):
    text = config("test:size=64x48,fps=15", f"{tmp_path}/recordings/front.mp4?segment=600")
    with running(tmp_path, text, watchdog_s=2, instead=HANGS) as service:
        service.wait_for(lambda state: state["frames_out"] >= 30)
        service.systemd.hear("WATCHDOG")
        (tmp_path / "hang").touch()
        hung_s = monotonic()
        noticed_s = service.wait_for(lambda state: any("nothing moves" in each for each in state["errors"])) - hung_s
        silent_s = monotonic()
        sleep(1.5)
        assert not service.systemd.said("WATCHDOG", since_s=silent_s + 0.1)
        assert service.state()["phase"] == "degraded"
        wait_until(lambda: "the engine or the camera's driver hangs" in service.systemd.status)
        seconds = service.stop()
        assert service.process.returncode == 0
        assert [path.name for path in (tmp_path / "recordings").iterdir()] == ["front-00001.mp4"]
    assert "Traceback" not in service.log
    remarks = f"no more watchdog messages, so systemd starts it anew; SIGTERM ends it in {seconds:.1f} s"
    note(record_property, "engine hangs", noticed_s=noticed_s, remarks=remarks)
    assert noticed_s < 2 * SLOWER
    assert seconds < BACK_S
