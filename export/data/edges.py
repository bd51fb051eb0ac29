"""Draw edges between two grey levels, to train on what lies beside them: there nothing is to be seen.

Photographs hardly tell a network so. What they hold beside an edge is texture, and an error of a tenth of a grey level
drowns in it; on a drawing it shows as a pattern of the sub-pixels' grid.
"""

import numpy as np

from edge_srcnn.imaging.bicubic import upscale_bicubic
from export.data.degradation import degrade
from export.data.pair import GREY_LEVEL, UNCOUNTED, Pair
from export.data.patch_spec import PatchSpec

N_EDGES = 1000
LEAST_STEP = 30
"""Grey levels between the two sides, at least."""

NEAR, FAR = 2, 6
"""What counts lies so many of the camera's pixels from the edge: nearer, an overshoot is a matter of sharpness."""

ROWS = 16
JITTER = 4
"""Places, in pixels of the camera, of a patch about an edge."""


def draw_edges(spec: PatchSpec, seed: int = 0) -> tuple[Pair, ...]:
    """Draw upright edges, light or dark on either side, anywhere between the camera's pixels.

    Parameters
    ----------
    spec
        How patches are cut: a drawing is ``JITTER`` pixels larger than one.
    seed
        Draws levels and places.

    Returns
    -------
    Pairs, in whose residual only a strip on one side of the edge counts. All rows of a pair are one row in memory.
    """
    rng = np.random.default_rng((seed, N_EDGES))
    scale, size = spec.upsampling, spec.size_px + JITTER
    pairs: list[Pair] = []
    while len(pairs) < N_EDGES:
        levels = rng.integers(0, 256, 2)
        middle = size * scale // 2 + int(rng.integers(-NEAR * scale, NEAR * scale + 1))
        one_side = bool(rng.integers(2))
        if abs(int(levels[0]) - int(levels[1])) < LEAST_STEP:
            continue
        hr = np.repeat(levels.astype(np.uint8), (middle, size * scale - middle))[None].repeat(ROWS * scale, axis=0)
        plane = degrade(spec.degradation, hr, scale, (seed, len(pairs)))
        base = upscale_bicubic(plane, scale)
        strip = slice(middle - FAR * scale, middle - NEAR * scale)
        if one_side:
            strip = slice(middle + NEAR * scale, middle + FAR * scale)
        residual = np.full(hr.shape, UNCOUNTED, np.int16)
        residual[:, strip] = (hr[:, strip].astype(np.int16) - base[:, strip]) * GREY_LEVEL
        small, large = (size, size), (size * scale, size * scale)
        hr, base = (np.broadcast_to(each[ROWS], large) for each in (hr, base))
        residual = np.broadcast_to(residual[ROWS], large)
        pairs.append(Pair(np.broadcast_to(plane[ROWS // 2], small), hr, base, residual))
    return tuple(pairs)
