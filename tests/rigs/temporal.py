"""Measures the mean over time on sequences with known ground truth, and compares each figure with its bound.

usage (in the repository's root, EDGE_SRCNN_DATA names the folder of pictures and clips):
    python -m tests.rigs.temporal [ONLY...] [--model M] [--single M] [--quick]

ONLY: static set5 coded moving light drift flicker reuse cost clips; all of them without. ``--model`` upscales the mean,
and single frames where things move; ``--single`` is the camera model that single frames are upscaled by where nothing
does, bicubic where that is better. ``--quick``: without a network, at the camera's own size. The exit status is 1 where
a figure misses its bound.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import process_time
from typing import Any

import cv2
import numpy as np

from edge_srcnn import load_model
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.imaging.temporal import TemporalMean
from tests.rigs.temporal_scenes import (
    FPS,
    Plane,
    Scene,
    camera,
    clip,
    crossing,
    even,
    h264,
    lights,
    lit,
    mains,
    noisy,
    pan,
    rain,
    scroll,
    set5,
    shadows,
    still,
)

NOISE = ((3, 90), (6, 80), (10, 80))
"""Sigma, and quality of the JPEG."""
KNOWN = 4 * FPS
"""Frames after which a coder's intra frames are known."""
BORDER_PX = 8


@dataclass(frozen=True)
class Figure:
    """A figure and its bound: at least that, or at most."""

    name: str
    value: float
    bound: float | None
    most: bool = False

    @property
    def missed(self) -> bool:
        """Tell whether it misses its bound."""
        return self.bound is not None and (self.value > self.bound if self.most else self.value < self.bound)

    def __str__(self) -> str:
        if self.bound is None:
            return f"{self.name:58} {self.value:8.2f}"
        bound = f"{'at most' if self.most else 'at least'} {self.bound:.3g}"
        return f"{self.name:58} {self.value:8.2f}  {bound:16} {'MISSED' if self.missed else 'ok'}"


class Eyes:
    """Upscales, and compares with the ground truth."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.quick = options.quick
        self._model = None if self.quick else load_model(options.model, camera=True)
        self._single = None if self.quick else load_model(options.single, camera=True)

    def psnr(self, plane: Plane, scene: Scene, at: int, mask: Any = None, single: bool = False) -> float:
        """Compute the PSNR of a frame; ``single``: by the better of bicubic and the camera model."""
        hr = scene.lr[at] if self.quick else scene.hr[at]
        if self._model is None or self._single is None:
            seen = [plane]
        elif single:
            doubled = cv2.resize(plane, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
            seen = [np.asarray(doubled, np.uint8), np.asarray(self._single.upscale(plane), np.uint8)]
        else:
            seen = [np.asarray(self._model.upscale(plane), np.uint8)]
        if mask is not None and self.quick:
            mask = mask[::2, ::2]
        return max(_psnr(each, hr, mask) for each in seen)


def _psnr(plane: Plane, hr: Plane, mask: Any) -> float:
    squares = (plane.astype(np.float32) - hr) ** 2
    squares = squares[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] if mask is None else squares[mask]
    return 10 * float(np.log10(255**2 / max(float(squares.mean()), 1e-3)))


def averaged(frames: Sequence[Plane]) -> list[Plane]:
    """Average the frames of a source."""
    mean = TemporalMean()
    grey = (Frame(plane, None, Colour(), at, at / FPS, at / FPS) for at, plane in enumerate(frames))
    return [np.asarray(mean.filter(frame).luma, np.uint8) for frame in grey]


def check_static(eyes: Eyes) -> Iterator[Figure]:
    """After 16 frames of a mosaic of textured pictures; flicker of still places."""
    scene = still(46)
    for (sigma, quality), bound in zip(NOISE, (1.8, 3.2, 4.8), strict=True):
        frames = camera(scene.lr, even(sigma), quality)
        out = averaged(frames)
        gain = eyes.psnr(out[16], scene, 16) - eyes.psnr(frames[16], scene, 16, single=True)
        yield Figure(f"static, sigma {sigma}: dB over a single frame", gain, None if eyes.quick else bound)
        flicker = [float(np.std(np.stack(each[30:]).astype(np.float32), axis=0).mean()) for each in (out, frames)]
        yield Figure(f"static, sigma {sigma}: flicker down by %", 100 * (1 - flicker[0] / flicker[1]), 70)


def check_set5(eyes: Eyes) -> Iterator[Figure]:
    """After 16 frames of Set5."""
    for (sigma, quality), bound in zip(NOISE, (2.2, 3.4, 5.2), strict=True):
        gains = []
        for hr in set5().values():
            scene = still(17, hr)
            frames = camera(scene.lr, even(sigma), quality)
            gains.append(eyes.psnr(averaged(frames)[16], scene, 16) - eyes.psnr(frames[16], scene, 16, single=True))
        yield Figure(
            f"Set5, sigma {sigma}: dB over a single frame", float(np.mean(gains)), None if eyes.quick else bound
        )


def check_coded(eyes: Eyes) -> Iterator[Figure]:
    """Through H.264, from four seconds on: the worst of some frames, the last before an intra frame and that one."""
    scene = still(122)
    for (sigma, _), bound in zip(NOISE, (0.4, 1.3, 1.2), strict=True):
        for bframes in (0, 2):
            frames = h264(list(noisy(scene.lr, even(sigma))), bframes=bframes)
            out = averaged(frames)
            gains = [
                eyes.psnr(out[at], scene, at) - eyes.psnr(frames[at], scene, at, single=True)
                for at in (89, 90, 119, 120)
            ]
            yield Figure(
                f"H.264 crf 28, {bframes} B-frames, sigma {sigma}: worst dB", min(gains), None if eyes.quick else bound
            )


def check_moving(eyes: Eyes) -> Iterator[Figure]:
    """A thing that crosses, a slow pan, a page that scrolls, rain: never below the single frame by more."""
    for kind in ("page", "contrasty", "faint"):
        scene = crossing(60, kind)
        for sigma, quality in NOISE:
            yield from _worst(eyes, f"{kind} crosses", scene, sigma, quality, range(20, 60, 6))
    for name, scene in (
        ("slow pan", pan(40)),
        ("rest, then pan", pan(16, 24)),
        ("page scrolls", scroll(20)),
        ("rain", rain(20)),
    ):
        for sigma, quality in ((0, 0), *NOISE):
            yield from _worst(eyes, name, scene, sigma, quality, range(2, len(scene), 5))


def _worst(eyes: Eyes, name: str, scene: Scene, sigma: float, quality: int, at: range) -> Iterator[Figure]:
    frames = camera(scene.lr, even(sigma), quality)
    out = averaged(frames)

    def worst(masks: Sequence[Any] | None) -> float:
        among = [index for index in at if masks is None or masks[index].sum() > 5000]
        return min(
            eyes.psnr(out[index], scene, index, masks and masks[index])
            - eyes.psnr(frames[index], scene, index, masks and masks[index])
            for index in among
        )

    yield Figure(f"{name}, sigma {sigma}: worst dB", worst(None), -0.1)
    if scene.band:
        yield Figure(f"{name}, sigma {sigma}: worst dB at its edges", worst(scene.band), -0.2)
        yield Figure(
            f"{name}, sigma {sigma}: worst dB inside", worst(scene.inside), -0.2 if name.startswith("page") else None
        )


def check_light(eyes: Eyes) -> Iterator[Figure]:
    """Light that is switched: below the single frame by less than 0.1 dB from the second frame on."""
    for step in (30, -30, 8):
        scene = lit([0] * 24 + [step] * 4)
        for sigma, quality in NOISE:
            frames = camera(scene.lr, even(sigma), quality)
            out = averaged(frames)
            gains = [eyes.psnr(out[at], scene, at) - eyes.psnr(frames[at], scene, at) for at in (25, 26, 27)]
            yield Figure(f"light {step:+d}, sigma {sigma}: worst dB from the second frame", min(gains), -0.1)


def check_drift(eyes: Eyes) -> Iterator[Figure]:
    """Light that drifts by a level in five frames, against what frames are on average, clipped noise included."""
    for sign in (1, -1):
        scene = lit([0] * 30 + [sign * at / 5 for at in range(60)])
        for sigma, quality in NOISE:
            out = averaged(camera(scene.lr, even(sigma), quality))
            base = np.mean([out[at].astype(np.float32) - _usual(scene.lr[at], sigma) for at in range(24, 30)], axis=0)
            apart = [out[at] - _usual(scene.lr[at], sigma) for at in range(30, 90)]
            lags = [abs(float((each - base).mean())) for each in apart]
            blocks = [float(np.abs(each.reshape(30, 16, 40, 16).mean(axis=(1, 3))).max()) for each in apart]
            yield Figure(f"drift {sign:+d}, sigma {sigma}: mean lag in levels", max(lags), 1.5, most=True)
            yield Figure(f"drift {sign:+d}, sigma {sigma}: lag of a block of 16x16", max(blocks), 3, most=True)


def _usual(plane: Plane, sigma: float) -> Any:
    """Give the mean of a pixel with noise that is clipped to 0 and 255."""
    steps = np.linspace(-3, 3, 61, dtype=np.float32)
    weights = np.exp(-(steps**2) / 2)
    levels = np.arange(256, dtype=np.float32)[:, None] + sigma * steps
    return ((np.clip(levels, 0, 255) * weights).sum(axis=1) / weights.sum()).astype(np.float32)[plane]


def check_flicker(eyes: Eyes) -> Iterator[Figure]:
    """Mains flicker of 2 %, all of the picture alike or in bands that roll."""
    for name, scene in (("mains flicker", mains(48)), ("rolling bands", mains(48, rows=160))):
        for sigma, quality in NOISE:
            frames = camera(scene.lr, even(sigma), quality)
            out = averaged(frames)
            gains = [eyes.psnr(out[at], scene, at) - eyes.psnr(frames[at], scene, at) for at in range(20, 48, 3)]
            yield Figure(f"{name}, sigma {sigma}: worst dB", min(gains), 0)


def check_reuse(eyes: Eyes) -> Iterator[Figure]:
    """Tiles that a network need not compute again, and what a frame then costs, after two seconds."""
    scene = still(90)
    kinds: list[tuple[str, Callable[[], list[Plane]], float, int]] = [
        *(
            (f"sigma {sigma}", lambda s=sigma, q=quality: camera(scene.lr, even(s), q), 80.0, 30)
            for sigma, quality in NOISE
        ),  # type: ignore[misc]
        ("noise that grows with brightness", lambda: camera(scene.lr, lights(), 85), 80.0, 30),
        ("noise in the shadows", lambda: camera(scene.lr, shadows(), 85), 80.0, 30),
        *(
            (f"H.264 crf 28, sigma {sigma}", lambda s=sigma: h264(list(noisy(scene.lr, even(s)))), 50.0, KNOWN)
            for sigma, _ in NOISE
        ),  # type: ignore[misc]
    ]
    for name, made, bound, first in kinds:
        out = averaged(made())
        with load_model("fast-m-x2-camera", reuse=True) as upscaler:
            spent, fresh = [], 0.0
            for at in range(first - 1, len(out)):
                began = process_time()
                upscaler.upscale(out[at])
                if at == first - 1:
                    began = process_time()
                    upscaler.upscale(~out[at])
                    fresh = process_time() - began
                    upscaler.upscale(out[at])
                    upscaler.statistics.clear()
                else:
                    spent.append(process_time() - began)
            share = upscaler.statistics.tiles_reused / upscaler.statistics.tiles
        yield Figure(f"{name}: % of tiles used again", 100 * share, bound)
        yield Figure(f"{name}: cost of a frame, of a fresh one", float(np.mean(spent)) / fresh, 1 / 3, most=True)


def check_cost(eyes: Eyes) -> Iterator[Figure]:
    """CPU time of a frame of 4:2:0, the least of many."""
    cv2.setNumThreads(1)
    costs = []
    for (width, height), bound in (((640, 480), 2.5), ((1920, 1080), None)):
        large = cv2.resize(still(1).hr[0], (width, height), interpolation=cv2.INTER_AREA)
        frames = camera([np.asarray(large, np.uint8)] * 5, even(5), 0)
        chroma = [plane[::2, ::2].copy() // 8 + 112 for plane in frames]
        mean, spent = TemporalMean(), []
        for at in range(90):
            frame = Frame(frames[at % 5], (chroma[at % 5], chroma[at % 4]), Colour(), at, at / FPS, at / FPS)
            began = process_time()
            mean.filter(frame)
            spent.append(process_time() - began)
        costs.append(1000 * min(spent[40:]))
        yield Figure(f"{width}x{height}: ms", costs[-1], bound, most=True)
    yield Figure("1920x1080: times 640x480", costs[1] / costs[0], 6.75, most=True)


def check_clips(eyes: Eyes) -> Iterator[Figure]:
    """Flicker of real clips in the stillest 60 % of their pixels."""
    for name in ("bgslibrary_video.avi", "intel_car-detection.mp4", "night.mkv", "bird.mkv"):
        frames = clip(name, 150)
        out = averaged(frames)
        before, after = (np.std(np.stack(each[-60:]).astype(np.float32), axis=0) for each in (frames, out))
        quiet = before <= np.percentile(before, 60)
        yield Figure(f"{name}: flicker before, levels", float(before[quiet].mean()), None)
        yield Figure(f"{name}: flicker after", float(after[quiet].mean()), float(before[quiet].mean()), most=True)


CHECKS = {name.removeprefix("check_"): check for name, check in globals().copy().items() if name.startswith("check_")}


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.rigs.temporal")
    parser.add_argument("only", nargs="*", choices=[[], *CHECKS])
    parser.add_argument("--model", default="srcnn-915-x2")
    parser.add_argument("--single", default="srcnn-915-x2-camera")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    eyes, missed = Eyes(options), 0
    for name, check in CHECKS.items():
        if not options.only or name in options.only:
            for figure in check(eyes):
                missed += figure.missed
                print(figure, flush=True)  # noqa: T201  # its output is its purpose
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
