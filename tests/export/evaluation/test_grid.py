"""The grid of noise and codecs: its conditions, its pictures, and what is called below bicubic."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from edge_srcnn.imaging.luma import UInt8Array
from export.data.degradation import matlab_bicubic
from export.data.degradation.processing import jpeg
from export.evaluation.evaluate import Score, baselines
from export.evaluation.grid import Condition, below_base, evaluate_grid, grid, spoil

pytest.importorskip("av")

Draw = Callable[..., UInt8Array]


def test_it_is_every_noise_by_every_codec_single_and_averaged() -> None:
    codecs = {("jpeg", 30), ("jpeg", 60), ("jpeg", 80), ("jpeg", 95), ("h264", 22), ("h264", 28), ("h264", 34)}
    wanted = {(s, *c, a) for s in (0, 3, 6, 10, 15) for c in codecs for a in (False, True)}
    conditions = grid()
    assert len(conditions) == len(wanted) == 70
    assert {(c.sigma, c.codec, c.setting, c.averaged) for c in conditions} == wanted
    assert str(Condition(6, "h264", 28, True)) == "mean of 16, H.264 crf 28, noise 6"
    assert str(Condition(0, "jpeg", 60, False)) == "one, JPEG 60, noise 0"


def test_without_noise_a_jpeg_is_that_of_the_small_picture(draw: Draw) -> None:
    hr = draw(0)
    for averaged in (False, True):
        spoiled = spoil(hr, 2, Condition(0, "jpeg", 60, averaged), 1)
        assert np.array_equal(spoiled, jpeg(matlab_bicubic(hr, 2), 60))


@pytest.mark.parametrize("scale", [1, 2])
def test_noise_is_drawn_for_each_picture_alike_for_each_codec_and_averaged_away(scale: int) -> None:
    flat = np.full((160, 160), 120, np.uint8)
    one, mean, other = (
        spoil(flat, scale, Condition(10, "jpeg", 95, averaged), number)
        for averaged, number in ((False, 1), (True, 1), (False, 2))
    )
    assert one.shape == (160 // scale, 160 // scale)
    assert one.std() == pytest.approx(10, rel=0.1)
    assert mean.std() < one.std() / 2
    assert not np.array_equal(one, other)
    finer = spoil(flat, scale, Condition(10, "jpeg", 100, False), 1)
    assert np.corrcoef(one.ravel(), finer.ravel())[0, 1] > 0.95


def test_h264_shows(draw: Draw) -> None:
    hr = draw(1)
    clean = matlab_bicubic(hr, 2).astype(float)
    fine, coarse = (
        float(np.mean((spoil(hr, 2, Condition(0, "h264", crf, False), 1) - clean) ** 2)) for crf in (22, 34)
    )
    assert 0 < fine < coarse


def test_all_methods_get_the_same_picture_under_each_condition(draw: Draw) -> None:
    conditions = [Condition(6, "jpeg", 60, False), Condition(6, "jpeg", 60, True)]
    steps: list[None] = []
    rows = evaluate_grid("set", [draw(0)], 2, baselines(2), conditions=conditions, on_step=lambda: steps.append(None))
    assert [[(s.set, s.scale, s.degrade, s.method) for s in scores] for scores in rows] == [
        [("set", 2, str(condition), method) for method in ("bicubic-matlab", "bicubic")] for condition in conditions
    ]
    assert len(steps) == 2
    assert rows[1][1].psnr > rows[0][1].psnr + 1, "the mean has less noise"


def test_below_is_what_has_less_than_bicubic_or_the_input() -> None:
    score = Score("set5", 2, "one", "bicubic", 30.0, 0.9, 0.1, 1.0)
    worse, better = replace(score, method="worse", psnr=29.99), replace(score, method="better", psnr=30.0)
    matlab = replace(score, method="bicubic-matlab", psnr=29.0)
    assert below_base([matlab, score, worse, better]) == [worse]
    as_it_is = replace(score, scale=1, method="input")
    assert below_base([as_it_is, replace(worse, scale=1)]) == [replace(worse, scale=1)]
