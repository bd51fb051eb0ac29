"""Models as people choose between them: what each is for, how good and how large it is, and how fast here."""

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from edge_srcnn.benchmark import picture_for
from edge_srcnn.bundled import bundled_models
from edge_srcnn.loading import load_model
from edge_srcnn.model import ModelSpec, read_model

FRAME_PX = (640, 480)
"""Width and height of the camera's frame that is timed."""

RUNS = 5
"""So many frames are timed after the first; the median counts."""


@dataclass(frozen=True)
class Listed:
    """A model file, and what it says of itself."""

    path: Path
    size_bytes: int
    spec: ModelSpec


def list_bundled() -> list[Listed]:
    """The bundled models, by name; errors as those of ``read_model``."""
    return [listed(path) for path in bundled_models().values()]


def listed(path: Path) -> Listed:
    """One model file; errors as those of ``read_model``."""
    return Listed(path, path.stat().st_size, read_model(path).spec)


def time_frame_ms(path: Path, engine: str) -> float:
    """Milliseconds for the luma of a frame of ``FRAME_PX``, up-scaled and sharpened, at the tuned or default setting.

    Parameters
    ----------
    path
        A model file.
    engine
        An interpreter that is installed.

    Raises
    ------
    ModelError, Unavailable
        It cannot run here.
    """
    luma, seconds = picture_for(*FRAME_PX), []
    with load_model(path, engine=engine) as upscaler:
        out = np.empty([side * upscaler.scale for side in luma.shape], np.uint8)
        upscaler.upscale(luma, out)
        for _ in range(RUNS):
            began = perf_counter()
            upscaler.upscale(luma, out)
            seconds.append(perf_counter() - began)
    return median(seconds) * 1000
