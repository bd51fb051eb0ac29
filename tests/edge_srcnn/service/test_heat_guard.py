from edge_srcnn.heat import Heat
from edge_srcnn.service.heat_guard import LEAST_SHARE, HeatGuard

COOL, WARM, HOT = (Heat(celsius, ()) for celsius in (50.0, 77.0, 85.0))
THROTTLED = Heat(60.0, ("it is throttled",))


def test_a_cool_processor_does_everything():
    guard = HeatGuard(80)
    assert [guard.step(COOL) for _ in range(3)] == [1, 1, 1]
    assert guard.trouble is None


def test_a_hot_one_gets_less_and_less_but_never_nothing(caplog):
    guard = HeatGuard(80)
    limits = [guard.step(HOT) for _ in range(20)]
    assert limits == sorted(limits, reverse=True)
    assert limits[0] < 1 and limits[-1] == LEAST_SHARE
    assert "85 °C" in guard.trouble
    assert len(caplog.records) == 1  # a change, not a state


def test_it_gets_it_back_slowly_when_it_is_cool_again(caplog):
    guard = HeatGuard(80)
    low = [guard.step(HOT) for _ in range(5)][-1]
    assert guard.step(WARM) == low  # not yet cool enough
    back = [guard.step(COOL) for _ in range(30)]
    assert back == sorted(back) and back[0] > low and back[-1] == 1
    assert guard.trouble is None
    assert "well again" in caplog.text


def test_throttling_counts_as_much_as_heat():
    guard = HeatGuard(80)
    assert guard.step(THROTTLED) < 1
    assert "it is throttled" in guard.trouble


def test_where_nothing_is_measured_nothing_is_shed():
    assert HeatGuard(80).step(Heat(None, ())) == 1
