"""A service runs for years: memory is small, and does not grow."""

import os
import subprocess
import sys

import pytest

SLOW = bool(os.environ.get("EDGE_SRCNN_SLOW"))
LIMIT_MB = 300
GROWTH_MB = 2
FULL_HD, SMALL = (540, 960), (120, 160)
"""Frames before upscaling. A leak of one small frame a frame would be 54 * 0.08 MB."""

SCRIPT = """
import sys
import numpy as np
from edge_srcnn import load_model
from edge_srcnn.system.memory import return_free_memory

frames, settled, height, width = map(int, sys.argv[1:5])
kept = []

def mb(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name)) / 1000

def resident_mb():
    return_free_memory()  # what a leak takes would fill it first, unseen
    return mb("VmRSS")

noise = np.random.default_rng(0)
out = np.empty((2 * height, 2 * width), np.uint8)
with load_model(reuse=sys.argv[5] == "True") as upscaler:
    for frame in range(frames):
        upscaler.upscale(noise.integers(0, 256, (height, width), np.uint8), out)
        if sys.argv[6] == "True":
            kept.append(out.copy())
        if frame + 1 == settled:
            print(resident_mb())
    print(resident_mb(), mb("VmHWM"))  # before the model is closed: that gives back far more than a leak takes
"""


def memory_mb(shape, reuse, *, frames, settled, leaks=False):
    """Memory of a process after ``settled`` frames of noise, after all of them, and the most it ever took."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, (frames, settled, *shape, reuse, leaks))],
        capture_output=True,
        text=True,
        check=True,
        timeout=900,
    )
    return map(float, done.stdout.split())


pytestmark = [pytest.mark.slow, pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs Linux")]


@pytest.mark.parametrize("reuse", [False, True])
def test_full_hd_takes_less_than_300_mb_in_all(reuse):
    *_, most = memory_mb(FULL_HD, reuse, frames=2000 if SLOW else 4, settled=1)
    assert most < LIMIT_MB


@pytest.mark.parametrize("reuse", [False, True])
def test_it_does_not_grow(reuse):
    settled, ended, _ = memory_mb(SMALL, reuse, frames=2000 if SLOW else 60, settled=6)
    assert ended - settled < GROWTH_MB


def test_a_frame_kept_by_mistake_would_be_seen():
    settled, ended, _ = memory_mb(SMALL, reuse=False, frames=60, settled=6, leaks=True)
    assert ended - settled > GROWTH_MB
