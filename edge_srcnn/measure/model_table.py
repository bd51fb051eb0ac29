"""Models as people choose between them: what each is for, how good and how large it is, and how fast here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from edge_srcnn.measure.benchmark import picture_for
from edge_srcnn.measure.stopwatch import median_ms
from edge_srcnn.models.bundled import bundled_models
from edge_srcnn.models.file import read_model
from edge_srcnn.models.spec import ModelSpec
from edge_srcnn.upscaler import load_model

FRAME_PX = (640, 480)
"""Width and height of the camera's frame that is timed."""

LIMIT_S = 8.0
"""No frame is begun that would end later: those of the slowest models are then estimated."""

RUNS = 5
"""So many frames are timed after the first where there is no limit; the median counts."""


@dataclass(frozen=True)
class Listed:
    """A model file, and what it says of itself."""

    path: Path
    size_bytes: int
    spec: ModelSpec


def list_bundled() -> list[Listed]:
    """List the bundled models, by scale and kind of picture, the fastest first; errors as those of ``read_model``."""
    found = [listed(path) for path in bundled_models().values()]
    return sorted(found, key=lambda each: (each.spec.scale, each.spec.degradation, each.spec.macs_per_pixel))


def listed(path: Path) -> Listed:
    """One model file; errors as those of ``read_model``."""
    return Listed(path, path.stat().st_size, read_model(path).spec)


@dataclass(frozen=True)
class Timed:
    """What a frame took, in milliseconds; not measured, it is what its multiplications let expect."""

    frame_ms: float
    measured: bool


def time_frames(models: Sequence[Listed], engine: str, *, limit_s: float | None = LIMIT_S) -> Iterator[Listed | Timed]:
    """Time a frame of ``FRAME_PX`` with each model, those with the least work first.

    Luma alone is upscaled and sharpened, at the tuned or default setting. Yields each model before its turn, and then
    its result.

    Parameters
    ----------
    models
        What to time.
    engine
        An interpreter that is installed.
    limit_s
        One frame of each model, and no more of them than there is time for; the others are estimated from those that
        were measured. None: ``RUNS`` frames of every one.

    Raises
    ------
    ModelError, Unavailable
        One of them cannot run here.
    """
    began, ms_per_mac = perf_counter(), 0.0
    for model in sorted(models, key=_work):
        yield model
        expected_ms = ms_per_mac * _work(model)
        if limit_s is not None and ms_per_mac and perf_counter() - began + expected_ms / 1000 > limit_s:
            yield Timed(expected_ms, measured=False)
            continue
        frame_ms = time_frame_ms(model.path, engine, runs=RUNS if limit_s is None else 1)
        ms_per_mac = frame_ms / _work(model)
        yield Timed(frame_ms, measured=True)


def _work(model: Listed) -> int:
    """Count a frame's multiplications."""
    return model.spec.macs_per_pixel * model.spec.scale**2 * FRAME_PX[0] * FRAME_PX[1]


def time_frame_ms(path: Path, engine: str, *, runs: int = RUNS) -> float:
    """Measure a frame of ``FRAME_PX`` with a model: the median of ``runs``, after a first one that is not counted.

    Parameters
    ----------
    path
        A model file.
    engine
        An interpreter that is installed.
    runs
        Frames that count.

    Returns
    -------
    Milliseconds.

    Raises
    ------
    ModelError, Unavailable
        It cannot run here.
    """
    luma = picture_for(*FRAME_PX)
    with load_model(path, engine=engine) as upscaler:
        out = np.empty([side * upscaler.scale for side in luma.shape], np.uint8)
        return median_ms(lambda: upscaler.upscale(luma, out), runs)
