"""What the commands share: JSON on standard output, tables, progress bars on a terminal's standard error."""

import json
import sys
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

_GAP = 2
"""Spaces between the columns of a table."""


def say(line: str) -> None:
    """Print a line; unlike ``typer.echo`` it goes above a progress bar that is on the same terminal."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def print_json(document: Any) -> None:
    """Print one JSON document, and nothing else."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


def print_table(
    columns: list[str], rows: list[list[str]], *, numbers_from: int | None = None, folding: Container[str] | None = None
) -> None:
    """Print a plain table.

    Parameters
    ----------
    numbers_from
        Columns from this one on are aligned to the right.
    folding
        Columns whose words go below each other where the terminal is too narrow, before any other column folds.
    """
    console = Console(soft_wrap=True, highlight=False)
    texts = [columns, *rows]
    if folding is not None and _width(texts) > console.width:
        folded = {index for index, column in enumerate(columns) if column in folding}
        texts = [[cell.replace(" ", "\n") if i in folded else cell for i, cell in enumerate(row)] for row in texts]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(texts[0]):
        right = numbers_from is not None and index >= numbers_from
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    for row in texts[1:]:
        table.add_row(*map(Text, row))  # Text: no markup, brackets stay
    console.print(table)


def _width(texts: list[list[str]]) -> int:
    return sum(max(map(len, cells)) + _GAP for cells in zip(*texts, strict=True)) - _GAP


def progress_bar(*extra: TextColumn) -> Progress:
    """Show a progress bar on standard error; silent when that is not a terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *extra,
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # a redirected standard output must not end up beside the bar
    )


@contextmanager
def share_bar(description: str) -> Iterator[Callable[[float], None]]:
    """Show a progress bar for work that is told as a share, 0 to 1."""
    with progress_bar() as bar:
        task = bar.add_task(description, total=100)
        yield lambda share: bar.update(task, completed=round(share * 100))
