"""SHA-256 of what the engine makes of a picture, for several packings, and of a mean over time: the same everywhere.

Prints one JSON object. For x2 the way begins at the camera's picture; for x3 and x4 at the network's own plane, since
OpenCV may round the bicubic picture differently by one level.
"""

import hashlib
import json

import numpy as np

from edge_srcnn import load_model
from edge_srcnn.imaging.frame import Colour, Frame
from edge_srcnn.imaging.temporal import TemporalMean
from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.models.file import read_model
from edge_srcnn.models.spec import BICUBIC_PLANE, LUMA_PLANE

SIZE = (70, 90)  # no multiple of any block
PACKINGS = {
    BICUBIC_PLANE: ("auto", "1x1", "2x2-4x4", "2x4", "2x4-4x4"),
    LUMA_PLANE: ("auto", "1x1", "8w", "8w-1x2", "8w-2x2", "6w-2x2", "1x4-4x4"),
}
HEAVY_MACS = 20_000
"""Models of more multiplications for a pixel are but tested by their golden output: emulation is slow."""


def picture() -> np.ndarray:
    """Edges, ramps and noise by whole numbers alone: uint8 ``SIZE``."""
    y, x = np.indices(SIZE, dtype=np.int64)
    edges = np.where((x // 7 + y // 5) % 2 == 0, (x * 255) // SIZE[1], 255 - (y * 255) // SIZE[0])
    noise = (x * 7919 + y * 104729 + x * y * 31) % 61 - 30
    return np.clip(edges + np.where(x % 20 < 10, noise, 0), 0, 255).astype(np.uint8)


def temporal_digest() -> str:
    """Compute the digest of a mean over time, of a scene in which a thing moves, light changes and frames are repeated.

    All of it is made of whole numbers.
    """
    mean, found = TemporalMean(), hashlib.sha256()
    scene = picture().astype(np.int64) // 2 + 60
    y, x = np.indices(SIZE, dtype=np.int64)
    for index in range(100):
        moment = index - index % 30 if index >= 70 else index  # a coder's repeated frames
        noise = ((x * 7919 + y * 104729 + (x + moment * 13) * (y + moment * 7) * 31 + moment * 613) % 23) - 11
        luma = scene + noise + (20 if 30 <= moment < 40 else moment // 5 if moment < 70 else 0)
        left = 2 * (index - 40)
        if 40 <= index < 70:
            luma[20:44, left : left + 24] = 255 - scene[20:44, left : left + 24]
        blue, red = (noise[part::2, part::2] // 2 + 128 for part in (0, 1))
        planes = [np.clip(plane, 0, 255).astype(np.uint8) for plane in (luma, blue, red)]
        out = mean.filter(Frame(planes[0], (planes[1], planes[2]), Colour(), index, 0.0, 0.0))
        for plane in (out.luma, *(out.chroma or ())):
            found.update(plane.tobytes())
    return found.hexdigest()


def digests() -> dict[str, str]:
    """Compute a digest for each model and packing, and the golden self-test of each model."""
    found = {"mean over time": temporal_digest()}
    for name, path in bundled_models().items():
        spec = read_model(path).spec
        with load_model(name, engine="litert") as upscaler:
            found[f"{name} golden"] = upscaler.self_test()
        for block in PACKINGS[spec.plane] if spec.macs_per_pixel < HEAVY_MACS else ():
            with load_model(name, engine="litert", block=block, tile=(32, 48)) as upscaler:
                out = upscaler.upscale(picture()) if spec.scale in (1, 2) else upscaler.run_network(picture())
                found[f"{name} {block}"] = hashlib.sha256(out.tobytes()).hexdigest()
    return found


if __name__ == "__main__":
    print(json.dumps(digests(), indent=1))  # noqa: T201  # its output is its purpose
