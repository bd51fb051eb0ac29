"""What the commands print with: JSON and tables on standard output, progress bars on a terminal's standard error.

Rich is imported when it is needed: a service that runs for years needs it never.
"""

import json
import logging
import sys
from collections.abc import Container
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

_GAP = 2
"""Spaces between the columns of a table."""


def printable(text: str) -> str:
    """Spell out what a terminal would obey instead of show: the name of a file may hold anything."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def say(line: str) -> None:
    """Print a line about work that goes on, whether anybody can read it or not.

    Unlike ``typer.echo`` it goes above a progress bar that is on the same terminal.
    """
    with suppress(OSError):
        sys.stdout.write(printable(line) + "\n")
        sys.stdout.flush()


def say_error(error: Exception) -> None:
    """Print an error in one line on standard error."""
    typer.echo(f"edge-srcnn: {printable(str(error))}", err=True)


def say_warning(text: str) -> None:
    """Print a warning in one line on standard error."""
    typer.echo(printable(text), err=True)


class PrintableFormatter(logging.Formatter):
    """Format log lines of which none makes a terminal do anything; a traceback keeps its lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # logging's name
        """Format a record without its traceback."""
        return printable(super().formatMessage(record))


def print_json(document: Any) -> None:
    """Print one JSON document, and nothing else."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


def print_table(
    columns: list[str], rows: list[list[str]], *, numbers_from: int | None = None, folding: Container[str] = ()
) -> None:
    """Print a plain table.

    Parameters
    ----------
    columns
        Their heads.
    rows
        A cell for each column.
    numbers_from
        Columns from this one on are aligned to the right.
    folding
        Columns whose words go below each other where the terminal is too narrow, before any other column folds.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(soft_wrap=True, highlight=False)
    texts = [columns, *rows]
    width = sum(max(map(len, cells)) + _GAP for cells in zip(*texts, strict=True)) - _GAP
    if width > console.width:
        folded = {index for index, column in enumerate(columns) if column in folding}
        texts = [[cell.replace(" ", "\n") if i in folded else cell for i, cell in enumerate(row)] for row in texts]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(texts[0]):
        right = numbers_from is not None and index >= numbers_from
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    for row in texts[1:]:
        table.add_row(*map(Text, row))  # Text: no markup, brackets stay
    console.print(table)


def progress_bar() -> "Progress":
    """Show a progress bar on standard error; silent when that is not a terminal."""
    from rich import progress
    from rich.console import Console

    console = Console(stderr=True)
    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # a redirected standard output must not end up beside the bar
    )
