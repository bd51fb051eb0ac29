"""What the layers of a configuration give: values with their origin, and what is wrong with them."""

from dataclasses import dataclass
from typing import Any

from edge_srcnn.errors import EdgeSrcnnError
from edge_srcnn.service.config.kinds import describe
from edge_srcnn.service.config.settings import SETTINGS, TABLES, names_in
from edge_srcnn.spelling import nearest
from edge_srcnn.uri import without_secrets

_LONGEST_LINE = 1000


@dataclass(frozen=True)
class Given:
    """A setting's value, as it was found, and where."""

    path: str
    value: Any
    origin: str


@dataclass(frozen=True)
class Problem:
    """What is wrong, and where; its text is one line without passwords and tokens."""

    origin: str
    text: str

    def __str__(self) -> str:
        return one_line(f"{self.origin}: {without_secrets(self.text)}")


def refusal(path: str, value: Any, origin: str, error: Exception) -> Problem:
    """``error`` was raised for ``value``. Our own errors say what was found; others say what is wanted."""
    if isinstance(error, EdgeSrcnnError):
        return Problem(origin, f"{path}: {str(error).removeprefix(path.rpartition('.')[2] + ' ')}")
    return Problem(origin, f"{path}: found {describe(value)}; {error}")


def unknown(table: str, name: str, origin: str) -> Problem:
    """There is no such key; the one that was meant, if that can be guessed, and those that there are."""
    path = f"{table}.{name}" if table else name
    here = names_in(table)
    plain = {each.strip("[]"): each for each in here}
    close = nearest(name, list(plain))
    elsewhere = [known for known in SETTINGS if known.rpartition(".")[2] == name]
    guess = plain[close] if close else ""
    if elsewhere:
        other, _, leaf = elsewhere[0].rpartition(".")
        guess = f"{leaf} in [{other}]" if other in TABLES else f"{leaf} above the first [table]"
    meant = f"did you mean {guess}? " if guess else ""
    return Problem(
        origin,
        f"{path}: there is no such setting; {meant}{f'[{table}]' if table else 'The file'} has {', '.join(here)}",
    )


def one_line(text: str) -> str:
    """``text`` with what cannot be printed in the way Python writes it, and not too long."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:_LONGEST_LINE])
    return shown if len(text) <= _LONGEST_LINE else f"{shown}..."
