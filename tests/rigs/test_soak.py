"""What the soak calls growth."""

from tests.rigs.soak import grown_kb


def test_memory_is_compared_where_the_work_is_the_same() -> None:
    third = [((160, 120, 2), 100), ((160, 120, 3), 200)]
    last = [((160, 120, 2), 101), ((176, 144, 2), 900), ((160, 120, 3), 203)]
    assert grown_kb(third, last) == 2
    assert grown_kb(third, [((176, 144, 2), 900)]) == 0
