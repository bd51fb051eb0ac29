"""Kinds of values: what a file may hold for them, and how they are read from the environment's text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edge_srcnn.uri import flag

_MANY_DIGITS = 64  # bits; what is longer is not worth printing


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    Attributes
    ----------
    wanted
        What to give, in words.
    take
        From a value of TOML or Python to the one that is kept; ``ValueError`` for another kind.
    read
        The same from text.
    """

    wanted: str
    take: Callable[[Any], Any]
    read: Callable[[str], Any]


def describe(value: Any) -> str:
    """Any value of TOML, in a few words."""
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


def toml_value(value: Any) -> str:
    """As TOML writes it."""
    if isinstance(value, str):
        return '"' + "".join(map(_escaped, value)) + '"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def _of(kind: type) -> Callable[[Any], Any]:
    def take(value: Any) -> Any:
        if type(value) is not kind:  # to Python, True is a whole number
            raise ValueError
        return value

    return take


def _number(value: Any) -> float:
    return float(value if type(value) is int else _of(float)(value))


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError
    return tuple(map(_of(str), value))


def _rate(value: Any) -> str:
    return str(value) if type(value) in (int, float, str) else _of(str)(value)


TEXT = Kind("give text in quotes", _of(str), str)
TEXTS = Kind('give a list of texts, such as ["http://127.0.0.1:8080"]', _texts, lambda text: tuple(text.split()))
WHOLE = Kind("give a whole number", _of(int), int)
NUMBER = Kind("give a number", _number, float)
SWITCH = Kind("give true or false", _of(bool), flag)
RATE = Kind('give a number, or text such as "30000/1001"', _rate, str)
