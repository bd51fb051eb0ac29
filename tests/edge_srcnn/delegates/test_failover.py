"""Real delegates that fail: the next frame comes, the error is told, the best engine is tried again."""

import os
import signal
from time import monotonic, sleep

import pytest

from edge_srcnn.engine import options as options_module
from edge_srcnn.engine.backends import Delegate
from edge_srcnn.engine.options import EngineOptions
from edge_srcnn.live import failover
from edge_srcnn.live.failover import FailoverUpscaler
from edge_srcnn.live.upscaler import Upscalers
from tests.edge_srcnn.delegates.conftest import children
from tests.edge_srcnn.service.parts import frame

pytestmark = pytest.mark.slow

RECOVERY_S = 2.0
SIZE = (64, 48)


@pytest.fixture
def steady(libraries, engine, monkeypatch, traces):
    """Make one from a library and its options, as the configuration does."""
    monkeypatch.setattr(failover, "RETRY_FIRST_S", 0.1)
    monkeypatch.setattr(options_module, "installed_interpreter", lambda: engine)
    made = []

    def make(name, **options):
        pairs = tuple(f"{key}={value}" for key, value in options.items())
        made.append(FailoverUpscaler(candidates_of(engine, libraries.path(name), pairs)))
        return made[-1]

    yield make
    for each in made:
        each.close()
    end = monotonic() + 5
    while children() != traces.children and monotonic() < end:  # one may be on its way up
        sleep(0.01)


def candidates_of(engine, library, pairs=()):
    options = EngineOptions(engine, delegate=Delegate.parse(library, pairs))
    return Upscalers(options=options, live=False).candidates()


def feed(steady, until, limit_s=10.0):
    """Frames until something happens; the longest time without a result."""
    longest_s, good_s, end = 0.0, monotonic(), monotonic() + limit_s
    while not until():
        assert monotonic() < end
        if steady.upscale_frame(frame(size=SIZE)) is not None:
            longest_s, good_s = max(longest_s, monotonic() - good_s), monotonic()
        sleep(0.005)
    return longest_s


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("refuses", {}, "the accelerator is asleep"),
        ("other", {}, "is no TFLite delegate"),
        ("copies", {"prepare": "abort"}, "cannot begin"),
        ("copies", {"prepare": "refuse"}, "refuses the network"),
        ("copies", {"invoke": "err"}, "wrongly"),
    ],
)
def test_one_that_cannot_begin_leaves_the_work_to_the_processor(steady, libraries, engine, name, options, said):
    upscaler = steady(name, **options)
    assert all(upscaler.upscale_frame(frame(size=SIZE)) is not None for _ in range(3))
    assert (upscaler.engine, upscaler.failures) == (engine, 0)
    assert upscaler.last_error.startswith(f"{engine} computes, since {libraries.path(name)} fails: ")
    assert said in upscaler.last_error


@pytest.mark.parametrize("invoke", ["abort", "refuse", "hang"])
def test_one_that_fails_costs_a_frame_and_is_tried_again(steady, libraries, engine, invoke, record_property):
    upscaler = steady("copies", invoke=invoke, after=60)
    assert upscaler.engine == libraries.path("copies")
    gap_s = feed(upscaler, lambda: upscaler.failures == 1)
    assert upscaler.restarts == 1
    assert upscaler.engine == engine
    assert f"{engine} computes, since {libraries.path('copies')} fails: " in upscaler.last_error
    gap_s = max(gap_s, feed(upscaler, lambda: upscaler.failures == 2))  # up again, and down again
    assert gap_s < RECOVERY_S
    record_property("gap_s", round(gap_s, 2))


def test_a_killed_engine_costs_a_frame_and_comes_back(steady, libraries, engine, traces):
    upscaler = steady("copies")
    feed(upscaler, lambda: upscaler.upscale_frame(frame(size=SIZE)) is not None)
    (process,) = set(children()) - set(traces.children)
    os.kill(process, signal.SIGKILL)
    assert upscaler.upscale_frame(frame(size=SIZE)) is None
    assert upscaler.upscale_frame(frame(size=SIZE)) is not None
    assert "lost (its process died (SIGKILL))" in upscaler.last_error
    gap_s = feed(upscaler, lambda: upscaler.last_error is None)
    assert upscaler.engine == libraries.path("copies")
    assert gap_s < RECOVERY_S
    assert len(set(children()) - set(traces.children)) == 1


def test_a_stopped_engine_is_noticed_and_comes_back(steady, traces):
    upscaler = steady("copies")
    feed(upscaler, lambda: upscaler.upscale_frame(frame(size=SIZE)) is not None)
    (process,) = set(children()) - set(traces.children)
    os.kill(process, signal.SIGSTOP)
    gap_s = feed(upscaler, lambda: upscaler.failures == 1)
    gap_s = max(gap_s, feed(upscaler, lambda: upscaler.last_error is None))
    assert gap_s < RECOVERY_S


def test_one_that_is_closed_on_its_way_up_leaves_nothing(steady):
    upscaler = steady("copies", invoke="abort", after=20)
    feed(upscaler, lambda: upscaler.failures == 1)
    feed(upscaler, lambda: upscaler._trial is not None)
    trial = upscaler._trial
    upscaler.close()
    trial.result(30)
    assert upscaler._trial is None


def test_another_configuration_takes_over(steady, libraries, engine):
    upscaler = steady("copies")
    upscaler.replace(candidates_of(engine, libraries.path("refuses")))
    assert upscaler.upscale_frame(frame(size=SIZE)) is not None
    assert (upscaler.engine, upscaler.last_error is None) == (engine, False)
    upscaler.replace(candidates_of(engine, libraries.path("idle")))
    feed(upscaler, lambda: upscaler.last_error is None)
    assert upscaler.engine == libraries.path("idle")
