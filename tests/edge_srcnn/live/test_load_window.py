"""What frames cost of late: their time, those that were lost, and what the camera gives."""

import numpy as np
import pytest

from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.live.statistics import LoadWindow

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
