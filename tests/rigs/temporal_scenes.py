"""Sequences with known ground truth, and what a camera makes of them: noise, JPEG, H.264.

A scene is what lies before the camera, at its size and twice that. ``camera`` and ``h264`` give what comes out of it.
"""

import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from export.data.degradation import imresize

Plane = NDArray[np.uint8]
Noise = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Standard deviation of the noise of each pixel, by its brightness."""

WIDTH, HEIGHT, FPS = 640, 480, 15
_MOSAIC = ("d79d465ac77c", "0c49a5cce349", "0369d229ba4c", "14ab4af28901", "604308447488", "11f2b039b293")
_PAGE, _THING = "ebfd571f1c68", "0c49a5cce349"
_OBJECT_PX = 200
BAND_PX = 16
"""On either side of a moving edge, in pixels of the large picture."""


@dataclass(frozen=True)
class Scene:
    """The ground truth, frame by frame; ``band`` and ``inside`` are places in the large picture: [h, w] of bool."""

    lr: Sequence[Plane]
    hr: Sequence[Plane]
    band: Sequence[NDArray[np.bool_]] = field(default_factory=list)
    inside: Sequence[NDArray[np.bool_]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.lr)


def data_folder() -> Path:
    """Give the folder of pictures and clips."""
    folder = os.environ.get("EDGE_SRCNN_DATA")
    if not folder:
        raise SystemExit("EDGE_SRCNN_DATA names no folder of pictures")
    return Path(folder)


@cache
def picture(name: str) -> Plane:
    """Read the luma of a picture below the folder of data."""
    pixels = cv2.imread(str(data_folder() / name))
    if pixels is None:
        raise SystemExit(f"{data_folder() / name}: no picture")
    return np.ascontiguousarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2YCrCb)[..., 0])


def _clic(name: str) -> Plane:
    return picture(f"train/clic/{name}.webp")


def half(hr: Plane) -> Plane:
    """Downscale by two as the field does."""
    return np.asarray(imresize(hr, hr.shape[0] // 2, hr.shape[1] // 2), np.uint8)


def mosaic(width: int = 2 * WIDTH) -> Plane:
    """Lay six textured photographs side by side: 960 rows."""
    rows = []
    for names in (_MOSAIC[:3], _MOSAIC[3:]):
        parts = [_clic(name)[:HEIGHT, : HEIGHT if at < 2 else width - 2 * HEIGHT] for at, name in enumerate(names)]
        rows.append(np.hstack(parts))
    return np.ascontiguousarray(np.vstack(rows))


def still(frames: int, hr: Plane | None = None) -> Scene:
    """Show one picture all the time."""
    large = mosaic() if hr is None else hr
    return Scene([half(large)] * frames, [large] * frames)


def set5() -> dict[str, Plane]:
    """Give the luma of Set5, of even sides."""
    planes = {}
    for file in sorted((data_folder() / "eval" / "set5").glob("*.bmp")):
        plane = picture(f"eval/set5/{file.name}")
        planes[file.stem.removesuffix("_GT")] = np.ascontiguousarray(
            plane[: plane.shape[0] // 2 * 2, : plane.shape[1] // 2 * 2]
        )
    return planes


def thing(kind: str) -> NDArray[np.int16]:
    """Give what crosses the picture: ``page`` of text, ``contrasty`` pattern, or ``faint``: what it adds."""
    if kind == "page":
        return _clic(_PAGE)[300 : 300 + _OBJECT_PX, 300 : 300 + _OBJECT_PX].astype(np.int16)
    if kind == "contrasty":
        y, x = np.indices((_OBJECT_PX, _OBJECT_PX))
        return np.where((x // 12 + y // 10) % 2 == 0, 30, 220).astype(np.int16)
    added: NDArray[np.int16] = _clic(_THING)[300 : 300 + _OBJECT_PX, 500 : 500 + _OBJECT_PX].astype(np.int16)
    return (added - 110) // 6


def crossing(frames: int, kind: str, speed: int = 4, top: int = 190) -> Scene:
    """Let a thing cross the mosaic, ``speed`` pixels of the camera's picture a frame, from the left."""
    large = mosaic()
    small, what, faint = half(large), thing(kind), kind == "faint"
    little = half((what + 128 if faint else what).astype(np.uint8)).astype(np.int16) - (128 if faint else 0)
    scene = Scene([], [], [], [])
    for index in range(frames):
        left = -60 + speed * index
        scene.lr.append(_with(small, little, left, top, add=faint))  # type: ignore[attr-defined]
        scene.hr.append(_with(large, what, 2 * left, 2 * top, add=faint))  # type: ignore[attr-defined]
        outer, inner = (_rectangle(large.shape, 2 * left, 2 * top, _OBJECT_PX, grow) for grow in (BAND_PX, -BAND_PX))
        scene.band.append(outer & ~inner)  # type: ignore[attr-defined]
        scene.inside.append(inner)  # type: ignore[attr-defined]
    return scene


def _with(under: Plane, over: NDArray[np.int16], left: int, top: int, *, add: bool) -> Plane:
    plane, (height, width) = under.astype(np.int16), over.shape
    first, last = max(left, 0), min(left + width, under.shape[1])
    if last > first:
        seen = over[:, first - left : last - left]
        if add:
            plane[top : top + height, first:last] += seen
        else:
            plane[top : top + height, first:last] = seen
    return np.clip(plane, 0, 255).astype(np.uint8)


def _rectangle(shape: tuple[int, ...], left: int, top: int, side: int, grow: int) -> NDArray[np.bool_]:
    inside = np.zeros(shape, np.bool_)
    begin = max(left - grow, 0)
    inside[top - grow : top + side + grow, begin : max(left + side + grow, begin)] = True
    return inside


def pan(frames: int, rest: int = 0) -> Scene:
    """Turn the camera slowly: half a pixel of its picture a frame, after ``rest`` frames of rest."""
    wide = mosaic(2 * WIDTH + frames + 8)
    shifts = [0] * rest + list(range(frames))
    large = [np.ascontiguousarray(wide[:, shift : shift + 2 * WIDTH]) for shift in shifts]
    small: dict[int, Plane] = {}
    for shift, plane in zip(shifts, large, strict=True):
        if shift not in small:
            small[shift] = half(plane)
    return Scene([small[shift] for shift in shifts], large)


def scroll(frames: int, speed: int = 3) -> Scene:
    """Scroll a page of text that fills the picture, upwards."""
    page = cv2.copyMakeBorder(_clic(_PAGE), 0, 0, 128, 128, cv2.BORDER_REPLICATE)
    tall = np.vstack([page, page])
    large = [np.ascontiguousarray(tall[2 * speed * at : 2 * speed * at + 2 * HEIGHT]) for at in range(frames)]
    return Scene([half(plane) for plane in large], large)


def shaking(frames: int, most: int = 2) -> Scene:
    """Hold the camera by hand: steps of up to ``most`` pixels of the large picture to all sides, each frame."""
    rng, wide = np.random.default_rng(5), mosaic(2 * WIDTH + 80)
    large, x, y = [], 40, 0
    for _ in range(frames):
        x, y = (int(np.clip(at + rng.integers(-most, most + 1), 0, 80)) for at in (x, y))
        moved = np.roll(wide, -y, axis=0)
        large.append(np.ascontiguousarray(moved[:, x : x + 2 * WIDTH]))
    return Scene([half(plane) for plane in large], large)


def lit(levels: Iterable[float] = (), factors: Iterable[float] = ()) -> Scene:
    """Change the light of the mosaic: ``levels`` are added, or it is multiplied by ``factors``."""
    large = mosaic()
    small = half(large)

    def changed(level: float, factor: float) -> tuple[Plane, Plane]:
        small_, large_ = (
            np.clip(np.rint(plane * np.float32(factor) + level), 0, 255).astype(np.uint8) for plane in (small, large)
        )
        return small_, large_

    known: dict[tuple[float, float], tuple[Plane, Plane]] = {}
    scene = Scene([], [])
    for light in [*((level, 1.0) for level in levels), *((0.0, factor) for factor in factors)]:
        if light not in known:
            known[light] = changed(*light)
        scene.lr.append(known[light][0])  # type: ignore[attr-defined]
        scene.hr.append(known[light][1])  # type: ignore[attr-defined]
    return scene


def mains(frames: int, depth: float = 0.02, period: float = 7.3, rows: float = 0) -> Scene:
    """Let the light flicker by ``depth``; with ``rows``, in bands that roll (a rolling shutter)."""
    if not rows:
        return lit(factors=[1 + depth * float(np.sin(2 * np.pi * at / period)) for at in range(frames)])
    large = mosaic()
    small, scene = half(large), Scene([], [])
    for at in range(frames):
        pair = []
        for plane, tall in ((small, rows), (large, 2 * rows)):
            phase = np.arange(plane.shape[0])[:, None] / tall + at / period
            pair.append(np.clip(np.rint(plane * (1 + depth * np.sin(2 * np.pi * phase))), 0, 255).astype(np.uint8))
        scene.lr.append(pair[0])  # type: ignore[attr-defined]
        scene.hr.append(pair[1])  # type: ignore[attr-defined]
    return scene


def rain(frames: int, drops: int = 250) -> Scene:
    """Let bright streaks fall, each in one frame; they are part of the ground truth."""
    rng, large, scene = np.random.default_rng(3), mosaic(), Scene([], [])
    for _ in range(frames):
        streaks = np.zeros(large.shape, np.uint8)
        for _ in range(drops):
            x, y, long = int(rng.integers(large.shape[1])), int(rng.integers(large.shape[0])), int(rng.integers(30, 90))
            cv2.line(streaks, (x, y), (x + long // 8, y + long), int(rng.integers(20, 70)), 2, cv2.LINE_AA)
        wet = np.asarray(cv2.add(large, streaks), np.uint8)
        scene.hr.append(wet)  # type: ignore[attr-defined]
        scene.lr.append(half(wet))  # type: ignore[attr-defined]
    return scene


def even(sigma: float) -> Noise:
    """Give noise that is the same everywhere."""
    return lambda plane: np.full(plane.shape, sigma, np.float32)


def shadows(dark: float = 6, light: float = 2) -> Noise:
    """Give noise as after a camera's gamma: most in the shadows."""
    return lambda plane: (dark + (light - dark) * plane / 255).astype(np.float32)


def lights(dark: float = 2, light: float = 7) -> Noise:
    """Give noise that grows with brightness: photon noise, without a gamma."""
    return lambda plane: np.sqrt(dark**2 + (light**2 - dark**2) * plane / 255).astype(np.float32)


def noisy(frames: Sequence[Plane], noise: Noise | Sequence[Noise], seed: int = 0) -> Iterator[Plane]:
    """Add Gaussian noise, one kind or one for each frame."""
    rng = np.random.default_rng(seed)
    for index, plane in enumerate(frames):
        kind = noise if callable(noise) else noise[index]
        real = plane.astype(np.float32)
        added = rng.standard_normal(plane.shape, np.float32) * kind(real)
        yield np.clip(np.rint(real + added), 0, 255).astype(np.uint8)


def jpeg(plane: Plane, quality: int) -> Plane:
    """Code and decode as a camera of MJPEG does."""
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", plane, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 0), np.uint8)


def camera(frames: Sequence[Plane], noise: Noise | Sequence[Noise], quality: int = 0, seed: int = 0) -> list[Plane]:
    """Give what comes out of a camera: noise, and JPEG where ``quality`` is not 0."""
    return [jpeg(plane, quality) if quality else plane for plane in noisy(frames, noise, seed)]


def h264(
    frames: Sequence[Plane], crf: int = 28, gop: int = 30, bframes: int = 0, preset: str = "veryfast"
) -> list[Plane]:
    """Code and decode as a network camera does: x264, one intra frame every ``gop`` frames."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=FPS)
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt, stream.thread_count = "yuv420p", 1
        stream.options = {
            **{"crf": str(crf), "g": str(gop), "keyint_min": str(gop), "bf": str(bframes)},
            **{"preset": preset, "sc_threshold": "0"},
        }
        for plane in frames:
            grey = np.full((plane.shape[0] * 3 // 2, plane.shape[1]), 128, np.uint8)
            grey[: plane.shape[0]] = plane
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="yuv420p")))
        container.mux(stream.encode())
    buffer.seek(0)
    with av.open(buffer) as container:
        return [
            np.ascontiguousarray(each.to_ndarray()[: each.height, : each.width]) for each in container.decode(video=0)
        ]


def clip(name: str, most: int = 400) -> list[Plane]:
    """Read the luma of a clip."""
    planes = []
    with av.open(str(data_folder() / "video" / name)) as container:
        for each in container.decode(video=0):
            planes.append(np.ascontiguousarray(each.to_ndarray()[: each.height, : each.width]))
            if len(planes) == most:
                break
    return planes
