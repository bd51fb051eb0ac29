"""Models as people choose between them: what each is for, how good and how large it is, and how fast here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from edge_srcnn.measure import FRAME_PX, median_ms, picture_for
from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.models.file import read_model
from edge_srcnn.models.spec import ModelSpec
from edge_srcnn.upscaler import load_model

LIMIT_S = 8.0
"""No frame is begun that would end later: those of the slowest models are then estimated."""

RUNS = 5
"""So many frames are timed after the first where there is no limit; the median counts."""


@dataclass(frozen=True)
class Listed:
    """Describe a model file by what it says of itself."""

    path: Path
    size_bytes: int
    spec: ModelSpec

    @property
    def work(self) -> int:
        """Count the multiplications of a frame of ``FRAME_PX``."""
        return self.spec.macs_per_pixel * self.spec.scale**2 * FRAME_PX[0] * FRAME_PX[1]


def list_bundled() -> list[Listed]:
    """List the bundled models, by scale and kind of picture, the fastest first; errors as those of ``read_model``."""
    found = [listed(path) for path in bundled_models().values()]
    return sorted(found, key=lambda each: (each.spec.scale, each.spec.degradation, each.spec.macs_per_pixel))


def listed(path: Path) -> Listed:
    """Read one model file; errors as those of ``read_model``."""
    return Listed(path, path.stat().st_size, read_model(path).spec)


def time_frames(
    models: Sequence[Listed],
    engine: str,
    *,
    limit_s: float | None = LIMIT_S,
    progress: Callable[[int, str], None] = lambda done, name: None,
) -> tuple[dict[str, float], list[str]]:
    """Time a frame of ``FRAME_PX`` with each model, those with the least work first.

    Luma alone is upscaled and sharpened, at the tuned or default setting.

    Parameters
    ----------
    models
        What to time.
    engine
        An interpreter that is installed.
    limit_s
        One frame of each model, and no more of them than there is time for; the others are estimated from those that
        were measured. None: ``RUNS`` frames of every one.
    progress
        Is told before each model how many are done, and its name.

    Returns
    -------
    Milliseconds by name, and the names of those that were estimated.

    Raises
    ------
    ModelError, Unavailable
        One of them cannot run here.
    """
    began, ms_per_mac = perf_counter(), 0.0
    frame_ms, estimated = dict[str, float](), list[str]()
    for done, model in enumerate(sorted(models, key=lambda each: each.work)):
        name, expected_ms = model.spec.name, ms_per_mac * model.work
        progress(done, name)
        if limit_s is not None and ms_per_mac and perf_counter() - began + expected_ms / 1000 > limit_s:
            frame_ms[name] = expected_ms
            estimated.append(name)
        else:
            frame_ms[name] = time_frame_ms(model.path, engine, runs=RUNS if limit_s is None else 1)
            ms_per_mac = frame_ms[name] / model.work
    return frame_ms, estimated


def time_frame_ms(path: Path, engine: str, *, runs: int = RUNS) -> float:
    """Measure a frame of ``FRAME_PX``: the median in milliseconds of ``runs``, after one that does not count."""
    luma = picture_for(*FRAME_PX)
    with load_model(path, engine=engine) as upscaler:
        out = np.empty([side * upscaler.scale for side in luma.shape], np.uint8)
        return median_ms(lambda: upscaler.upscale(luma, out), runs)
