"""Degrade a picture as a camera's stream does: frames of a still scene, coded, and their mean over time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.imaging.temporal import TemporalMean
from export.data.degradation.camera import ORDINARY as SINGLE
from export.data.degradation.camera import CameraFaults, Range, camera, psf
from export.data.degradation.codec import H264, RATE, h264
from export.data.degradation.lens import blur
from export.data.degradation.processing import denoise, jpeg, sharpen
from export.data.degradation.resize import Levels, mean_of_areas, resample, to_uint8
from export.data.degradation.sensor import Noise, expose

Shot = Callable[[np.random.Generator], UInt8Array]
"""Takes one frame: of the same scene by the same camera, with noise of its own."""


@dataclass(frozen=True)
class StreamFaults:
    """Bound what a stream does to a still scene; every picture draws its own, evenly from each range.

    Attributes
    ----------
    optics
        What ``camera`` does; of the other soft pictures, the lens, the sampling, and the processing after the sensor.
    ordinary_share
        Pictures that are those of ``camera``, with its faults and no others.
    sharp_share
        Pictures that no lens and no mosaic softens, as of a camera that shrinks a larger picture well.
    white_share, sigma
        In these of the soft pictures and in all sharp ones the noise is white, and its standard deviation in grey
        levels lies in this range, half of the time in its first third.
    gain, read
        In the others a sensor with a mosaic has a shot noise of ``gain`` squared, and this read noise, drawn alike, see
        ``sensor.Noise``: at the end of both it is about 17 grey levels.
    clean_share
        Pictures without noise.
    jpeg_share, h264_share
        Pictures whose frames are coded; the others reach the network as they are.
    jpeg_quality, crf, gop, presets
        Settings of those encoders; half of the JPEGs are in the worst third.
    position
        A single frame of an H.264 stream is at most so far from its first one: intra or predicted.
    single_share, frames
        Pictures that are a single frame; the others are the mean over time of so many, drawn evenly by their logarithm.
    """

    optics: CameraFaults = SINGLE
    ordinary_share: float = 0.45
    sharp_share: float = 0.38
    white_share: float = 0.4
    sigma: Range = (0.0, 17.0)
    gain: Range = (0.0, 0.2)
    read: Range = (0.0, 0.006)
    clean_share: float = 0.25
    jpeg_share: float = 0.45
    h264_share: float = 0.4
    jpeg_quality: Range = (28, 96)
    crf: Range = (18, 38)
    gop: Range = (8, 60)
    presets: tuple[str, ...] = ("ultrafast", "veryfast", "medium")
    position: int = 12
    single_share: float = 0.5
    frames: tuple[int, int] = (2, 32)


ORDINARY = StreamFaults()

AT_ITS_SIZE = StreamFaults(ordinary_share=0.11, sharp_share=0.95, clean_share=0.03, single_share=0.7)
"""For scale 1: most are sharp, and hardly any are clean. What is both stays as it is by the strength that suits it."""

SETTLED = StreamFaults(
    ordinary_share=0.0,
    sharp_share=1.0,
    sigma=(0.0, 10.0),
    clean_share=0.3,
    jpeg_share=0.6,
    h264_share=0.15,
    jpeg_quality=(80, 98),
    crf=(18, 29),
    single_share=0.06,
    frames=(8, 32),
)
"""What a sharp lens shows of a place that stays still: hardly ever a single frame."""


def camera_video(
    plane: UInt8Array, scale: int, rng: np.random.Generator, faults: StreamFaults | None = None
) -> UInt8Array:
    """Take what reaches the network of a still scene ``plane``: uint8 ``[h, w]`` to ``[h // scale, w // scale]``.

    Some pictures are one frame, some the mean over time that stands before the network. The faults are drawn
    from ``rng``: the same state gives the same picture, as long as the versions of x264 and libjpeg are the same.

    Parameters
    ----------
    plane
        The scene, sharp.
    scale
        Factor by which the camera's picture is smaller.
    rng
        What the faults are drawn from.
    faults
        How strong they may be; None: ``ORDINARY``, or ``AT_ITS_SIZE`` at scale 1.

    Returns
    -------
    What the network reads.

    Raises
    ------
    Unavailable
        PyAV, which brings x264, is not installed.
    """
    faults = faults or (AT_ITS_SIZE if scale == 1 else ORDINARY)
    if rng.random() < faults.ordinary_share:
        return camera(plane, scale, rng, faults.optics)
    shoot = _camera(plane, scale, rng, faults)
    single = rng.random() < faults.single_share
    n = 1 if single else _between(faults.frames, rng)
    kind = rng.random()
    if kind < faults.jpeg_share:
        code: Callable[[Sequence[UInt8Array]], list[UInt8Array]] = partial(
            _jpegs, quality=round(_low(faults.jpeg_quality, rng))
        )
    elif kind < faults.jpeg_share + faults.h264_share:
        settings = H264(_whole(faults.crf, rng), _whole(faults.gop, rng), str(rng.choice(faults.presets)))
        code = partial(h264, settings=settings)
        n = int(rng.integers(1, faults.position + 1)) if single else n
    else:
        code = list
    frames = code([shoot(rng) for _ in range(n)])
    return frames[-1] if single else mean_over_time(frames)


def settled(plane: UInt8Array, scale: int, rng: np.random.Generator) -> UInt8Array:
    """Take the mean over time of a still scene before a sharp lens: ``[h, w]`` to ``[h // scale, w // scale]``."""
    return camera_video(plane, scale, rng, SETTLED)


def mean_over_time(frames: Sequence[UInt8Array]) -> UInt8Array:
    """Average the frames of a still scene as live video does: what stands before the network after the last one."""
    mean, colour = TemporalMean(), Colour()
    out = frames[0]
    for number, luma in enumerate(frames):
        time_s = number / RATE
        out = mean.filter(Frame(luma, None, colour, number, time_s, time_s)).luma
    return out.copy()


def _camera(plane: UInt8Array, scale: int, rng: np.random.Generator, faults: StreamFaults) -> Shot:
    """Draw a camera that looks at a scene, and all that stays as it is from frame to frame."""
    optics = faults.optics
    height, width = (side // scale for side in plane.shape)
    sharp, white, clean = rng.random(3) < (faults.sharp_share, faults.white_share, faults.clean_share)
    image = plane.astype(np.float32)
    if not sharp:
        image = blur(image, psf(scale, rng, optics))
    shrink = mean_of_areas if not sharp and rng.random() < optics.area_share else resample
    small = shrink(image, height, width)
    if sharp or white:
        sigma = 0.0 if clean else _low(faults.sigma, rng)
        return lambda rng: to_uint8(small + np.float32(sigma) * rng.standard_normal(small.shape, np.float32))
    noise = Noise(0.0, 0.0) if clean else Noise(_low(faults.gain, rng) ** 2, _low(faults.read, rng))
    smoothing = rng.uniform(*optics.denoise) if rng.random() < optics.denoise_share else 0.0
    amount = rng.uniform(*optics.sharpen) if rng.random() < optics.sharpen_share else 0.0

    def shoot(rng: np.random.Generator) -> UInt8Array:
        frame: Levels = expose(small, noise, rng)
        frame = denoise(frame, smoothing) if smoothing else frame
        return to_uint8(sharpen(frame, amount) if amount else frame)

    return shoot


def _jpegs(frames: Sequence[UInt8Array], quality: int) -> list[UInt8Array]:
    return [jpeg(frame, quality) for frame in frames]


def _whole(bounds: Range, rng: np.random.Generator) -> int:
    return int(rng.integers(int(bounds[0]), int(bounds[1]) + 1))


def _low(bounds: Range, rng: np.random.Generator) -> float:
    """Draw a number, half of them from the first third of the range."""
    return float(bounds[0] + (bounds[1] - bounds[0]) * rng.random() ** 1.5)


def _between(bounds: tuple[int, int], rng: np.random.Generator) -> int:
    """Draw a whole number, its logarithm evenly."""
    return round(float(np.exp(rng.uniform(*np.log(bounds)))))
