"""When live video takes a faster model, and when a better one: by tables, and by ten minutes of random load."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_srcnn.live.governor import (
    HEAT_SETTLE_S,
    HOLD_S,
    MOST_PATIENCE_S,
    MOST_STEPS,
    PATIENCE_S,
    WINDOW_S,
    Governor,
    Look,
    Reason,
)
from edge_srcnn.system.temperature import Heat

COOL, WARM, HOT = (Heat(celsius, ()) for celsius in (60.0, 77.0, 82.0))
UNKNOWN = Heat(None, ())
FPS = 25.0
TABLE_S = (0.005, 0.012, 0.03)  # of a frame, by model: 40 ms are between two


class Machine:
    """A governor on a machine whose load and heat a test sets; time goes on in steps of a second."""

    def __init__(self, index: int = 0, times_s: tuple[float, ...] = TABLE_S) -> None:
        self.governor = Governor(len(times_s), hot_c=80)
        self.governor.begin(index)
        self.now_s, self.load, self.heat, self.times_s = 0.0, 1.0, COOL, times_s
        self.knows_better = True
        self.taken: list[tuple[float, str]] = []

    def run(self, seconds: float) -> list[str]:
        """Take each step that is decided on; gives those, as up or down and the reason."""
        begin, end = len(self.taken), self.now_s + seconds
        while self.now_s < end:
            self.now_s += 1
            step = self.governor.decide(self.look())
            if step is not None:
                self.governor.take(step, self.now_s)
                self.taken.append((self.now_s, f"{step.direction} {step.reason}"))
        return [text for _, text in self.taken[begin:]]

    def look(self) -> Look:
        index = self.governor.index
        frame_s = self.times_s[index] * self.load
        fps = min(1 / frame_s, FPS)
        better = self.times_s[index + 1 :][:1]
        better_s = better[0] * self.load if better and self.knows_better else None
        return Look(self.now_s, FPS, fps, 1 - fps / FPS, frame_s, better_s, self.heat)


def test_what_keeps_up_and_has_no_room_above_it_stays():
    machine = Machine(index=1)
    machine.times_s = (0.005, 0.012, 0.033)  # eight tenths of 40 ms are 32
    assert machine.run(600) == []


def test_behind_for_three_seconds_is_one_model_down():
    machine = Machine(index=2)
    machine.load = 1.5  # 45 ms of 40
    assert machine.run(HOLD_S) == []
    assert machine.run(1) == ["down behind"]
    assert machine.governor.index == 1
    assert machine.run(PATIENCE_S) == []


def test_behind_for_less_is_nothing():
    machine = Machine(index=2)
    for _ in range(20):
        machine.load = 1.5
        assert machine.run(HOLD_S) == []
        machine.load = 1.0
        assert machine.run(1) == []


def test_frames_that_are_lost_are_behind_however_quick_the_engine_seems():
    machine = Machine(index=1)
    look = Look(0.0, FPS, 14.2, 0.4, 0.01, None, COOL)
    steps = [machine.governor.decide(Look(**{**vars(look), "now_s": float(second)})) for second in range(5)]
    assert [step and str(step) for step in steps][3] == "stepped down: 14.2 of 25 frames a second"


def test_hot_for_three_seconds_is_one_model_down_and_another_one_later():
    machine = Machine(index=2)
    machine.heat = HOT
    assert machine.run(HOLD_S + 1) == ["down hot"]
    assert str(machine.governor.last) == "stepped down: 82 °C"
    assert machine.governor.hot == "82 °C"
    assert machine.run(HEAT_SETTLE_S - 1) == []
    assert machine.run(1 + HOLD_S) == ["down hot"]
    assert machine.run(60) == []  # there is no faster one
    assert machine.governor.index == 0


def test_throttling_counts_as_much_as_heat():
    machine = Machine(index=1)
    machine.heat = Heat(60.0, ("it is throttled",))
    assert machine.run(HOLD_S + 1) == ["down hot"]
    assert str(machine.governor.last) == "stepped down: it is throttled"


def test_nothing_is_stepped_for_heat_that_nobody_measures():
    machine = Machine(index=2)
    machine.heat = UNKNOWN
    assert machine.run(600) == []


def test_room_for_twenty_seconds_is_one_model_up():
    machine = Machine(index=0)
    assert machine.run(PATIENCE_S) == []
    assert machine.run(1) == ["up room"]
    assert str(machine.governor.last) == "stepped up: 12 ms a frame, and 40 ms to spend"
    assert machine.run(PATIENCE_S + 1) == ["up room"]
    assert machine.governor.index == 2
    assert machine.run(600) == []


def test_it_must_be_cool_by_five_degrees_to_step_up():
    machine = Machine(index=0)
    machine.heat = WARM
    assert machine.run(600) == []
    machine.heat = COOL
    assert machine.run(PATIENCE_S + 1) == ["up room"]


def test_a_model_that_was_never_measured_is_tried_where_twice_the_time_has_room():
    machine = Machine(index=0)
    machine.knows_better = False
    machine.times_s = (0.0161, 0.02)
    assert machine.run(60) == []
    machine.times_s = (0.0159, 0.02)
    assert machine.run(PATIENCE_S + 1) == ["up room"]


def test_a_step_up_that_was_a_mistake_makes_patient():
    machine = Machine(index=0, times_s=(0.005, 0.012))
    waits, before = [], 0.0
    for _ in range(3):
        machine.load = 1.0
        while machine.governor.index == 0:
            machine.run(1)
        waits.append(machine.now_s - before)
        machine.load = 8.0
        while machine.governor.index == 1:
            machine.run(1)
        before = machine.now_s
    assert waits[0] == PATIENCE_S + 1
    assert waits[1] == 2 * PATIENCE_S + 1
    assert waits[2] > 4 * PATIENCE_S


def test_a_step_that_is_refused_makes_patient_too_but_not_for_ever():
    governor, refused = Governor(2), []
    for second in range(3600):
        step = governor.decide(Look(float(second), FPS, FPS, 0.0, 0.005, 0.012, COOL))
        if step is not None:
            governor.refuse(step)
            refused.append(second)
    assert refused[0] == PATIENCE_S
    gaps = [after - before for before, after in pairwise(refused)]
    assert gaps == sorted(gaps)
    assert gaps[-1] == pytest.approx(MOST_PATIENCE_S, abs=2)


def test_the_fastest_model_that_is_too_slow_stays_and_says_so():
    machine = Machine(index=0)
    machine.load = 20.0
    assert machine.run(60) == []
    assert machine.governor.too_slow == "10.0 of 25 frames a second"
    machine.load = 1.0
    machine.run(1)
    assert machine.governor.too_slow is None


def test_a_named_model_is_never_stepped():
    machine = Machine(times_s=(0.01,))
    for load, heat in [(1.0, COOL), (9.0, COOL), (1.0, HOT), (9.0, HOT)]:
        machine.load, machine.heat = load, heat
        assert machine.run(300) == []


def test_without_a_rate_nothing_is_stepped_but_for_heat():
    governor = Governor(3)
    governor.begin(1)
    looks = [Look(float(second), None, 3.0, 0.0, 0.3, 0.6, COOL) for second in range(100)]
    assert [governor.decide(look) for look in looks] == [None] * 100
    hot = [governor.decide(Look(100.0 + second, None, 3.0, 0.0, 0.3, 0.6, HOT)) for second in range(4)]
    assert hot[3].reason == Reason.HOT


def test_a_rest_forgets_what_was_seen():
    machine = Machine(index=2)
    machine.load, machine.heat = 1.5, HOT
    machine.run(HOLD_S)
    machine.governor.rest()
    assert machine.governor.hot is None
    assert machine.run(HOLD_S) == []


def test_steps_are_counted_by_direction_and_reason():
    machine = Machine(index=2)
    machine.load = 1.5
    machine.run(10)
    machine.load = 1.0
    machine.run(30)
    counts = {
        (each.direction, each.reason): each.count for each in machine.governor.state(("a", "b", "c"), FPS, ()).steps
    }
    assert counts == {("down", "behind"): 1, ("up", "room"): 1}


LOADS = st.lists(
    st.tuples(
        st.integers(1, 60),  # seconds
        st.floats(0.2, 30),  # as many times slower
        st.sampled_from([COOL, COOL, WARM, HOT, UNKNOWN, Heat(50.0, ("its clock is capped",))]),
        st.booleans(),
    ),
    min_size=20,
    max_size=60,
)


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(begin=st.integers(0, 2), loads=LOADS)
def test_ten_minutes_of_any_load_make_no_more_than_four_steps_in_five_and_heat_never_waits(begin, loads):
    machine = Machine(index=begin)
    for seconds, load, heat, knows in loads:
        machine.load, machine.heat, machine.knows_better = load, heat, knows
        for _ in range(seconds):
            held_s = 0.0 if machine.governor._behind_s is None else machine.now_s - machine.governor._behind_s
            # a step down is never refused: whoever is behind for longer is on the fastest model
            assert held_s <= HOLD_S or machine.governor.index == 0
            machine.run(1)
        if machine.now_s > 600:
            break
    times = [at_s for at_s, _ in machine.taken]
    for first, last in zip(times, times[MOST_STEPS:], strict=False):
        assert last - first > WINDOW_S


def test_a_load_that_comes_and_goes_does_not_make_it_flap():
    machine = Machine(index=1)
    for _ in range(60):
        machine.load = 1.0
        machine.run(5)
        machine.load = 4.0
        machine.run(5)
    assert [text for _, text in machine.taken] == ["down behind"]
    assert machine.governor.last.direction == "down"
