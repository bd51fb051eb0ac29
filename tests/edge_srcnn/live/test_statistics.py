"""Percentiles and rates of what was measured last, frames that were lost of late, and what the camera gives."""

from time import sleep

import numpy as np
import pytest

from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.live import statistics
from edge_srcnn.live.statistics import WINDOW, Durations, LoadWindow, Meter, Percentiles, rate_text


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(statistics, "monotonic", clock)
    return clock


def test_before_anything_was_measured_there_is_nothing():
    assert Durations().percentiles() == Percentiles(0.0, 0.0, 0.0)
    meter = Meter()
    assert (meter.count, meter.per_second(), meter.age_s()) == (0, 0.0, None)


def test_percentiles_are_milliseconds_whatever_the_order():
    durations = Durations()
    for number in range(101):  # 0 to 100 ms, each once: the percentile is the number
        durations.add((number * 37 % 101) / 1000)
    found = durations.percentiles()
    assert (found.median_ms, found.p95_ms, found.p99_ms) == pytest.approx((50, 95, 99))


def test_of_one_duration_every_percentile_is_that_one():
    durations = Durations()
    durations.add(0.004)
    found = durations.percentiles()
    assert (found.median_ms, found.p95_ms, found.p99_ms) == (4.0, 4.0, 4.0)


def test_old_durations_are_forgotten():
    durations = Durations()
    for seconds in [9.0] * 1000 + [0.001] * WINDOW:
        durations.add(seconds)
    assert durations.percentiles() == Percentiles(1.0, 1.0, 1.0)


def test_a_rate_is_that_of_the_last_seconds(clock):
    meter = Meter()
    for _ in range(30):
        meter.tick()
        clock.now += 0.1
    assert meter.count == 30
    assert meter.per_second() == pytest.approx(10)
    assert meter.age_s() == pytest.approx(0.1)
    clock.now += 60
    assert meter.per_second() == pytest.approx(1 / 60.1)  # at most: the next one has not come yet
    assert meter.age_s() == pytest.approx(60.1)
    for _ in range(30):
        meter.tick()
        clock.now += 0.02
    assert meter.per_second() == pytest.approx(50)


def test_one_event_is_no_rate_yet(clock):
    meter = Meter()
    meter.tick()
    assert meter.per_second() == 0.0


def test_a_rate_below_one_in_five_seconds_is_that_of_the_last_two(clock):
    meter = Meter()
    for _ in range(4):
        meter.tick()
        clock.now += 9
    clock.now -= 9
    for waited_s in (0, 4, 9):
        clock.now += waited_s
        assert meter.per_second() == pytest.approx(1 / max(9, clock.now - 1027))
    assert meter.per_second() == pytest.approx(1 / 13)


def test_a_rate_that_begins_anew_forgets_the_pause_before_it(clock):
    meter = Meter()
    meter.tick()
    meter.tick()
    clock.now += 600
    meter.begin_anew()
    assert meter.per_second() == 0.0
    meter.tick()
    assert meter.per_second() == 0.0
    clock.now += 0.1
    meter.tick()
    assert (meter.per_second(), meter.count) == (pytest.approx(10), 4)


@pytest.mark.parametrize(
    ("per_second", "text"),
    [
        (29.97, "30.0 a second"),
        (14.23, "14.2 a second"),
        (0.2, "0.2 a second"),
        (0.19, "one frame in 5 s"),
        (1 / 9, "one frame in 9 s"),
        (1 / 119, "one frame in 119 s"),
        (1 / 600, "one frame in 10 min"),
        (0.0, "no rate yet"),
    ],
)
def test_a_rate_is_written_so_that_it_is_never_zero_when_it_is_not(per_second, text):
    assert rate_text(per_second) == text


def test_more_events_than_the_window_holds(clock):
    meter = Meter()
    for _ in range(4 * WINDOW):
        meter.tick()
        clock.now += 0.001
    assert meter.count == 4 * WINDOW
    assert meter.per_second() == pytest.approx(1000)


def test_the_clock_is_a_real_one():
    meter = Meter()
    meter.tick()
    sleep(0.05)
    age = meter.age_s()
    assert age is not None
    assert 0.04 <= age < 10


# what live video costs of late

FPS = 25.0


def window(indices, frame_s: float) -> tuple[LoadWindow, float]:
    """A window of frames that were captured at ``FPS``, and computed at once; the time of the last one's end."""
    seen, ended_s = LoadWindow(), 0.0
    for index in indices:
        captured_s = index / FPS
        began_s = max(captured_s, ended_s)
        ended_s = began_s + frame_s
        seen.add(Frame(np.zeros((2, 2), np.uint8), None, Colour(), index, captured_s, captured_s), began_s, ended_s)
    return seen, ended_s


@pytest.mark.parametrize(
    ("indices", "frame_s", "target_fps", "lost"),
    [
        (range(26), 0.02, FPS, 0.0),
        (range(0, 52, 2), 0.08, FPS, 0.5),
        (range(0, 52, 2), 0.08, None, 0.5),
        ([0, *range(2, 27)], 0.02, FPS, 1 / 26),
        (range(0, 52, 2), 0.01, FPS, 0.0),  # the engine was idle: the camera left them out
        (range(0, 52, 2), 0.08, 10.0, 0.0),  # 12.5 are more than were wanted
        (range(0, 102, 4), 0.16, 10.0, (int(10.0 * 4.0) - 1 - 25) / 100),  # and 6.25 are fewer
        ([7], 0.02, FPS, 0.0),
        ([], 0.02, FPS, 0.0),
    ],
)
def test_frames_are_lost_that_were_wanted_and_came_while_the_engine_was_busy(indices, frame_s, target_fps, lost):
    seen, now_s = window(indices, frame_s)
    assert seen.lost(now_s, target_fps) == pytest.approx(lost)


def test_times_and_rates_are_means_of_the_frames_after_the_first():
    seen, now_s = window(range(0, 52, 2), 0.08)
    assert seen.frame_s == pytest.approx(0.08)
    assert seen.fps(now_s) == pytest.approx(12.5)
    assert seen.offered_fps() == pytest.approx(FPS)


def test_what_the_camera_gives_is_known_after_a_second():
    assert window(range(25), 0.01)[0].offered_fps() is None
    assert window(range(26), 0.01)[0].offered_fps() == pytest.approx(FPS)
    assert window([3], 0.01)[0].offered_fps() is None


def test_a_new_look_begins_with_nothing_but_the_cameras_rate():
    seen, now_s = window(range(0, 52, 2), 0.08)
    seen.begin_anew(now_s)
    assert (seen.frame_s, seen.lost(now_s + 1, FPS)) == (0.0, 0.0)
    assert seen.since_s(now_s + 1) == now_s + 1
    assert seen.offered_fps() == pytest.approx(FPS)
