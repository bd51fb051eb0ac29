"""Asks whether a network gains by a second input: the new frame beside the mean over time.

Trains two networks alike on sequences of photographs, standing still and crossed by a thing, with noise and JPEG: one
reads the mean, one the mean and the frame. Prints what the second is above the first on Set5 that neither has seen.

usage (in the repository's root, EDGE_SRCNN_DATA names the folder of pictures):
    python -m tests.rigs.two_channels [--network fast-c16d4] [--steps 4000] [--seeds 2]
"""

import argparse
import sys
from collections.abc import Iterator
from time import monotonic
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from edge_srcnn.imaging.bicubic import upscale_bicubic
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.imaging.temporal import TemporalMean
from export.architectures import Architecture, fast
from export.training.losses import psnr as loss_of
from export.training.network import DepthToSpace
from tests.rigs.temporal import NOISE
from tests.rigs.temporal_scenes import Plane, camera, data_folder, even, half, picture, set5

SIDE, THING, FRAMES = 384, 120, 24
"""Of a scene and of what crosses it, in pixels of the large picture; frames of a sequence."""
START, SPEED, TOP = 150, 10, 100
"""Where the thing is at first, how far it goes in a frame, to the left and back again, and its upper edge."""
LOOKS = (3, 9, 23)
"""Frames of a sequence that are trained on."""
PHOTOGRAPHS = ("cid22", "clic", "cc0")
PATCH, BATCH = 24, 64
Sample = tuple[Plane, Plane, Plane]
"""The mean, the frame, and the ground truth."""


def sequence(large: Plane, thing: Plane | None, sigma: float, quality: int, seed: int) -> Iterator[Sample]:
    """Give each frame of a scene as a camera has it, and the mean with those before it."""
    shown = []
    for index in range(FRAMES):
        hr = large.copy()
        if thing is not None:
            left = abs(START - SPEED * index)
            across = hr[TOP : TOP + THING, left : left + THING]
            across[...] = thing[: across.shape[0], : across.shape[1]]
        shown.append(hr)
    mean = TemporalMean()
    for index, plane in enumerate(camera([half(each) for each in shown], even(sigma), quality, seed)):
        frame = Frame(plane, None, Colour(), index, index / 15, 0.0)
        yield mean.filter(frame).luma.copy(), plane, shown[index]


def training_samples(seed: int) -> list[Sample]:
    """Make sequences of photographs; every second one is crossed by a part of another photograph."""
    rng, found = np.random.default_rng(seed), []
    folder = data_folder() / "train"
    files = sorted(
        file for each in PHOTOGRAPHS for file in (folder / each).iterdir() if file.suffix in (".png", ".webp")
    )
    planes = [plane for file in files if min((plane := picture(str(file.relative_to(data_folder())))).shape) > SIDE]
    for index, plane in enumerate(planes):
        for thing in (None, planes[index - 1][100 : 100 + THING, 100 : 100 + THING]):
            top, left = (int(rng.integers(0, length - SIDE)) for length in plane.shape)
            large = np.ascontiguousarray(plane[top : top + SIDE, left : left + SIDE])
            every = [*sequence(large, thing, rng.uniform(0, 12), int(rng.integers(70, 96)), int(rng.integers(1 << 30)))]
            found += [every[look] for look in LOOKS]
    return found


def build(architecture: Architecture, channels: int) -> keras.Model:
    """Build the network, with one input or two."""
    planes = keras.Input((None, None, channels))
    x = keras.layers.Rescaling(1.0, -0.5)(planes)
    for number, (side, outputs) in enumerate(architecture.layers[:-1], 1):
        he = keras.initializers.HeNormal(seed=number)
        x = keras.layers.Conv2D(outputs, side, activation="relu", kernel_initializer=he)(x)
    side, outputs = architecture.layers[-1]
    small = keras.initializers.RandomNormal(stddev=1e-3, seed=0)
    x = keras.layers.Conv2D(outputs, side, kernel_initializer=small)(x)
    return keras.Model(planes, DepthToSpace(architecture.shuffle)(x))


def inputs(sample: Sample, channels: int) -> NDArray[np.uint8]:
    """Stack what a network reads: ``[h, w, channels]``."""
    return np.stack(sample[:channels], axis=-1)


def train(architecture: Architecture, samples: list[Sample], channels: int, steps: int, seed: int) -> keras.Model:
    """Train a network; both draw the same patches."""
    keras.utils.set_random_seed(seed)
    model, halo, scale = build(architecture, channels), architecture.halo_px, architecture.scale
    bases = [upscale_bicubic(mean, scale) for mean, _, _ in samples]

    def patches() -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        rng, outer = np.random.default_rng(seed), PATCH + 2 * halo
        while True:
            seen, wanted = [], []
            for number in rng.integers(0, len(samples), BATCH):
                small = inputs(samples[number], channels)
                top, left = (int(rng.integers(0, length - outer)) for length in small.shape[:2])
                seen.append(small[top : top + outer, left : left + outer])
                y, x, side = scale * (top + halo), scale * (left + halo), scale * PATCH
                large = samples[number][2][y : y + side, x : x + side].astype(np.float32)
                wanted.append(large - bases[number][y : y + side, x : x + side])
            yield np.asarray(seen, np.float32) / 255, np.asarray(wanted, np.float32)[..., None] / 255

    rate = keras.optimizers.schedules.CosineDecay(1e-5, steps, alpha=0.005, warmup_target=2e-3, warmup_steps=100)
    model.compile(keras.optimizers.Adam(rate), loss=loss_of)
    model.fit(patches(), steps_per_epoch=steps, epochs=1, verbose=0)
    return model


def quality(architecture: Architecture, model: keras.Model, samples: list[Sample], channels: int) -> float:
    """Measure the mean PSNR in dB of the last frames of sequences."""
    found = []
    for sample in samples:
        halo, scale = architecture.halo_px, architecture.scale
        padded = np.pad(inputs(sample, channels), ((halo, halo), (halo, halo), (0, 0)), mode="edge")
        residual: Any = model(padded[None].astype(np.float32) / 255)
        result = np.clip(np.rint(upscale_bicubic(sample[0], scale) + np.asarray(residual)[0, ..., 0] * 255), 0, 255)
        edge = 8
        error = (result - sample[2])[edge:-edge, edge:-edge]
        found.append(10 * np.log10(255**2 / np.mean(error.astype(np.float64) ** 2)))
    return float(np.mean(found))


def tell(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Train, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="fast-c16d4")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seeds", type=int, default=2)
    wanted = parser.parse_args()
    architecture = fast.find(wanted.network, 2)
    samples, pictures = training_samples(0), list(set5().values())
    scenes = {}
    for sigma, coded in NOISE:
        for what in ("still", "crossed"):
            things = [None if what == "still" else pictures[at - 1][:THING, :THING] for at in range(len(pictures))]
            last = [
                [*sequence(large, thing, sigma, coded, 7)][-1] for large, thing in zip(pictures, things, strict=True)
            ]
            scenes[f"{what}, {sigma:g}"] = last
    gains: dict[str, list[float]] = {name: [] for name in scenes}
    for seed in range(wanted.seeds):
        began = monotonic()
        one, two = (train(architecture, samples, channels, wanted.steps, seed) for channels in (1, 2))
        tell(f"seed {seed}: {len(samples)} samples, {monotonic() - began:.0f} s")
        for name, last in scenes.items():
            both = quality(architecture, one, last, 1), quality(architecture, two, last, 2)
            gains[name].append(both[1] - both[0])
            tell(f"  {name}: mean {both[0]:.2f} dB, mean and frame {both[1]:.2f} dB")
    for name, found in gains.items():
        tell(f"{name}: {np.mean(found):+.3f} dB ({min(found):+.3f} to {max(found):+.3f})")


if __name__ == "__main__":
    main()
