"""Times of live streams, and how long a frame is waited for."""

import logging
import math
import random
from itertools import accumulate, pairwise

import pytest

from edge_srcnn.sources.stream_times import MOST_APART_S, FrameLimit, StreamClock

FPS = 25
SECONDS = 60
HOUR_S = 3600.0
ARRIVALS = [1000 + number / FPS for number in range(SECONDS * FPS + 1)]
JITTER = random.Random(1)
JITTERED = list(accumulate((at + JITTER.uniform(0, 0.3) for at in ARRIVALS), max))


def stamps(change):
    """The stream's own times: ``change`` gets seconds from the first frame, and its number."""
    return [change(number / FPS, number) for number in range(len(ARRIVALS))]


def jump(*jumps):
    return lambda s, _: s + sum(by for at, by in jumps if s >= at)


# what the stream says, and whether the log must tell of it
STREAMS = {
    "as they are": (stamps(lambda s, _: s), False),
    "from anywhere": (stamps(lambda s, _: s + 95_443.7), False),  # 2^33 / 90000 is where MPEG-TS begins anew
    "below zero": (stamps(lambda s, _: s - 1e6), False),
    "a clock that is off by 0.02 %": (stamps(lambda s, _: s * 1.0002), False),
    "coarse": (stamps(lambda s, n: round(s, 3)), False),
    "an hour ahead": (stamps(jump((14, HOUR_S))), True),
    "an hour back": (stamps(jump((14, -HOUR_S))), True),
    "begin anew": (stamps(lambda s, _: s % 20), True),
    "two seconds ahead": (stamps(jump((14, 2))), True),
    "two seconds back": (stamps(jump((14, -2))), True),
    "a little back": (stamps(jump((14, -0.5))), True),
    "to and fro": (stamps(lambda s, n: s + HOUR_S * (n % 2)), True),
    "ahead again and again": (stamps(jump(*((at, 100) for at in range(5, 60, 5)))), True),
    "back again and again": (stamps(jump(*((at, -100) for at in range(5, 60, 5)))), True),
    "stand still": (stamps(lambda s, _: min(s, 10)), True),
    "stand still from the start": (stamps(lambda s, _: 7.0), True),
    "stand still for a while": (stamps(lambda s, _: s if s < 10 or s > 20 else 10), True),
    "come two by two": (stamps(lambda s, n: (n // 2 * 2) / FPS), True),
    "go at half the speed": (stamps(lambda s, _: s / 2), True),
    "go at twice the speed": (stamps(lambda s, _: s * 2), True),
    "count milliseconds as seconds": (stamps(lambda s, _: s * 1000), True),
    "go backwards": (stamps(lambda s, _: -s), True),
    "are missing": (stamps(lambda s, _: None), False),
    "are missing at first": (stamps(lambda s, n: None if n < 50 else s), False),
    "are missing now and then": (stamps(lambda s, n: None if n % 3 else s), False),
    "are no numbers now and then": (stamps(lambda s, n: s if n % 3 else math.nan), False),
    "are anything": (stamps(lambda s, n: random.Random(n).uniform(-1e9, 1e9)), True),
    "are of another day after a while": (stamps(jump((30, 86_400))), True),
}


@pytest.mark.parametrize("arrivals", [ARRIVALS, JITTERED], ids=["on time", "late by up to 0.3 s"])
@pytest.mark.parametrize("name", STREAMS)
def test_times_always_increase_and_stay_by_arrival(name, arrivals, caplog):
    given, is_told = STREAMS[name]
    clock = StreamClock("camera")
    with caplog.at_level(logging.WARNING):
        times = [clock.time_s(stamp, at) for stamp, at in zip(given, arrivals, strict=True)]
    assert times[0] == 0
    assert all(before < after for before, after in pairwise(times))
    apart = [time - (at - arrivals[0]) for time, at in zip(times, arrivals, strict=True)]
    assert max(map(abs, apart)) <= MOST_APART_S + 0.05
    assert len(caplog.records) == is_told, "said once, or not at all"


@pytest.mark.parametrize("name", ["as they are", "from anywhere", "coarse", "a clock that is off by 0.02 %"])
def test_good_times_are_kept_though_frames_come_unevenly(name):
    given, _ = STREAMS[name]
    clock = StreamClock("camera")
    times = [clock.time_s(stamp, at) for stamp, at in zip(given, JITTERED, strict=True)]
    assert max(abs(after - before - 1 / FPS) for before, after in pairwise(times)) < 0.003


def test_good_times_are_kept_after_a_jump():
    clock = StreamClock("camera")
    times = [clock.time_s(stamp, at) for stamp, at in zip(STREAMS["an hour ahead"][0], JITTERED, strict=True)]
    later = [time for time in times if time > 20]
    assert max(abs(after - before - 1 / FPS) for before, after in pairwise(later)) < 0.003


def test_frames_that_had_been_waiting_keep_their_times(caplog):
    clock = StreamClock("camera", lead_s=4.0)
    waiting = 4 * FPS  # frames that came while the stream was opened, all at once
    arrivals = [1000.0] * waiting + [1000 + number / FPS for number in range(10 * FPS)]
    times = [clock.time_s(number / FPS, at) for number, at in enumerate(arrivals)]
    assert times == pytest.approx([number / FPS for number in range(len(arrivals))], abs=0.05)
    assert not caplog.records


def test_a_stall_is_a_gap_and_what_it_held_up_comes_after_it():
    clock = StreamClock("camera")
    arrivals = [at if at < 1010 or at > 1013 else 1013.0 for at in ARRIVALS]
    times = [clock.time_s(number / FPS, at) for number, at in enumerate(arrivals)]
    assert all(before < after for before, after in pairwise(times))
    assert times[-1] == pytest.approx(SECONDS, abs=MOST_APART_S)


# seconds between frames, and the limit after them, by a timeout of 5 s
@pytest.mark.parametrize(
    ("intervals", "limit_s"),
    [
        ([], 30),
        ([0.04] * 100, 5),
        ([1.0] * 10, 5),
        ([0.04] * 4, 30),
        ([2.0] * 5, 6),
        ([0.04] * 2 + [10.0] * 3, 30),
        ([10.0] * 10, 30),
        ([60.0] * 5, 180),
        ([1000.0] * 5, 300),
        ([0.04] * 50 + [4.0], 5),
        ([10.0] * 5 + [0.04] * 5, 5),
        ([0.1] * 5 + [10.0] * 3, 30),
    ],
)
def test_a_slow_camera_is_waited_for(intervals, limit_s):
    limit = FrameLimit(5.0)
    assert limit.limit_s == 30
    for at in accumulate(intervals, initial=1000.0):
        limit.came(at)
    assert limit.limit_s == pytest.approx(limit_s)


def test_a_limit_that_was_asked_for_holds_for_slow_cameras_too():
    limit = FrameLimit(600.0)
    for at in range(9):
        limit.came(at)
    assert limit.limit_s == 600


@pytest.mark.parametrize("missing", [1, 2, 5])
def test_frames_that_had_been_waiting_and_have_no_times_yet_are_as_far_apart_as_the_stream_says(missing):
    clock = StreamClock("camera", lead_s=3.0, step_s=1 / FPS)  # as RTSP begins, before its clock is known
    given = [None] * missing + [17 + number / FPS for number in range(missing, 50)]
    times = [clock.time_s(stamp, 1000 + 0.002 * number) for number, stamp in enumerate(given)]
    assert times == pytest.approx([number / FPS for number in range(50)], abs=1e-3)


def test_frames_without_times_that_come_one_by_one_are_timed_by_their_arrival_whatever_the_stream_says():
    clock = StreamClock("camera", step_s=1 / FPS)
    assert [clock.time_s(None, 1000 + each) for each in (0, 0.01, 0.5)] == pytest.approx([0, 0.01, 0.5])
