"""Show on standard error that work goes on, and how far it is: by a bar on a terminal, else by a line now and then."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

import typer
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


EVERY_S = 30.0
"""Seconds between two lines in a log."""


class ProgressLines:
    """Tell how far an export is, in lines for a log.

    Parameters
    ----------
    write
        Takes a line.
    clock
        Gives seconds.
    """

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = monotonic) -> None:
        self._write, self._clock = write, clock
        self._stage, self._began, self._told = "", clock(), clock()

    def on_stage(self, stage: str) -> None:
        """Begin a stage."""
        self._stage, self._began = stage, self._clock()

    def on_progress(self, progress: "TrainingProgress") -> None:
        """Write a line, where the last one is ``EVERY_S`` ago."""
        now = self._clock()
        if now - self._told < EVERY_S:
            return
        self._told = now
        seconds = now - self._began
        parts = [f"{self._stage}: {progress.done:.0%}", _note(progress), f"{_minutes(seconds)} gone"]
        if progress.done > 0:
            parts.append(f"about {_minutes(seconds * (1 / progress.done - 1))} left")
        self._write(", ".join(filter(None, parts)))


def _minutes(seconds: float) -> str:
    return f"{seconds // 60:.0f}:{seconds % 60:02.0f}"


def _note(progress: "TrainingProgress") -> str:
    psnr = f", held-out {progress.psnr:.2f} dB" if progress.psnr == progress.psnr else ""
    return f"step {progress.step:,}{psnr}" if progress.step else ""


@contextmanager
def spinner(description: str) -> Iterator[None]:
    """Show that work goes on, and how long it has."""
    console = Console(stderr=True)
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        bar.add_task(description, total=None)
        yield


@contextmanager
def training_bar(*, shown: bool = True) -> Iterator[tuple[Callable[[str], None], Callable[["TrainingProgress"], None]]]:
    """Show the stage of an export, and how far its training is.

    Parameters
    ----------
    shown
        False: show nothing, as in the processes that only train.

    Yields
    ------
    What to call when a stage begins, and when the training went on.
    """
    if not shown:
        yield lambda stage: None, lambda progress: None
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        lines = ProgressLines(lambda line: typer.echo(line, err=True))
        yield lines.on_stage, lines.on_progress
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        bar.add_task("starting", total=None, note="")

        def on_stage(stage: str) -> None:
            bar.remove_task(bar.task_ids[0])
            bar.add_task(stage, total=1.0 if stage.startswith(("reading", "training", "asking")) else None, note="")

        def on_progress(progress: "TrainingProgress") -> None:
            bar.update(bar.task_ids[0], completed=progress.done, note=_note(progress))

        yield on_stage, on_progress
