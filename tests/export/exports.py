"""The shortest plan of an export, and what an export leaves in a folder."""

from pathlib import Path

from export.training.plan import TrainingPlan

PLAN = TrainingPlan(steps=2, batch=4, epoch_steps=2)


def files_of(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}
