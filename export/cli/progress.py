"""Show on a terminal's standard error that work goes on, and how far it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from export.training.schedule import Progress as TrainingProgress


@contextmanager
def spinner(description: str) -> Iterator[None]:
    """Show that work goes on, and how long it has."""
    console = Console(stderr=True)
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        bar.add_task(description, total=None)
        yield


@contextmanager
def training_bar() -> Iterator[tuple[Callable[[str], None], Callable[["TrainingProgress"], None]]]:
    """Show the stage of an export, and how far its training is.

    Yields
    ------
    What to call when a stage begins, and when the training went on.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        bar.add_task("starting", total=None, note="")

        def on_stage(stage: str) -> None:
            bar.remove_task(bar.task_ids[0])
            bar.add_task(stage, total=1.0 if stage.startswith(("reading", "training", "asking")) else None, note="")

        def on_progress(progress: "TrainingProgress") -> None:
            note = f"held-out {progress.psnr:.2f} dB" if progress.psnr == progress.psnr else ""
            note = f"step {progress.step} {note}" if progress.step else ""
            bar.update(bar.task_ids[0], completed=progress.done, note=note)

        yield on_stage, on_progress
