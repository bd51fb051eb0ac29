from dataclasses import replace
from time import monotonic, sleep

import pytest

from edge_srcnn.errors import DelegateLost, ModelError, NoInput, Unavailable
from edge_srcnn.live import failover as module
from edge_srcnn.live.failover import MOST_FAILURES, Candidate, FailoverUpscaler
from tests.edge_srcnn.service.parts import Engine, frame

FAULT = RuntimeError("the driver is gone")


class Bench:
    """Makes engines, and keeps what it made; ``fault`` is what new ones begin with."""

    def __init__(self, name):
        self.name, self.made, self.fault, self.refuses = name, [], None, None

    def make(self):
        if self.refuses is not None:
            raise self.refuses
        self.made.append(Engine(self.name, self.fault))
        return self.made[-1]

    @property
    def candidate(self):
        return Candidate(self.name, self.make)


@pytest.fixture
def benches():
    return Bench("best"), Bench("least")


@pytest.fixture
def steady(benches):
    return FailoverUpscaler([bench.candidate for bench in benches])


def feed(steady, count):
    return [steady.upscale_frame(frame(index)) for index in range(count)]


def test_frames_go_through(steady):
    assert all(each is not None and each.size == (32, 24) for each in feed(steady, 3))
    assert (steady.scale, steady.engine, steady.share, steady.last_error) == (2, "best", 1.0, None)


def test_a_frame_that_fails_is_left_out_and_counted(steady, benches, caplog):
    benches[0].made[0].fault = FAULT
    assert feed(steady, 1) == [None]
    benches[0].made[0].fault = None
    assert feed(steady, 1) != [None]
    assert (steady.failures, steady.restarts, steady.busy_since_s) == (1, 0, None)
    assert caplog.text.count("RuntimeError: the driver is gone") == 1


def test_ten_in_a_row_begin_the_engine_anew(steady, benches):
    feed(steady, 1)
    benches[0].made[0].fault = FAULT
    feed(steady, MOST_FAILURES)
    assert len(benches[0].made) == 2
    assert None not in feed(steady, 3)
    assert (steady.failures, steady.restarts, steady.engine, steady.last_error) == (MOST_FAILURES, 1, "best", None)


def test_an_engine_that_fails_again_gives_way_to_the_lesser_one(steady, benches):
    feed(steady, 1)
    benches[0].made[0].fault = benches[0].fault = FAULT
    feed(steady, 2 * MOST_FAILURES)
    assert steady.engine == "least"
    assert None not in feed(steady, 5)
    assert "least computes, since best fails: RuntimeError: the driver is gone" in steady.last_error


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(module, "RETRY_FIRST_S", 0.01)
    monkeypatch.setattr(module, "RETRY_MOST_S", 0.02)


def feed_until(steady, happens):
    end = monotonic() + 10
    while not happens():
        assert monotonic() < end
        steady.upscale_frame(frame())
        sleep(0.002)


def test_the_best_engine_is_tried_again_and_again(impatient, benches):
    best, least = benches
    steady = FailoverUpscaler([best.candidate, least.candidate])
    feed(steady, 1)
    best.made[0].fault = best.fault = FAULT
    feed_until(steady, lambda: steady.engine == "least")
    before = len(best.made)
    feed_until(steady, lambda: len(best.made) >= before + 3)  # each fails its first frame, and is left
    assert steady.failures <= 2 * MOST_FAILURES + 4
    best.fault = None
    feed_until(steady, lambda: steady.engine == "best" and steady.last_error is None)
    assert None not in feed(steady, 5)


def test_a_delegate_that_is_lost_costs_one_frame(impatient, benches):
    best, least = benches
    steady = FailoverUpscaler([best.candidate, least.candidate])
    feed(steady, 1)
    best.made[0].fault = DelegateLost("libedgetpu.so.1: lost (SIGABRT)")
    best.refuses = Unavailable("no Edge TPU is there")
    assert feed(steady, 1) == [None]
    assert None not in feed(steady, 3)
    assert steady.engine == "least"
    assert "least computes, since best fails: libedgetpu.so.1: lost (SIGABRT)" in steady.last_error
    best.refuses = None
    feed_until(steady, lambda: steady.engine == "best")


def test_one_that_may_be_missing_at_the_start_gives_way_until_it_comes(impatient, benches):
    best, least = benches
    best.refuses = Unavailable("no Edge TPU is there")
    with pytest.raises(Unavailable):
        FailoverUpscaler([best.candidate, least.candidate])
    steady = FailoverUpscaler([replace(best.candidate, may_be_missing=True), least.candidate])
    assert None not in feed(steady, 2)
    assert (steady.engine, steady.last_error) == ("least", "least computes, since best fails: no Edge TPU is there")
    best.refuses = None
    feed_until(steady, lambda: steady.engine == "best" and steady.last_error is None)


def test_an_engine_that_cannot_even_begin_gives_way_too(steady, benches):
    benches[0].made[0].fault = FAULT
    benches[0].refuses = ModelError("gone")
    feed(steady, MOST_FAILURES)
    assert steady.engine == "least"


def test_when_nothing_works_it_goes_on_trying(steady, benches):
    for bench in benches:
        bench.fault = FAULT
    benches[0].made[0].fault = FAULT
    assert set(feed(steady, 5 * MOST_FAILURES)) == {None}
    assert steady.failing == 5 * MOST_FAILURES  # the supervisor tells systemd that it is hopeless
    for bench in benches:
        bench.fault = None
    feed(steady, MOST_FAILURES)
    assert None not in feed(steady, 2)


def test_what_was_asked_for_and_is_not_there_is_an_error_at_once(benches):
    benches[0].refuses = NoInput("no such model")
    with pytest.raises(NoInput, match="no such model"):
        FailoverUpscaler([bench.candidate for bench in benches])


def test_other_engines_take_over_with_the_next_frame(steady):
    other = Bench("other")
    steady.replace([other.candidate])
    assert steady.engine == "best"
    feed(steady, 1)
    assert steady.engine == "other"


def test_engines_that_cannot_begin_do_not_take_over(steady):
    other = Bench("other")
    other.refuses = FAULT
    steady.replace([other.candidate])
    assert None not in feed(steady, 2)
    assert steady.engine == "best"
