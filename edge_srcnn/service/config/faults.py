"""Word the faults of a configuration: a line each, with its place, what was found, and what to give."""

from collections.abc import Iterable
from typing import Any

from msgspec import inspect

from edge_srcnn.errors import EdgeSrcnnError, suggest
from edge_srcnn.uri import without_secrets

_LONGEST_LINE = 1000
_MANY_DIGITS = 64  # bits; what is longer is not worth printing
_WANTED: dict[type[inspect.Type], str] = {
    inspect.StrType: "text in quotes",
    inspect.VarTupleType: 'a list of texts: ["...", "..."]',
    inspect.BoolType: "true or false",
    inspect.CustomType: 'a number, or text such as "30000/1001"',
}


def fault(origin: object, text: str) -> str:
    """Join place and text to one line, without passwords and tokens, for a terminal."""
    line = f"{origin}: {without_secrets(text)}"
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line[:_LONGEST_LINE])
    return shown if len(line) <= _LONGEST_LINE else f"{shown}..."


def refusal(origin: str, path: str, value: Any, error: Exception) -> str:
    """Word the fault that ``error`` was raised for ``value``; our own errors tell the value themselves."""
    if isinstance(error, EdgeSrcnnError):
        return fault(origin, f"{path}: {str(error).removeprefix(path.rpartition('.')[2] + ' ')}")
    return fault(origin, f"{path}: found {describe(value)}; {error}")


def unknown(origin: str, table: str, name: str, known: Iterable[str]) -> str:
    """Word the fault that there is no such setting: which was meant, if that can be guessed, and which there are.

    Parameters
    ----------
    table
        Where it was found; empty for the top of the file.
    known
        The paths of all settings.
    """
    places = [path.rpartition(".")[::2] for path in known]
    here = {leaf: leaf for holder, leaf in places if holder == table}
    if not table:
        here |= {holder: f"[{holder}]" for holder, _ in places if holder}
    guess = here.get(suggest(name, list(here)) or "")
    for holder in (holder for holder, leaf in places if leaf == name):
        guess = f"{name} in [{holder}]" if holder else f"{name} above the first [table]"
    path, holds = (f"{table}.{name}", f"[{table}]") if table else (name, "The file")
    meant = f"did you mean {guess}? " if guess else ""
    return fault(origin, f"{path}: there is no such setting; {meant}{holds} has {', '.join(here.values())}")


def wanted(kind: Any) -> str:
    """Word what a setting of a type takes: ``a whole number, 2 to 4``."""
    info = inspect.type_info(kind)
    if isinstance(info, inspect.LiteralType):
        return f"one of {', '.join(map(str, info.values))}"
    if isinstance(info, inspect.IntType | inspect.FloatType):
        name = "a whole number" if isinstance(info, inspect.IntType) else "a number"
        return f"{name}, {info.ge:g} to {info.le:g}"
    return _WANTED[type(info)]


def describe(value: Any) -> str:
    """Word any value of TOML in a few words."""
    if isinstance(value, str):
        return f'text "{value}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > _MANY_DIGITS:
        return "a huge number"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple):
        odd = [each for each in value if not isinstance(each, str | list | tuple)]
        return f"a list with {describe(odd[0])} in it" if odd else "a list" if value else "an empty list"
    return "a table" if isinstance(value, dict) else "a date or time"
