"""What the rigs compute: the front, and counts read from marks."""

from itertools import product

import pytest

from tests.rigs.front_page import pareto
from tests.rigs.instructions import HEIGHT, Count, Job, counts_of, find_network, packings

CHEAP, GOOD, DEAR, WORSE = (1.0, 30.0), (2.0, 31.0), (4.0, 33.0), (3.0, 30.5)


def test_the_front_is_what_nothing_else_outdoes():
    assert pareto([DEAR, WORSE, CHEAP, GOOD]) == [2, 3, 0]


def test_of_two_that_cost_the_same_the_better_one_is_on_the_front():
    assert pareto([(1.0, 30.0), (1.0, 31.0), (2.0, 31.0)]) == [1]


def test_every_point_is_on_the_front_or_outdone():
    points = [(float(x), float(x * 7 % 5)) for x in range(12)]
    front = pareto(points)
    for number, (cost, gain) in enumerate(points):
        outdone = any(
            c <= cost and g >= gain and n != number and (c, g) != (cost, gain) for n, (c, g) in enumerate(points)
        )
        assert (number in front) != outdone
    assert pareto([]) == []


def job(frames, scale=2):
    return Job("some", "0.tflite", "luma", 1, scale, True, scale, 1972, "8w", (512, 1024), frames)


def test_the_interpreter_is_counted_apart_from_what_is_around_it():
    # 100 before the interpreter runs, 3,000 within, 500 between two runs, 2,000 within, 400 after; 8 x 10 x 4 pixels
    marks = [1_000, 1_100, 4_100, 4_600, 6_600, 7_000]
    assert counts_of([job(((8, 10),))], [6], marks) == [Count(5_000 / 320, 1_000 / 320)]


def test_two_frames_of_few_rows_tell_what_a_whole_one_takes():
    # 70 a pixel of the result and 9,000 a frame within, 5 a pixel and 1,200 around; 20 columns
    marks, now = [], 0
    for rows in (16, 48):
        pixels = rows * 20 * 4
        for step in (0, 0, 9_000 + 70 * pixels, 1_200 + 5 * pixels):
            now += step
            marks.append(now)
    (found,) = counts_of([job(((16, 20), (48, 20)))], [4, 4], marks)
    whole = HEIGHT * 20 * 4
    assert (found.network, found.host) == pytest.approx((70 + 9_000 / whole, 5 + 1_200 / whole))


def test_a_network_of_a_name_has_its_packings():
    for scale, name in product((2, 3, 4), ("fast-c8d4", "fast-c16d4b2")):
        network, found_scale = find_network(name, scale)
        assert (found_scale, network.upsampling) == (scale, scale)
        assert any(blocks.window for blocks in packings(network.graph)) == (network.unshuffle == 1)
