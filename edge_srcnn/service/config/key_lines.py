"""Find the line of each key of a TOML file; ``tomllib`` does not tell."""

import tomllib
from collections.abc import Iterator
from typing import Any

Key = tuple[str, ...]

_DEPTH = 2  # tables and their keys; what is deeper counts as one of these
_MAY_END = ('"""', "'''", "]", "}")  # one of them is in the last line of a statement that has more than one


def key_lines(text: str) -> dict[Key, int]:
    """Parse a text statement by statement, for the line, from 1, where each table and key first appears.

    Parameters
    ----------
    text
        A whole document that ``tomllib`` reads.
    """
    lines: dict[Key, int] = {}
    table: Key = ()
    start, statement = 1, ""
    for number, line in enumerate(text.split("\n"), 1):
        statement += line + "\n"
        if number > start and not any(mark in line for mark in _MAY_END):
            continue
        try:
            found = tomllib.loads(statement)
        except ValueError:
            continue  # it goes on in the next line
        header = statement.lstrip().startswith("[")
        keys = list(_keys(found, () if header else table))
        for key in keys:
            lines.setdefault(key, start)
        table = keys[-1] if header else table
        start, statement = number + 1, ""
    return lines


def _keys(value: Any, above: Key) -> Iterator[Key]:
    if isinstance(value, dict) and len(above) < _DEPTH:
        for name, inner in value.items():
            yield (*above, name)
            yield from _keys(inner, (*above, name))
