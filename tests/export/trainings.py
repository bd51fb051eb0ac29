"""A tiny training, ended where a test wants it, and what it leaves behind."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.architectures import Layer, find_architecture
from export.data.pairs import Split
from export.data.patch_spec import PatchSpec
from export.training.checkpoints import STATE_NAME
from export.training.plan import TrainingPlan
from export.training.schedule import Progress
from export.training.train import train

TINY = find_architecture("srcnn-915", filters=(4, 2))
SPEC = PatchSpec(scale=2, halo_px=6, patch_px=16)
PLAN = TrainingPlan(steps=6, batch=4, epoch_steps=2)
QUICK = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
"""Environment of a process that trains a few steps: compiling would take most of its time."""


class Killed(BaseException):
    """What ends a training at a place of our choice; like an interrupt, it is no Exception."""


def kill_at(step: int) -> Callable[[Progress], None]:
    """Ends the training as soon as the checkpoint of ``step`` is written."""

    def on_progress(progress: Progress) -> None:
        if progress.step >= step:
            raise Killed

    return on_progress


def interrupted(split: Split, folder: Path, step: int, plan: TrainingPlan = PLAN) -> None:
    with pytest.raises(Killed):
        train(TINY, SPEC, split, plan, folder, kill_at(step))


def stored(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((folder / STATE_NAME).read_text())
    return state


def weight_files(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.weights.h5")}


def same(a: tuple[Layer, ...], b: tuple[Layer, ...], tolerance: float = 0.0) -> bool:
    return all(
        np.allclose(x.kernel, y.kernel, rtol=0, atol=tolerance) and np.allclose(x.bias, y.bias, rtol=0, atol=tolerance)
        for x, y in zip(a, b, strict=True)
    )
