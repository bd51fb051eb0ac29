"""Every int8 value on every grey level, and the float way, against the arithmetic of the page."""

from fractions import Fraction

import numpy as np
import pytest

from edge_srcnn.engine.graph import FLOAT, Quantization
from edge_srcnn.engine.postprocess import Output

RAW = np.repeat(np.arange(-128, 128, dtype=np.int8)[:, None], 256, axis=1)
GREYS = np.repeat(np.arange(256, dtype=np.uint8)[None], 256, axis=0)
"""Together every pair of both."""

QUANTIZATIONS = [
    Quantization(1 / 255, 0),  # whole levels
    Quantization(1 / 255, -128),
    Quantization(0.5 / 255, 10),
    Quantization(2 / 255, 127),
    Quantization(float(np.float32(0.00213)), 5),  # as networks have it
    Quantization(2.0**-9, -3),
    Quantization(2.0**-7, 0),
    Quantization(1e-9, 0),  # never a whole level
    Quantization(1000.0, 1),  # always the end
]


def test_a_picture_that_is_its_own_base_may_be_written_to():
    for quantization in QUANTIZATIONS:
        apart, within = np.empty((256, 256), np.uint8), GREYS.copy()
        output = Output(quantization, residual=True, width=256)
        output.apply(RAW, GREYS, apart)
        output.apply(RAW, within, within)
        assert (apart == within).all(), quantization


STRENGTHS = [0, 0.25, 0.3, 0.5, 0.75, 1, 1.25, 1.5]


def clipped(level: int) -> int:
    return min(max(level, 0), 255)


@pytest.mark.parametrize("quantization", QUANTIZATIONS, ids=str)
def test_every_int8_residual_is_added_to_every_grey(quantization):
    out = np.empty((256, 256), np.uint8)
    Output(quantization, residual=True, width=256).apply(RAW, GREYS, out)
    for raw in range(-128, 128):
        change = round((raw - quantization.zero_point) * quantization.scale * 255)
        assert out[raw + 128].tolist() == [clipped(grey + change) for grey in range(256)], raw


@pytest.mark.parametrize("quantization", QUANTIZATIONS, ids=str)
def test_every_direct_int8_value_is_a_grey(quantization):
    out = np.empty((256, 256), np.uint8)
    Output(quantization, residual=False, width=256).apply(RAW, GREYS, out)
    for raw in range(-128, 128):
        grey = clipped(round((raw - quantization.zero_point) * quantization.scale * 255))
        assert (out[raw + 128] == grey).all(), raw


def times(change: int, strength: float) -> int:
    """To the nearest whole number, halves to even."""
    return round(Fraction(change) * Fraction(str(strength)))


@pytest.mark.slow
@pytest.mark.parametrize("quantization", QUANTIZATIONS, ids=str)
def test_every_int8_residual_is_added_at_every_strength(quantization):
    output, out = Output(quantization, residual=True, width=256), np.empty((256, 256), np.uint8)
    for strength in STRENGTHS:
        output.apply(RAW, GREYS, out, strength)
        for raw in range(-128, 128):
            real = (raw - quantization.zero_point) * quantization.scale * 255
            change = times(
                round(min(max(real, -512), 512)), strength
            )  # what is beyond 511 ends in white or black anyway
            assert out[raw + 128].tolist() == [clipped(grey + change) for grey in range(256)], (strength, raw)


@pytest.mark.slow
@pytest.mark.parametrize("quantization", QUANTIZATIONS, ids=str)
def test_a_direct_network_goes_a_part_of_the_way_to_its_picture(quantization):
    output, out = Output(quantization, residual=False, width=256), np.empty((256, 256), np.uint8)
    for strength in STRENGTHS:
        output.apply(RAW, GREYS, out, strength)
        part = {change: times(change, strength) for change in range(-255, 256)}
        for raw in range(-128, 128):
            picture = clipped(round((raw - quantization.zero_point) * quantization.scale * 255))
            expected = [clipped(grey + part[picture - grey]) for grey in range(256)]
            assert out[raw + 128].tolist() == expected, (strength, raw)


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("residual", [True, False])
def test_a_float_change_is_multiplied_before_it_is_rounded(residual, strength):
    levels = np.array([-200.0, -7.3, -0.2, 0.0, 0.9, 41.7, 130.0, 254.6])
    greys = np.repeat(np.arange(256, dtype=np.uint8)[None], len(levels), axis=0)
    out = np.empty(greys.shape, np.uint8)
    raw = np.repeat((levels / 255).astype(np.float32)[:, None], 256, axis=1)
    Output(FLOAT, residual=residual, width=256).apply(raw, greys, out, strength)
    change = strength * (levels[:, None] if residual else levels[:, None] - greys)
    exact = np.clip(greys + change, 0, 255)
    assert np.abs(out - exact).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("quantization", [Quantization(1 / 255, 0), Quantization(0.3 / 255, 9), FLOAT], ids=str)
@pytest.mark.parametrize("residual", [True, False])
def test_a_strength_leaves_no_trace_in_the_next_one(residual, quantization):
    rng = np.random.default_rng(1)
    raw = RAW if quantization != FLOAT else rng.uniform(-1, 2, RAW.shape).astype(np.float32)
    output = Output(quantization, residual=residual, width=256)
    for strength in (1, 0.5, 0, 1.5, 0.5, 1):
        found, expected = np.empty((256, 256), np.uint8), np.empty((256, 256), np.uint8)
        output.apply(raw, GREYS, found, strength)
        Output(quantization, residual=residual, width=256).apply(raw, GREYS, expected, strength)
        assert (found == expected).all(), strength


def test_what_is_no_number_cannot_be_seen_at_strength_0():
    raw, out = np.array([[np.nan, np.inf, -np.inf]], np.float32), np.empty((1, 3), np.uint8)
    for residual in (True, False):
        Output(FLOAT, residual=residual, width=3).apply(raw, np.full((1, 3), 90, np.uint8), out, 0)
        assert out.tolist() == [[90, 90, 90]]


@pytest.mark.parametrize("shape", [(1, 1), (1, 70_000), (3, 65_537), (700, 333), (65_537, 1), (65_536, 2)])
@pytest.mark.parametrize(("residual", "zero_point"), [(True, 0), (True, -5), (False, -5)])
@pytest.mark.parametrize("strength", [1, 1.5])
def test_every_row_of_every_shape_is_served(shape, residual, zero_point, strength):
    random = np.random.default_rng(0)
    raw = random.integers(-128, 128, shape, dtype=np.int8)
    greys = random.integers(0, 256, shape, dtype=np.uint8)
    out = np.empty(shape, np.uint8)
    Output(Quantization(1 / 255, zero_point), residual=residual, width=shape[1]).apply(raw, greys, out, strength)
    change = raw.astype(int) - zero_point
    if not residual:
        change = np.clip(change, 0, 255) - greys
    assert (out == np.clip(greys + np.rint(change * strength), 0, 255)).all()


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("quantization", [Quantization(1 / 255, 0), FLOAT], ids=["int8", "float32"])
def test_parts_of_larger_planes_are_served_and_nothing_beside_them_is_touched(residual, quantization):
    dtype = np.float32 if quantization == FLOAT else np.int8
    raw = np.full((12, 20), 0 if quantization == FLOAT else 40, dtype)[:9, :13]
    greys, out = np.full((15, 13), 90, np.uint8)[3:12], np.full((11, 13), 7, np.uint8)
    Output(quantization, residual=residual, width=13).apply(raw, greys, out[1:10])
    change = 0 if quantization == FLOAT else 40
    assert (out[1:10] == change + (90 if residual else 0)).all()
    assert (out[[0, 10]] == 7).all()


@pytest.mark.parametrize("residual", [True, False])
def test_a_float_residual_counts_parts_of_255_and_is_rounded_to_the_nearest(residual):
    levels = np.arange(-300, 301)
    greys = np.repeat(np.arange(256, dtype=np.uint8)[None], len(levels), axis=0)
    out = np.empty(greys.shape, np.uint8)
    for fraction in (-0.4, 0.0, 0.4):
        raw = np.repeat(((levels + fraction) / 255).astype(np.float32)[:, None], 256, axis=1)
        Output(FLOAT, residual=residual, width=256).apply(raw, greys, out)
        assert (out == np.clip(levels[:, None] + (greys.astype(int) if residual else 0), 0, 255)).all(), fraction


def test_a_residual_that_is_far_out_of_range_ends_at_black_or_white():
    raw = np.array([[1e30, -1e30, np.inf, -np.inf]], np.float32)
    out = np.empty((1, 4), np.uint8)
    Output(FLOAT, residual=True, width=4).apply(raw, np.full((1, 4), 100, np.uint8), out)
    assert out.tolist() == [[255, 0, 255, 0]]
