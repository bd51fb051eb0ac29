"""Measurements: what frames take, tuning, what this machine has. Here: the picture and the clock of them all."""

import statistics
from collections.abc import Callable
from time import perf_counter

import cv2
import numpy as np

from edge_srcnn.engine.backends import Backend
from edge_srcnn.engine.graph import Network
from edge_srcnn.engine.inference import TiledInference
from edge_srcnn.engine.plan import Plan
from edge_srcnn.imaging.luma import UInt8Array, luma_full_range
from edge_srcnn.sources.testcard import draw_test_card

FRAME_PX = (640, 480)
"""Width and height of the camera's frame that models are compared by."""


def picture_for(width: int, height: int) -> UInt8Array:
    """Draw the luma of the test card, stretched to a size: uint8 ``[height, width]``."""
    card = luma_full_range(draw_test_card())
    return np.asarray(cv2.resize(card, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def inference_by(plan: Plan, network: Network, backend: Backend, *, reuse: bool = False) -> TiledInference:
    """Make what computes a network by one plan, whatever the size."""
    return TiledInference(network, backend, plan_for=lambda height, width: plan, reuse=reuse)


def seconds_of(job: Callable[[], object]) -> float:
    """Time one run of a job."""
    began = perf_counter()
    job()
    return perf_counter() - began


def median_ms(job: Callable[[], object], runs: int) -> float:
    """Time a job ``runs`` times after a first one that is not counted; the median in milliseconds."""
    job()
    return statistics.median(seconds_of(job) for _ in range(runs)) * 1000


class Stopwatch:
    """Collect how long jobs take, by name."""

    def __init__(self) -> None:
        self._seconds: dict[str, list[float]] = {}

    def add(self, name: str, seconds: float) -> None:
        """Take down a time that was measured elsewhere."""
        self._seconds.setdefault(name, []).append(seconds)

    def time(self, name: str, job: Callable[[], object]) -> None:
        """Run a job, and take down how long it took."""
        self.add(name, seconds_of(job))

    def ms(self, name: str) -> float:
        """Give the median of a name in milliseconds."""
        return statistics.median(self._seconds[name]) * 1000
