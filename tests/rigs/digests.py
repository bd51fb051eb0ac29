"""SHA-256 of what the engine makes of a picture, for several packings: must be the same on every machine.

Prints one JSON object. For x2 the way begins at the camera's picture; for x3 and x4 at the network's own plane, since
OpenCV may round the bicubic picture differently by one level.
"""

import hashlib
import json

import numpy as np

from edge_srcnn import load_model
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


def digests() -> dict[str, str]:
    """Compute a digest for each model and packing, and the golden self-test of each model."""
    found = {}
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
