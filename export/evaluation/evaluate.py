"""Measure PSNR, SSIM, GMSD and the noise of flat regions beside bicubic, by the protocol of the literature.

The ground truth is the BT.601 Y channel as MATLAB's ``rgb2ycbcr`` gives it, cut to a multiple of the scale; it is made
small by MATLAB's bicubic (or OpenCV's, or a camera), upscaled by each method, and compared without a border of
``scale`` pixels (at scale 1, a camera spoils it at its own size, and each method cleans it). The figures are means over
the pictures (Dong et al., section 4; Timofte et al., "A+", section 4).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge_srcnn.errors import BadData, UsageError
from edge_srcnn.imaging.bicubic import base_name, upscale_bicubic
from edge_srcnn.imaging.luma import UInt8Array, luma_studio_range, to_8_bits
from edge_srcnn.imaging.metrics import psnr, ssim
from edge_srcnn.sources.images import find_pictures, read_picture
from edge_srcnn.upscaler import Upscaler
from export.data.degradation import DEGRADATIONS, imresize, modcrop
from export.data.degradation import degrade as downscale
from export.evaluation.metrics import flat_noise, gmsd

Method = Callable[[UInt8Array, int], UInt8Array]
"""Upscales a small luma plane by a factor."""

DEGRADES = {"matlab": "bicubic"} | {name: name for name in DEGRADATIONS if name != "bicubic"}
"""The degradations of ``export.data.degradation`` by the names that the literature has for them."""


@dataclass(frozen=True)
class Score:
    """Hold the mean figures of a method on a set of pictures.

    Attributes
    ----------
    psnr, ssim
        In dB, and up to 1; higher is better.
    gmsd, flat_noise
        From 0, and in grey levels; lower is better.
    """

    set: str
    scale: int
    degrade: str
    method: str
    psnr: float
    ssim: float
    gmsd: float
    flat_noise: float


def bicubic_matlab(small: UInt8Array, scale: int) -> UInt8Array:
    """Upscale by MATLAB's bicubic, the literature's baseline."""
    return imresize(small, small.shape[0] * scale, small.shape[1] * scale)


def baselines(scale: int) -> dict[str, Method]:
    """List the methods that know no network: MATLAB's bicubic and the device's; at scale 1, the input itself."""
    own: dict[str, Method] = {base_name(scale): upscale_bicubic}
    return own if scale == 1 else {"bicubic-matlab": bicubic_matlab, **own}


def method_of(upscaler: Upscaler) -> Method:
    """Make a method of an upscaler, which must be of the scale that it is called with."""
    return lambda small, scale: upscaler.upscale(small)


def read_ground_truths(folder: Path, scale: int) -> list[UInt8Array]:
    """Read the Y planes of all pictures of a folder, cut to a multiple of ``scale``."""
    planes = [modcrop(luma_studio_range(to_8_bits(read_picture(path).pixels)), scale) for path in find_pictures(folder)]
    smallest = min(min(plane.shape) for plane in planes)
    if smallest <= 2 * scale:
        raise BadData(f"{folder}: a picture is too small to be evaluated at x{scale} ({smallest} pixels)")
    return planes


def read_sets(folders: Sequence[Path], scale: int) -> dict[str, list[UInt8Array]]:
    """Read the ground truths of several folders: planes by the name of the folder."""
    names = [folder.resolve().name for folder in folders]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two folders of pictures are called {name!r}; rename one")
    return {name: read_ground_truths(folder, scale) for name, folder in zip(names, folders, strict=True)}


def evaluate(
    name: str,
    hr_planes: list[UInt8Array],
    scale: int,
    methods: dict[str, Method],
    *,
    degrade: str = "matlab",
    on_step: Callable[[], None] = lambda: None,
) -> list[Score]:
    """Evaluate methods on one set of pictures.

    All methods get the same small pictures: what a camera does by chance hangs on the picture's number alone.

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
    degrade
        One of ``DEGRADES``: how the ground truths are downscaled.
    on_step
        Called after each picture of each method.

    Returns
    -------
    One score a method, in their order.

    Raises
    ------
    UsageError
        ``degrade`` is not one of ``DEGRADES``.
    """
    if degrade not in DEGRADES:
        raise UsageError(f"no degradation is called {degrade!r}; there are {', '.join(DEGRADES)}")
    small_planes = [downscale(DEGRADES[degrade], hr, scale, number) for number, hr in enumerate(hr_planes, 1)]
    scores = compare(name, small_planes, hr_planes, scale, methods, on_step=on_step)
    return [replace(score, degrade=degrade) for score in scores]


def compare(
    name: str,
    small_planes: Sequence[UInt8Array],
    hr_planes: Sequence[UInt8Array],
    scale: int,
    methods: dict[str, Method],
    *,
    on_step: Callable[[], None] = lambda: None,
) -> list[Score]:
    """Compare what methods make of small planes, uint8 ``[h // scale, w // scale]``, with their ground truths.

    The other parameters, and what comes back, are those of ``evaluate``; how the planes became small is not said.
    """
    rows = []
    for small, hr in zip(small_planes, hr_planes, strict=True):
        rows.append(measure(small, hr, scale, methods, on_step=on_step))
    return mean_scores(name, scale, rows)


def measure(
    small: UInt8Array,
    hr: UInt8Array,
    scale: int,
    methods: dict[str, Method],
    *,
    on_step: Callable[[], None] = lambda: None,
) -> dict[str, list[float]]:
    """Measure what methods make of one small plane: PSNR, SSIM, GMSD and flat noise of each, as ``compare`` does."""
    inner = (slice(scale, -scale), slice(scale, -scale))
    figures = {}
    for method, run in methods.items():
        result = run(small, scale)
        figures[method] = [each(result[inner], hr[inner]) for each in (psnr, ssim, gmsd, flat_noise)]
        on_step()
    return figures


def mean_scores(name: str, scale: int, rows: Sequence[dict[str, list[float]]]) -> list[Score]:
    """Take the means over the pictures of a set, of which ``measure`` gave a row each: one score a method."""
    return [
        Score(name, scale, "", method, *np.mean([row[method] for row in rows], axis=0).tolist()) for method in rows[0]
    ]
