"""On which line each key of a TOML file is; ``tomllib`` does not tell."""

import re
import tomllib
from collections.abc import Sequence

KeyLines = dict[tuple[str, ...], int]
DEPTH = 2
"""Tables and their keys; what is deeper counts as one of these."""

_TOKENS = re.compile(
    r'''
    (?P<comment>  \#[^\n]* )
    | (?P<string> """(?:\\.|[^\\])*?"{3,5} | \'\'\'.*?\'{3,5} | "(?:\\.|[^"\\\n])*" | '[^'\n]*' )
    | (?P<word>   [A-Za-z0-9_-]+ )
    | (?P<sign>   [\[\]{}=\n] )
    ''',
    re.VERBOSE | re.DOTALL,
)


def key_lines(text: str) -> KeyLines:
    """The lines, from 1, of tables and keys of a text that ``tomllib`` reads; keys in inline tables are left out."""
    lines: KeyLines = {}
    table: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    line, depth, in_value = 1, 0, False
    for token in _TOKENS.finditer(text):
        found = token[0]
        if found == "\n":
            if depth == 0:
                parts, in_value = (), False
        elif in_value:
            depth += (found in ("[", "{")) - (found in ("]", "}"))
        elif found == "=":
            _note(lines, table + parts, line)
            in_value = True
        elif found == "]" and parts:
            table, parts = parts, ()
            _note(lines, table, line)
        elif token["word"] or token["string"]:
            parts += (_name(found),)
        line += found.count("\n")
    return lines


def line_of(lines: KeyLines, key: Sequence[str]) -> int | None:
    """The line of a key, or of what holds it; None where neither was found."""
    for length in range(len(key), 0, -1):
        line = lines.get(tuple(key[:length]))
        if line is not None:
            return line
    return None


def _note(lines: KeyLines, key: tuple[str, ...], line: int) -> None:
    for length in range(1, DEPTH + 1):
        lines.setdefault(key[:length], line)


def _name(token: str) -> str:
    if token[0] not in "\"'":
        return token
    name: str = tomllib.loads(f"name = {token}")["name"]
    return name
