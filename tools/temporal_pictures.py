"""Make the pictures of docs/temporal.md: a noisy camera before and after averaging over time, still and moving.

The scene is built in: a photograph of scikit-image (NASA, public domain), before which a disc moves. Cars are those of
Intel's sample videos (CC BY 4.0), read below EDGE_SRCNN_DATA; without it they stay as they are.
"""

import os
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from skimage import data

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from edge_srcnn import load_model  # noqa: E402 - found below ROOT, which is no installed package
from edge_srcnn.imaging.frame import Colour, Frame  # noqa: E402
from edge_srcnn.imaging.temporal import TemporalMean  # noqa: E402

OUT = ROOT / "docs" / "pictures" / "temporal"
SIGMA, QUALITY, FPS = 10, 80, 15
WIDTH, HEIGHT = 256, 192
FIRST, LAST = 24, 54
RADIUS, SPEED = 18, 6
FACE = (86, 6, 166, 86)
PANEL = 320
CAR_FRAME = 210
CAR = (60, 80, 500, 432)
"""Left, upper, right, lower in a frame of the cars."""

Pixels = NDArray[np.uint8]


def scene(index: int) -> Pixels:
    """Draw the scene, RGB: the disc crosses from the frame FIRST on."""
    photograph = data.astronaut()[:384, :512]
    small = np.asarray(cv2.resize(photograph, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8).copy()
    left = (index - FIRST) * SPEED * 2 - RADIUS
    cv2.circle(small, (left, 130), RADIUS, (235, 200, 40), -1, cv2.LINE_AA)
    cv2.circle(small, (left + 5, 125), 5, (120, 60, 20), -1, cv2.LINE_AA)
    return small


def camera(index: int, rng: np.random.Generator, *, moving: bool) -> Pixels:
    """Give a frame of the camera: noise, and JPEG."""
    noisy = scene(index if moving else 0) + rng.normal(0, SIGMA, (HEIGHT, WIDTH, 3))
    plane = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    coded = cv2.imencode(".jpg", plane[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(np.asarray(decoded, np.uint8)[..., ::-1])


def averaged(mean: TemporalMean, pixels: Pixels, index: int) -> Pixels:
    """Average a frame over time, luma and chroma of 4:4:4."""
    planes = [np.ascontiguousarray(plane) for plane in np.moveaxis(cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb), 2, 0)]
    out = mean.filter(Frame(planes[0], (planes[2], planes[1]), Colour(), index, index / FPS, index / FPS))
    blue, red = out.chroma or (planes[2], planes[1])
    return np.asarray(cv2.cvtColor(np.dstack([out.luma, red, blue]), cv2.COLOR_YCrCb2RGB), np.uint8)


def with_caption(picture: Image.Image, caption: str) -> Image.Image:
    """Write a caption into a picture."""
    draw, font = ImageDraw.Draw(picture, "RGBA"), ImageFont.load_default(15)
    left, top, right, bottom = draw.textbbox((12, 10), caption, font=font)
    draw.rounded_rectangle((left - 6, top - 4, right + 6, bottom + 4), 9, fill=(20, 22, 26, 190))
    draw.text((12, 10), caption, fill="white", font=font)
    return picture


def beside(*pictures: Image.Image) -> Image.Image:
    """Lay pictures of one size side by side."""
    width, height = pictures[0].size
    sheet = Image.new("RGB", (len(pictures) * (width + 4) - 4, height), "white")
    for column, each in enumerate(pictures):
        sheet.paste(each, (column * (width + 4), 0))
    return sheet


def still(file: Path) -> None:
    """Show a face in one frame, upscaled; in the mean of 24; and in that upscaled."""
    rng, mean = np.random.default_rng(1), TemporalMean()
    for index in range(FIRST):
        frame = camera(index, rng, moving=False)
        out = averaged(mean, frame, index)
    with load_model("fast-m-x2-camera") as upscaler:
        panels = []
        for caption, pixels, upscaled in (
            ("one frame", frame, False),
            ("upscaled", frame, True),
            ("mean over time", out, False),
            ("upscaled", out, True),
        ):
            seen = Image.fromarray(np.asarray(upscaler.upscale(pixels), np.uint8) if upscaled else pixels)
            crop = seen.crop(tuple(side * (2 if upscaled else 1) for side in FACE))
            panels.append(with_caption(crop.resize((PANEL, PANEL), Image.Resampling.BICUBIC), caption))
    beside(*panels).save(file, quality=82, method=6)


def moving(file: Path) -> None:
    """Show the camera and the mean beside each other while a disc crosses."""
    rng, mean, frames = np.random.default_rng(1), TemporalMean(), []
    for index in range(LAST):
        frame = camera(index, rng, moving=True)
        out = averaged(mean, frame, index)
        if index >= FIRST - 4:
            pair = zip(("camera", "mean over time"), (frame, out), strict=True)
            frames.append(beside(*(with_caption(Image.fromarray(pixels), text) for text, pixels in pair)))
    frames[0].save(file, save_all=True, append_images=frames[1:], duration=1000 // FPS, loop=0, quality=55, method=6)


def cars(file: Path, clip: Path) -> None:
    """Show cars of a coded clip before and after: nothing trails."""
    capture, mean, index = cv2.VideoCapture(str(clip)), TemporalMean(), 0
    while index <= CAR_FRAME:
        there, pixels = capture.read()
        if not there:
            raise SystemExit(f"{clip}: only {index} frames")
        rgb = np.ascontiguousarray(np.asarray(pixels, np.uint8)[..., ::-1])
        out, index = averaged(mean, rgb, index), index + 1
    pair = zip(("camera", "mean over time"), (rgb, out), strict=True)
    beside(*(with_caption(Image.fromarray(each).crop(CAR), text) for text, each in pair)).save(
        file, quality=80, method=6
    )


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    still(OUT / "still.webp")
    moving(OUT / "moving.webp")
    if folder := os.environ.get("EDGE_SRCNN_DATA"):
        cars(OUT / "cars.webp", Path(folder, "video", "intel_car-detection.mp4"))
    for made in sorted(OUT.iterdir()):
        print(f"{made.relative_to(ROOT)}: {made.stat().st_size / 1000:.0f} kB")
