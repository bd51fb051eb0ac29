"""Every model in the package: card, licence, the command that makes it again, its quality, and what int8 costs it."""

import os
import shlex
from collections.abc import Sequence
from itertools import pairwise
from math import log
from pathlib import Path

import numpy as np
import pytest

from edge_srcnn import load_model
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.models.bundled import bundled_models, ladder_of
from edge_srcnn.models.file import read_model
from edge_srcnn.models.spec import BICUBIC, ModelSpec
from export.evaluation.evaluate import DEGRADES, evaluate, read_ground_truths
from export.packaging import model_card

FORBIDDEN = ("t91", "bsds")
"""Training pictures whose terms do not let a network of them be passed on."""

INT8_COSTS_DB = 0.03

CARD_DB = 5e-5
"""Cards have four decimals."""

SHARE = 0.02
"""Pixels that another processor or version may round to the neighbouring level.

Of OpenCV's bicubic at x3: thirds are no binary fractions, and each instruction set adds them up in its own order. An
AVX2 machine differs from an AVX-512 one in 0.005 % of Set5's pixels, OpenCV 4 from 5 and x86-64 from Arm in 2 %. A
camera's picture is computed in floating point, too.
"""

LUMA_SHARE = 1e-4
"""The same for x2, which OpenCV computes alike everywhere: the cards of the first models were made when luma and
MATLAB's bicubic were sums of floats, which rounded 0.005 % of the pixels to the other side of a half.
"""

AMPLIFIED = 2
"""A network sharpens: one level in its input moves its output as two levels would, at the most."""


def rounding_db(psnr: float, hr_planes: Sequence[UInt8Array], share: float) -> float:
    """Five standard deviations of a mean PSNR, in dB, if ``share`` of the pixels go to either neighbouring level.

    A pixel whose exact value lies half-way becomes the level above or below; with errors e that adds +-2e to N * MSE
    (the squares of both halves are alike), at random: a deviation of 2 * sqrt(share * MSE / N) of the MSE, of which
    10 / ln 10 / MSE makes dB. The mean over pictures has the root of the sum of the squares by their number.
    """
    mse = 255**2 / 10 ** (psnr / 10)
    one_pixel = 20 / log(10) * np.sqrt(share / mse)
    return float(5 * one_pixel * np.sqrt(sum(1 / hr.size for hr in hr_planes)) / len(hr_planes))


DATA = os.environ.get("EDGE_SRCNN_DATA")


@pytest.fixture(params=bundled_models())
def path(request: pytest.FixtureRequest) -> Path:
    return bundled_models()[request.param]


@pytest.fixture
def spec(path: Path) -> ModelSpec:
    return read_model(path).spec


FAMILIES = "srcnn-915", "srcnn-955", "fast-s", "fast-m", "fast-l"
FAMILIES_FOR_CAMERAS = "srcnn-915", "fast-s", "fast-m", "fast-l"
SHIPPED = {f"{family}-x{scale}" for family in (*FAMILIES, "fast-xl") for scale in (2, 3, 4)}
SHIPPED |= {*(f"{family}-x2-camera" for family in FAMILIES_FOR_CAMERAS), "fast-l-x2-settled"}
CLEANING = {"fast-s-x1-camera", "fast-m-x1-camera"}


def test_there_is_one_for_each_scale_and_some_for_cameras() -> None:
    assert set(bundled_models()) in (SHIPPED, SHIPPED | CLEANING)


def test_each_model_of_a_ladder_is_better_and_costs_more_work_than_the_one_below() -> None:
    ladders = [(2, False), (3, False), (4, False), (2, True)]
    for scale, camera in [*ladders, (1, False)] if set(bundled_models()) >= CLEANING else ladders:
        models = ladder_of(bundled_models(), scale, camera=camera)
        specs = [read_model(bundled_models()[name]).spec for name in models]
        assert [spec.family for spec in specs] == ["fast"] * (2 if scale == 1 else 3 if camera else 4)
        for lower, higher in pairwise(specs):
            assert higher.macs_per_pixel > lower.macs_per_pixel
            for one, other in zip(lower.quality, higher.quality, strict=True):
                assert (other.set, other.psnr > one.psnr) == (one.set, True), (higher.name, lower.name)


def test_its_card_is_that_of_the_file(path: Path, spec: ModelSpec) -> None:
    assert path.with_suffix(".md").read_text(encoding="utf-8") == model_card(spec)
    assert spec.name == path.stem


def test_its_licence_and_its_pictures_are_said(spec: ModelSpec) -> None:
    for name in spec.training.data:
        assert name.casefold() in spec.training.licence.casefold()
        assert not name.casefold().startswith(FORBIDDEN)


def test_it_says_how_it_is_made_again(spec: ModelSpec) -> None:
    assert spec.training.command is not None
    words = shlex.split(spec.training.command)
    assert words[:3] == ["edge-srcnn", "export", "--int8"]
    assert words[words.index("--scale") + 1] == str(spec.scale)
    assert words[words.index("--steps") + 1] == str(spec.training.steps)
    assert spec.training.minutes is None, "a clock would make another file"


def test_int8_costs_next_to_nothing(spec: ModelSpec) -> None:
    for quality in spec.quality:
        assert quality.psnr >= quality.float_psnr - INT8_COSTS_DB
        assert quality.psnr > quality.bicubic_psnr


@pytest.mark.slow
@pytest.mark.skipif(DATA is None, reason="EDGE_SRCNN_DATA names no benchmark pictures")
def test_its_quality_is_what_it_says(path: Path, spec: ModelSpec) -> None:
    """On Set5, as ``edge-srcnn evaluate`` measures it."""
    said = next(quality for quality in spec.quality if quality.set.startswith("set5"))
    hr_planes = read_ground_truths(Path(DATA or "") / "eval" / "set5", spec.scale)
    degrade = next(name for name, kind in DEGRADES.items() if kind == spec.degradation)
    with load_model(path, strength=1) as upscaler:
        methods = {"bicubic": upscale_bicubic, "int8": lambda small, scale: upscaler.upscale(small)}
        bicubic, int8 = evaluate("set5", hr_planes, spec.scale, methods, degrade=degrade)
    share = LUMA_SHARE if spec.scale == 2 and spec.degradation == BICUBIC else SHARE
    for found, card, gain in ((bicubic, said.bicubic_psnr, 1), (int8, said.psnr, AMPLIFIED)):
        rounding = gain * rounding_db(card, hr_planes, share)
        assert rounding < INT8_COSTS_DB / 5, "finer than what a worse network would show"
        assert found.psnr == pytest.approx(card, abs=CARD_DB + rounding)
