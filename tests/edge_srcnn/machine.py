"""How slow the machine of the tests is: what is promised in seconds is promised of one that is not busy, nor old."""

import subprocess
import sys
from time import monotonic

_STARTS_S = 0.3
"""To start Python and import the service, on one core of a workstation of 2024 with nothing else to do."""


def _slower() -> float:
    took_s = []
    for _ in range(2):  # the first one also reads the files
        began = monotonic()
        subprocess.run([sys.executable, "-c", "import edge_srcnn.service.build"], check=True)
        took_s.append(monotonic() - began)
    return max(1.0, min(took_s) / _STARTS_S)


SLOWER = _slower()
"""So many times longer things may take here: 1 or more."""
