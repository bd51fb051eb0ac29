"""Evaluate under noise and compression: a grid of what cameras deliver, a single frame and the mean over time."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from edge_srcnn.imaging.bicubic import base_name
from edge_srcnn.imaging.luma import UInt8Array
from export.data.degradation import matlab_bicubic
from export.data.degradation.codec import H264, h264
from export.data.degradation.processing import jpeg
from export.data.degradation.resize import to_uint8
from export.data.degradation.video import mean_over_time
from export.evaluation.evaluate import Method, Score, baselines, compare

SIGMAS = (0, 3, 6, 10, 15)
JPEG_QUALITIES = (30, 60, 80, 95)
CRFS = (22, 28, 34)
FRAMES = 16


@dataclass(frozen=True)
class Condition:
    """Describe how the small picture of a ground truth, MATLAB's bicubic, is spoiled before it is upscaled.

    Attributes
    ----------
    sigma
        Standard deviation of white noise in grey levels, another draw in each frame.
    codec
        ``jpeg`` or ``h264``.
    setting
        Of the codec: quality, or constant rate factor.
    averaged
        True: the mean over time of ``FRAMES`` frames. False: the last of them alone.
    """

    sigma: int
    codec: str
    setting: int
    averaged: bool

    def cells(self) -> tuple[str, str, str]:
        """Spell frames, codec and noise, each in a few letters."""
        codec = f"JPEG {self.setting}" if self.codec == "jpeg" else f"H.264 crf {self.setting}"
        return f"mean of {FRAMES}" if self.averaged else "one", codec, str(self.sigma)

    def __str__(self) -> str:
        """Spell all of it."""
        frames, codec, sigma = self.cells()
        return f"{frames}, {codec}, noise {sigma}"


def grid() -> tuple[Condition, ...]:
    """List all conditions, from little noise to much."""
    codecs = [*(("jpeg", quality) for quality in JPEG_QUALITIES), *(("h264", crf) for crf in CRFS)]
    return tuple(
        Condition(sigma, codec, setting, averaged)
        for averaged, (codec, setting), sigma in product((False, True), codecs, SIGMAS)
    )


def spoil(hr: UInt8Array, scale: int, condition: Condition, number: int) -> UInt8Array:
    """Make what a network reads of a ground truth, uint8 ``[h // scale, w // scale]``.

    Parameters
    ----------
    hr
        The ground truth, uint8 ``[h, w]``.
    scale
        Factor of upscaling.
    condition
        How its small picture is spoiled.
    number
        Seeds the noise.

    Returns
    -------
    The same plane for the same arguments.

    Raises
    ------
    Unavailable
        PyAV is not installed.
    """
    small, rng = matlab_bicubic(hr, scale).astype(np.float32), np.random.default_rng((number, condition.sigma))
    frames = [
        to_uint8(small + np.float32(condition.sigma) * rng.standard_normal(small.shape, np.float32))
        for _ in range(FRAMES)
    ]
    if condition.codec == "h264":
        frames = h264(frames, H264(condition.setting))
    else:
        frames = [jpeg(frame, condition.setting) for frame in (frames if condition.averaged else frames[-1:])]
    return mean_over_time(frames) if condition.averaged else frames[-1]


def evaluate_grid(
    name: str,
    hr_planes: list[UInt8Array],
    scale: int,
    methods: dict[str, Method],
    *,
    conditions: Iterable[Condition] | None = None,
    on_step: Callable[[], None] = lambda: None,
) -> list[list[Score]]:
    """Evaluate methods on one set of pictures under each condition; ``degrade`` of a score spells it.

    Parameters
    ----------
    name
        What the set is called.
    hr_planes
        HR: uint8 ``[h, w]``, sides multiples of ``scale``.
    scale
        Factor of upscaling.
    methods
        What upscales, by name.
    conditions
        None: the whole grid.
    on_step
        Called after each condition.

    Returns
    -------
    For each condition, one score a method, in their order.
    """
    found = []
    for condition in conditions or grid():
        small_planes = [spoil(hr, scale, condition, number) for number, hr in enumerate(hr_planes, 1)]
        scores = compare(name, small_planes, hr_planes, scale, methods)
        found.append([replace(score, degrade=str(condition)) for score in scores])
        on_step()
    return found


def below_base(scores: Sequence[Score]) -> list[Score]:
    """Pick the scores of one condition whose PSNR is below that of bicubic; at scale 1, below that of the input."""
    scale = scores[0].scale
    base = next(score.psnr for score in scores if score.method == base_name(scale))
    return [score for score in scores if score.psnr < base and score.method not in baselines(scale)]
