"""The built-in demonstration: a test card, made soft or noisy, upscaled or cleaned, and laid side by side."""

import io
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.luma import UInt8Array, luma_full_range
from edge_srcnn.imaging.metrics import psnr, ssim
from edge_srcnn.measure import median_ms
from edge_srcnn.sources.testcard import draw_test_card
from edge_srcnn.upscaler import Upscaler

LABEL_ROWS = 36
GAP = 8
DETAIL = (slice(84, 180), slice(12, 140))
"""The part of the card (text) that is shown enlarged."""

N_TIMED = 5
NOISE_LEVELS, JPEG_QUALITY = 6.0, 60
"""What spoils the card at scale 1: standard deviation of its noise, and libjpeg's quality."""


@dataclass(frozen=True)
class Demonstration:
    """Hold what the demonstration shows.

    Attributes
    ----------
    picture
        uint8 RGB ``[h, w, 3]``: bicubic (at scale 1 the spoiled card), edge-srcnn and ground truth side by side.
    input_size, output_size
        Width and height of the small and the large picture.
    milliseconds
        To upscale once, the median.
    scores
        ``psnr`` (dB) and ``ssim`` of luma against the card, of ``bicubic`` (at scale 1 ``spoiled``) and of
        ``edge-srcnn``, in the order of the picture.
    """

    picture: UInt8Array
    input_size: tuple[int, int]
    output_size: tuple[int, int]
    milliseconds: float
    scores: dict[str, dict[str, float]]


def demonstrate(upscaler: Upscaler) -> Demonstration:
    """Draw, soften (at scale 1 spoil), upscale, measure, and compose ``bicubic | edge-srcnn | ground truth``."""
    scale = upscaler.scale
    card = draw_test_card()
    hr = card[: card.shape[0] // scale * scale, : card.shape[1] // scale * scale]
    small_size = (hr.shape[1] // scale, hr.shape[0] // scale)
    # Pillow's bicubic is antialiased and has a = -0.5: the networks were trained on such pictures
    soft = np.asarray(Image.fromarray(hr).resize(small_size, Image.Resampling.BICUBIC))
    small, base = (_spoiled(hr), "spoiled") if scale == 1 else (soft, "bicubic")
    upscaled = {base: upscale_bicubic(small, scale), "edge-srcnn": upscaler.upscale(small)}
    scores, hr_luma = {}, luma_full_range(hr)
    for name, picture in upscaled.items():
        luma = luma_full_range(picture)
        scores[name] = {"psnr": psnr(luma, hr_luma), "ssim": ssim(luma, hr_luma)}
    return Demonstration(
        picture=_side_by_side({**upscaled, "ground truth": hr}),
        input_size=small_size,
        output_size=(hr.shape[1], hr.shape[0]),
        milliseconds=median_ms(lambda: upscaler.upscale(small), N_TIMED),
        scores=scores,
    )


def _spoiled(card: UInt8Array) -> UInt8Array:
    """Add noise and the blocks of JPEG, as a small camera in a dim room does; always the same."""
    noise = np.random.default_rng(0).normal(0, NOISE_LEVELS, (*card.shape[:2], 1))
    file = io.BytesIO()
    Image.fromarray(np.clip(np.rint(card + noise), 0, 255).astype(np.uint8)).save(file, "JPEG", quality=JPEG_QUALITY)
    return np.asarray(Image.open(file))


def _side_by_side(pictures: dict[str, UInt8Array]) -> UInt8Array:
    columns = []
    for label, picture in pictures.items():
        width = picture.shape[1]
        caption = np.full((LABEL_ROWS, width, 3), 255, np.uint8)
        cv2.putText(caption, label, (8, 25), cv2.FONT_HERSHEY_DUPLEX, 0.8, (40, 40, 40), 1, cv2.LINE_AA)
        detail = picture[DETAIL]
        factor = width / detail.shape[1]
        enlarged = cv2.resize(detail, (width, round(detail.shape[0] * factor)), interpolation=cv2.INTER_NEAREST)
        gap = np.full((GAP, width, 3), 255, np.uint8)
        columns.append(np.vstack([caption, picture, gap, enlarged]))
        columns.append(np.full((columns[-1].shape[0], GAP, 3), 255, np.uint8))
    return np.hstack(columns[:-1])
