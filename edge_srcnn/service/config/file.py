"""The TOML file: what it gives, what is wrong with it, and on which line."""

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edge_srcnn.errors import BadConfiguration
from edge_srcnn.service.config.findings import Given, Problem, one_line, unknown
from edge_srcnn.service.config.key_lines import key_lines, line_of
from edge_srcnn.service.config.kinds import describe
from edge_srcnn.service.config.settings import SETTINGS, TABLES

MAX_BYTES = 1_000_000


def from_file(path: Path) -> list[Given | Problem]:
    """What the file gives, in the order of its lines.

    Raises
    ------
    BadConfiguration
        It cannot be read, or is no TOML.
    """
    text = _text(path)
    try:
        document = tomllib.loads(text)
    except RecursionError as error:
        raise _bad(path, "not TOML that can be read: nested too deeply") from error
    except ValueError as error:
        raise _bad(path, f"not TOML: {error}") from error
    lines = key_lines(text)

    def origin(*key: str) -> str:
        line = line_of(lines, key)
        return str(path) if line is None else f"{path} line {line}"

    found = [(line_of(lines, key) or 0, each) for key, each in _found(document, origin)]
    return [each for _, each in sorted(found, key=lambda pair: pair[0])]


def _found(document: dict[str, Any], origin: Callable[..., str]) -> Iterator[tuple[tuple[str, ...], Given | Problem]]:
    for name, value in document.items():
        if name in SETTINGS and "." not in name:  # a quoted key may hold a dot
            yield (name,), Given(name, value, origin(name))
        elif name not in TABLES:
            yield (name,), unknown("", name, origin(name))
        elif not isinstance(value, dict):
            yield (name,), Problem(origin(name), f"{name}: found {describe(value)}; this is a table: [{name}]")
        else:
            for key, inner in value.items():
                path, where = f"{name}.{key}", origin(name, key)
                yield (name, key), Given(path, inner, where) if path in SETTINGS else unknown(name, key, where)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _bad(path, f"cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if len(data) > MAX_BYTES:
        raise _bad(path, f"larger than {MAX_BYTES:,} bytes; that is no configuration")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadConfiguration(one_line(f"{path} line {line}: not UTF-8 (byte 0x{data[error.start]:02x})")) from error


def _bad(path: Path, text: str) -> BadConfiguration:
    return BadConfiguration(one_line(f"{path}: {text}"))
