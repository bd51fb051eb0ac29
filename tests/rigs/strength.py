"""Figures of the strength by noise: gains over bicubic scaling at each, the best, and those of auto. Prints Markdown.

Models for clean pictures get pictures that are shrunk and no more; those for cameras what a small camera's lens and
processing leave, without its noise. White noise is added to either, and JPEG of quality 80 after that. ``told`` is
auto with the true noise, ``auto`` with what is estimated from the picture alone; in brackets the worst picture.

usage: python tests/rigs/strength.py MODEL FOLDER...
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge_srcnn.engine.strength import Faults, strength_for
from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.luma import UInt8Array, luma_studio_range, to_8_bits
from edge_srcnn.imaging.metrics import psnr
from edge_srcnn.models.spec import BICUBIC
from edge_srcnn.sources.images import find_pictures, read_picture
from edge_srcnn.upscaler import Upscaler, load_model
from export.data.degradation import matlab_bicubic, modcrop
from export.data.degradation.camera import ORDINARY, camera
from export.data.degradation.processing import jpeg

SIGMAS = (0, 1, 2, 3, 4, 6, 8, 10, 15)
STRENGTHS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
QUALITY = 80
CLEAN_CAMERA = replace(ORDINARY, shot=(0.0, 0.0), read=(0.0, 0.0), jpeg_share=0.0)

Gains = list[list[float]]
"""Of each picture: at each of ``STRENGTHS``, as told, and by itself."""


def small_of(hr: UInt8Array, upscaler: Upscaler, number: int) -> UInt8Array:
    """Make the small picture of a ground truth, without noise."""
    rng = np.random.default_rng(number)
    if upscaler.spec is None or upscaler.spec.degradation == BICUBIC:
        return matlab_bicubic(hr, upscaler.scale, rng)
    return camera(hr, upscaler.scale, rng, CLEAN_CAMERA)


def noisy(plane: UInt8Array, sigma: float, number: int) -> UInt8Array:
    """Add white noise."""
    grains = np.random.default_rng([number, 1]).normal(0, sigma, plane.shape)
    return np.clip(np.rint(plane + grains), 0, 255).astype(np.uint8)


def gains(upscaler: Upscaler, hr: UInt8Array, small: UInt8Array, sigma: float) -> tuple[float, list[float]]:
    """Measure bicubic scaling in dB, and the gain of each strength over it."""
    inside = (slice(upscaler.scale, -upscaler.scale),) * 2
    base = psnr(upscale_bicubic(small, upscaler.scale)[inside], hr[inside])
    found = []
    for strength in (*STRENGTHS, strength_for(Faults(sigma), upscaler.spec), "auto"):
        upscaler.strength = strength
        found.append(psnr(upscaler.upscale(small)[inside], hr[inside]) - base)
    return base, found


def table(upscaler: Upscaler, pictures: Sequence[UInt8Array], quality: int | None) -> None:
    """Print a line for each noise."""
    names = ("noise", "bicubic", *(f"{each:g}" for each in STRENGTHS), "best", "told", "auto")
    print(f"\n{upscaler.model}, {'no JPEG' if quality is None else f'JPEG {quality}'}\n")  # noqa: T201
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")  # noqa: T201
    for sigma in SIGMAS:
        bases, found = [], []
        for number, hr in enumerate(pictures):
            small = noisy(small_of(hr, upscaler, number), sigma, number)
            if quality is not None:
                small = jpeg(small, quality)
            base, each = gains(upscaler, hr, small, sigma)
            bases.append(base)
            found.append(each)
        means, worst = np.mean(found, axis=0), np.min(found, axis=0)
        square, slope, _ = np.polyfit((0.0, *STRENGTHS), (0.0, *means[: len(STRENGTHS)]), 2)
        best = min(max(-slope / 2 / square, 0.0), 1.5) if square < 0 else 0.0
        own = [f"{means[at]:+.2f} ({worst[at]:+.2f})" for at in (-2, -1)]
        cells = [str(sigma), f"{np.mean(bases):.2f}", *(f"{each:+.2f}" for each in means[: len(STRENGTHS)])]
        print(f"| {' | '.join([*cells, f'{best:.2f}', *own])} |", flush=True)  # noqa: T201


def main() -> None:
    """Read the pictures, and print the tables."""
    model, *folders = sys.argv[1:]
    with load_model(model) as upscaler:
        files = [path for folder in folders for path in find_pictures(Path(folder))]
        pictures = [modcrop(luma_studio_range(to_8_bits(read_picture(path).pixels)), upscaler.scale) for path in files]
        for quality in (None, QUALITY):
            table(upscaler, pictures, quality)


if __name__ == "__main__":
    main()
