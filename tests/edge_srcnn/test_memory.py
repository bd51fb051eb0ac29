"""A service runs for years: memory is small, and does not grow."""

import os
import subprocess
import sys

import pytest

FRAMES = 2000 if os.environ.get("EDGE_SRCNN_SLOW") else 60
SETTLED = FRAMES // 10
LIMIT_MB = 300
GROWTH_MB = 2

SCRIPT = """
import sys
import numpy as np
from edge_srcnn import load_model

frames, settled, reuse = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "True"

def resident_mb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1000

noise = np.random.default_rng(0)
out = np.empty((1080, 1920), np.uint8)
with load_model(reuse=reuse) as upscaler:
    for frame in range(frames):
        upscaler.upscale(noise.integers(0, 256, (540, 960), np.uint8), out)
        if frame == settled:
            print(resident_mb())
print(resident_mb())
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs Linux")
@pytest.mark.parametrize("reuse", [False, True])
def test_full_hd_takes_less_than_300_mb_in_all_and_does_not_grow(reuse):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(FRAMES), str(SETTLED), str(reuse)],
        capture_output=True,
        text=True,
        check=True,
        timeout=900,
    )
    settled, ended = map(float, done.stdout.split())
    assert ended < LIMIT_MB
    assert ended - settled < GROWTH_MB
