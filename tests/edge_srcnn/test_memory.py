"""A service runs for years: memory is small, and does not grow."""

import os
import subprocess
import sys

import pytest

SLOW = bool(os.environ.get("EDGE_SRCNN_SLOW"))
LIMIT_MB = 300
GROWTH_MB = 2
FULL_HD, SMALL = (540, 960), (120, 160)
"""Frames before upscaling. A leak of one small frame a frame would be 60 * 0.08 MB."""

SCRIPT = """
import sys
import numpy as np
from edge_srcnn import load_model

frames, settled, height, width = map(int, sys.argv[1:5])

def resident_mb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1000

noise = np.random.default_rng(0)
out = np.empty((2 * height, 2 * width), np.uint8)
with load_model(reuse=sys.argv[5] == "True") as upscaler:
    for frame in range(frames):
        upscaler.upscale(noise.integers(0, 256, (height, width), np.uint8), out)
        if frame == settled:
            print(resident_mb())
print(resident_mb())
"""


def resident_mb(shape, reuse, *, frames, settled):
    """Memory of a process after ``settled`` frames of noise, and after all of them."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, (frames, settled, *shape, reuse))],
        capture_output=True,
        text=True,
        check=True,
        timeout=900,
    )
    return map(float, done.stdout.split())


pytestmark = [pytest.mark.slow, pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs Linux")]


@pytest.mark.parametrize("reuse", [False, True])
def test_full_hd_takes_less_than_300_mb_in_all(reuse):
    settled, ended = resident_mb(FULL_HD, reuse, frames=2000 if SLOW else 4, settled=1)
    assert max(settled, ended) < LIMIT_MB


@pytest.mark.parametrize("reuse", [False, True])
def test_it_does_not_grow(reuse):
    settled, ended = resident_mb(SMALL, reuse, frames=2000 if SLOW else 60, settled=6)
    assert ended - settled < GROWTH_MB
