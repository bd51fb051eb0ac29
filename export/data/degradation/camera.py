"""Degrade a picture as a small camera does: lens, sampling, noise, mosaic, processing and encoder, in that order."""

from dataclasses import dataclass
from math import pi

import numpy as np

from edge_srcnn.imaging.luma import UInt8Array
from export.data.degradation.lens import blur, disc, gaussian, streak
from export.data.degradation.processing import denoise, jpeg, sharpen
from export.data.degradation.resize import Levels, mean_of_areas, resample, to_uint8
from export.data.degradation.sensor import Noise, expose

Range = tuple[float, float]


@dataclass(frozen=True)
class CameraFaults:
    """Bound how strong each fault may be; every picture draws its own, evenly from each range.

    The parts are those of Zhang et al., "Designing a practical degradation model for deep blind image
    super-resolution" (BSRGAN, 2021), and Wang et al., "Real-ESRGAN" (2021), once and in the order of a camera, and
    milder: both restore ruined pictures (noise up to 25 and 30 grey levels, JPEG down to 30, blur and JPEG twice).
    Here it is a Pi camera or a webcam of 640x480 between room light and daylight. Ranges begin at nearly nothing, so
    that clean pictures occur too. A share is that of the pictures; a pixel is one of the small picture.

    Attributes
    ----------
    blur_px
        Standard deviation of the lens' blur, drawn along and across. Real-ESRGAN has 0.2 to 3 pixels of the large one.
    defocus_share, defocus_px
        In these pictures a disc of this radius takes its place: slightly out of focus, as a fixed lens is up close.
    motion_share, motion_px
        In these, a streak of this length: a hand or a car moves on while the shutter is open.
    area_share
        Pictures in which a pixel is the mean of its area; the others are shrunk by bicubic interpolation.
    fine_share
        Pictures of sensors that have ``scale`` sites for each pixel of a row, as the Pi's megapixels have: noise and
        mosaic come before the shrinking, which hides the mosaic. The others have one, as cheap webcams.
    shot, read
        Those of ``sensor.Noise``, for the area of one pixel. A shot noise of 0.001 is a white of 1000 electrons, few as
        in a small sensor at a high gain; the middle of both ranges is 1 to 2 grey levels in the picture.
    denoise_share, denoise
        Grey levels that the bilateral filter smooths.
    sharpen_share, sharpen
        Amount of the unsharp mask.
    jpeg_share, jpeg_quality
        Pictures of webcams; the others stay as they are, for the Pi's camera does not compress. H.264 is left out:
        its encoder is an optional package, and one seed must give the same pictures with it and without.
    """

    blur_px: Range = (0.1, 0.6)
    defocus_share: float = 0.15
    defocus_px: Range = (0.3, 0.8)
    motion_share: float = 0.1
    motion_px: Range = (0.5, 1.5)
    area_share: float = 0.5
    fine_share: float = 0.5
    shot: Range = (0.0, 0.001)
    read: Range = (0.0, 0.003)
    denoise_share: float = 0.3
    denoise: Range = (1.0, 5.0)
    sharpen_share: float = 0.5
    sharpen: Range = (0.0, 0.6)
    jpeg_share: float = 0.7
    jpeg_quality: Range = (60, 95)


ORDINARY = CameraFaults()


def camera(plane: UInt8Array, scale: int, rng: np.random.Generator, faults: CameraFaults = ORDINARY) -> UInt8Array:
    """Take a picture of the scene ``plane`` as a small camera does: uint8 ``[h, w]`` to ``[h // scale, w // scale]``.

    The faults are drawn from ``rng``: the same state gives the same picture.
    """
    height, width = (side // scale for side in plane.shape)
    image = blur(plane.astype(np.float32), psf(scale, rng, faults))
    shrink = mean_of_areas if rng.random() < faults.area_share else resample
    noise = Noise(rng.uniform(*faults.shot), rng.uniform(*faults.read))
    if rng.random() < faults.fine_share:
        image = shrink(expose(image, noise.finer(scale), rng), height, width)
    else:
        image = expose(shrink(image, height, width), noise, rng)
    if rng.random() < faults.denoise_share:
        image = denoise(image, rng.uniform(*faults.denoise))
    if rng.random() < faults.sharpen_share:
        image = sharpen(image, rng.uniform(*faults.sharpen))
    picture = to_uint8(image)
    if rng.random() < faults.jpeg_share:
        picture = jpeg(picture, round(rng.uniform(*faults.jpeg_quality)))
    return picture


def psf(scale: int, rng: np.random.Generator, faults: CameraFaults) -> Levels:
    """Draw the point spread function of one picture, in pixels of the large one: float32 ``[k, k]``."""
    kind, angle = rng.random(), rng.uniform(0, pi)
    if kind < faults.defocus_share:
        return disc(scale * rng.uniform(*faults.defocus_px))
    if kind < faults.defocus_share + faults.motion_share:
        return streak(scale * rng.uniform(*faults.motion_px), angle)
    return gaussian((scale * rng.uniform(*faults.blur_px), scale * rng.uniform(*faults.blur_px)), angle)
