"""Another engine is made ready beside the present one; the last that was asked for takes over, or the present stays."""

import threading

import pytest

from edge_srcnn.errors import ModelError
from edge_srcnn.live.engine_maker import EngineMaker
from edge_srcnn.live.failover import FailoverUpscaler
from tests.edge_srcnn.live.test_failover import Bench, feed, feed_until
from tests.edge_srcnn.service.parts import wait_until


class Slow(Bench):
    """A bench that works when it is let."""

    def __init__(self, name):
        super().__init__(name)
        self.begun, self.goes = threading.Event(), threading.Event()

    def make(self):
        self.begun.set()
        assert self.goes.wait(10)
        return super().make()


@pytest.fixture
def present():
    bench = Bench("present")
    failover = FailoverUpscaler([bench.candidate])
    feed(failover, 1)
    yield failover, bench.made[0], EngineMaker(failover)
    failover.close()


def test_it_takes_over_when_it_is_ready_and_has_computed_the_last_frame(present):
    failover, before, maker = present
    slow = Slow("next")
    maker.ask([slow.candidate])
    assert slow.begun.wait(10)
    assert None not in feed(failover, 3)
    assert failover.engine == "present"
    slow.goes.set()
    feed_until(failover, lambda: failover.engine == "next")
    assert slow.made[0].calls >= 2  # one to warm up
    wait_until(lambda: before.closed)
    assert failover.failures == 0


def test_of_several_the_last_takes_over_and_the_others_are_let_go(present):
    failover, _, maker = present
    first, second, third = Slow("first"), Slow("second"), Slow("third")
    for bench in (first, second, third):
        maker.ask([bench.candidate])
        assert first.begun.wait(10)
    for bench in (first, second, third):
        bench.goes.set()
    feed_until(failover, lambda: failover.engine == "third")
    wait_until(lambda: first.made[0].closed)
    assert second.made == []


def test_what_cannot_be_made_is_told_and_the_present_one_goes_on(present, caplog):
    failover, before, maker = present
    bench, told = Bench("broken"), threading.Event()
    bench.refuses = ModelError("half of it is missing")
    maker.ask([bench.candidate], told.set)
    assert told.wait(10)
    assert None not in feed(failover, 3)
    assert (failover.engine, before.closed) == ("present", False)
    assert failover.refused == "another engine cannot take over: half of it is missing"
    assert "half of it is missing" in caplog.text
    good = Bench("good")
    maker.ask([good.candidate])
    feed_until(failover, lambda: failover.engine == "good")
    assert failover.refused is None


def test_what_is_taken_now_comes_before_what_was_asked_for_earlier(present):
    failover, _, maker = present
    slow, now = Slow("late"), Bench("now")
    maker.ask([slow.candidate])
    assert slow.begun.wait(10)
    maker.take([now.candidate], maker.make(now.candidate))
    slow.goes.set()
    wait_until(lambda: slow.made and slow.made[0].closed)
    feed(failover, 3)
    assert failover.engine == "now"


def test_one_that_is_ready_when_all_ends_is_let_go(present):
    failover, _, maker = present
    bench = Bench("late")
    made = maker.make(bench.candidate)
    failover.close()
    failover.replace([bench.candidate], made)
    assert made.closed
