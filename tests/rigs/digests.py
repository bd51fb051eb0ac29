"""SHA-256 of what the engine makes of a picture, for several packings: must be the same on every machine.

Prints one JSON object. For x2 the way begins at the camera's picture; for x3 and x4 at the bicubic one, which OpenCV
may round differently by one level.
"""

import hashlib
import json

import numpy as np

from edge_srcnn import load_model

SIZE = (70, 90)  # no multiple of any block
BLOCKS = ("auto", "1x1", "2x2-4x4", "2x4", "2x4-4x4")


def picture() -> np.ndarray:
    """Edges, ramps and noise by whole numbers alone: uint8 ``SIZE``."""
    y, x = np.indices(SIZE, dtype=np.int64)
    edges = np.where((x // 7 + y // 5) % 2 == 0, (x * 255) // SIZE[1], 255 - (y * 255) // SIZE[0])
    noise = (x * 7919 + y * 104729 + x * y * 31) % 61 - 30
    return np.clip(edges + np.where(x % 20 < 10, noise, 0), 0, 255).astype(np.uint8)


def digests() -> dict[str, str]:
    """Case to digest, and the golden self-tests."""
    found = {}
    for scale in (2, 3, 4):
        for block in BLOCKS:
            with load_model(scale=scale, engine="litert", block=block, tile=(64, 96)) as upscaler:
                out = upscaler.upscale(picture()) if scale == 2 else upscaler.sharpen(picture())
                found[f"x{scale} {block}"] = hashlib.sha256(out.tobytes()).hexdigest()
                found[f"x{scale} {block} golden"] = upscaler.self_test()
    return found


if __name__ == "__main__":
    print(json.dumps(digests(), indent=1))  # noqa: T201  # its output is its purpose
