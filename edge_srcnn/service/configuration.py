"""Put a configuration together: defaults, then a file, then the environment, then flags; each fault is one line."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edge_srcnn.errors import BadConfiguration, EdgeSrcnnError, suggest
from edge_srcnn.errors.masking import without_secrets
from edge_srcnn.service.changes import CHANGEABLE, UNSET
from edge_srcnn.service.secret_files import AddressFiles
from edge_srcnn.service.settings import SETTINGS, TABLES, Config, take, take_text

PREFIX = "EDGE_SRCNN_"
"""Of the environment's names for settings."""
MAX_BYTES = 1_000_000
NOTHING: Mapping[str, Any] = MappingProxyType({})

Key = tuple[str, ...]

_LONGEST_LINE = 1000
_MANY_DIGITS = 64  # bits; what is longer is not worth printing
_LIKENESS = 0.75
_OUR_TABLES = tuple(f"{PREFIX}{table.upper()}_" for table in TABLES)
_DEPTH = 2  # tables and their keys; what is deeper counts as one of these
_MAY_END = ('"""', "'''", "]", "}")  # one of them is in the last line of a statement that has more than one


@dataclass(frozen=True)
class Loaded:
    """Hold a configuration that is good.

    Attributes
    ----------
    origins
        Key path, such as ``enhance.scale``, to ``default``, ``FILE line 7``, ``environment EDGE_SRCNN_ENHANCE_SCALE``,
        ``flag``, or ``source_file``.
    warnings
        Who can read secrets that should not, and what of the changes that were kept is left out; a line each.
    changes
        The file that changes at run time are kept in, whether it is there or not; None: there is none.
    """

    config: Config
    origins: Mapping[str, str]
    warnings: tuple[str, ...] = ()
    changes: Path | None = None


@dataclass(frozen=True)
class _Given:
    path: str
    value: Any
    origin: str
    is_text: bool = False  # of the environment
    is_change: bool = False  # at run time

    def take(self) -> Any:
        if self.is_change and self.value == UNSET:
            return None
        try:
            return (take_text if self.is_text else take)(SETTINGS[self.path], self.value)
        except EdgeSrcnnError as error:  # which tells the value itself
            said = str(error).removeprefix(self.path.rpartition(".")[2] + " ")
        except ValueError as error:
            said = f"found {_described(self.value)}; {error}"
        raise BadConfiguration(_fault(self.origin, f"{self.path}: {said}"))


def load_config(
    path: Path | None,
    environment: Mapping[str, str] = os.environ,
    flags: Mapping[str, Any] = NOTHING,
    *,
    elsewhere: bool = False,
    changes: Path | None = None,
) -> Loaded:
    """Read and check the configuration; nothing is opened but the file, and those that hold an address.

    Parameters
    ----------
    path
        A TOML file, or None for none.
    environment
        ``EDGE_SRCNN_ENHANCE_SCALE=3`` and its like override the file.
    flags
        Key path to value; they override the environment. None means that a flag was not given.
    elsewhere
        It is for a service, not for this process: files of addresses that only the service can find are not read.
    changes
        A file of what was changed at run time, which need not be there, and comes after ``path``. What is wrong in it
        is left out.

    Returns
    -------
    The configuration, and where each setting comes from.

    Raises
    ------
    BadConfiguration
        With the first fault as its text, and the others in ``others``.
    """
    spoilt: list[str] = []
    found: list[_Given | str] = [*([] if path is None else _from_file(path)), *_from_changes(changes, spoilt)]
    found += _from_environment(environment)
    found += [_Given(key, value, "flag") for key, value in flags.items() if value is not None]
    values: dict[str, dict[str, Any]] = {table: {} for table in ("", *TABLES)}
    origins = dict.fromkeys(SETTINGS, "default")
    faults = []
    for each in found:
        if isinstance(each, str):
            faults.append(each)
            continue
        try:
            table, _, name = each.path.rpartition(".")
            values[table][name] = each.take()
            if each.is_change and each.value == UNSET:
                del values[table][name]  # the default counts
            origins[each.path] = each.origin
        except BadConfiguration as error:
            faults.append(str(error))
    files = AddressFiles(values[""], origins, elsewhere=elsewhere)
    faults += map(_one_line, files.take_over(lambda name, value, origin: _Given(name, value, origin).take()))
    if faults:
        raise BadConfiguration(*faults)
    tables: dict[str, Any] = {name: record(**values[name]) for name, record in TABLES.items()}
    config = Config(**values[""], **tables)
    return Loaded(config, origins, (*files.warnings(path, config.source, config.sinks), *spoilt), changes)


def variable(path: str) -> str:
    """Name the environment's variable for a setting."""
    return PREFIX + path.upper().replace(".", "_")


def _from_file(path: Path) -> Iterator[_Given | str]:
    """Give settings and faults of a file, in the order of its lines."""
    text = _text(path)
    try:
        document, lines = tomllib.loads(text), key_lines(text)
    except RecursionError as error:
        raise BadConfiguration(_fault(path, "not TOML that can be read: nested too deeply")) from error
    except ValueError as error:
        raise BadConfiguration(_fault(path, f"not TOML: {error}")) from error
    for key, line in lines.items():
        origin, table, name = f"{path} line {line}", "".join(key[:-1]), key[-1]
        holder = document[table] if table in TABLES else None if table else document
        if not isinstance(holder, dict):
            continue  # a fault that the line of the table tells
        value, setting = holder[name], ".".join(key)
        if setting in TABLES:
            if not isinstance(value, dict):
                yield _fault(origin, f"{name}: found {_described(value)}; this is a table: [{name}]")
        elif setting in SETTINGS and "." not in name:  # a quoted key may hold a dot
            yield _Given(setting, value, origin)
        else:
            yield _fault(origin, _unknown(table, name))


def _from_changes(path: Path | None, spoilt: list[str]) -> Iterator[_Given]:
    """Give what was changed at run time; what is wrong with the file goes to ``spoilt``, and the rest counts."""
    if path is None or not os.path.lexists(path):
        return
    try:
        found = list(_from_file(path))
    except BadConfiguration as error:
        spoilt.append(f"{error}; what was changed at run time is left out")
        return
    for each in found:
        try:
            if isinstance(each, str) or each.path not in CHANGEABLE.values():
                raise BadConfiguration(
                    each if isinstance(each, str) else f"{each.origin}: {each.path}: is not kept here"
                )
            change = replace(each, is_change=True)
            change.take()
            yield change
        except BadConfiguration as error:
            spoilt.append(f"{error}; it is left out")


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise BadConfiguration(_fault(path, f"cannot be read ({getattr(error, 'strerror', None) or error})")) from error
    if len(data) > MAX_BYTES:
        raise BadConfiguration(_fault(path, f"larger than {MAX_BYTES:,} bytes; that is no configuration"))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        said = f"not UTF-8 (byte 0x{data[error.start]:02x})"
        raise BadConfiguration(_fault(f"{path} line {line}", said)) from error


def key_lines(text: str) -> dict[Key, int]:
    """Find the line, from 1, where each table and key of a good TOML document first appears.

    ``tomllib`` does not tell: the document is parsed statement by statement.
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


def _from_environment(environment: Mapping[str, str]) -> Iterator[_Given | str]:
    """Give settings and faults; an empty value is none, and a name that is nearly one of ours is a fault."""
    paths = {variable(path): path for path in SETTINGS}
    for name, text in sorted(environment.items()):
        if not text.strip() or not name.startswith(PREFIX):
            continue
        if name in paths:
            yield _Given(paths[name], text.strip(), f"environment {name}", is_text=True)
        elif meant := _meant(name):
            yield _fault(f"environment {name}", f"there is no such setting; did you mean {meant}?")


def _meant(name: str) -> str | None:
    """Guess the variable that was meant: any in one of our tables, else one that is nearly so; or None."""
    wholes = {path.replace(".", "_"): path for path in SETTINGS}
    leaves = {path.rpartition(".")[2]: path for path in SETTINGS}
    names = leaves | wholes
    close = suggest(name.removeprefix(PREFIX), list(names), 0.0 if name.startswith(_OUR_TABLES) else _LIKENESS)
    return None if close is None else variable(names[close])


def _unknown(table: str, name: str) -> str:
    """Word that a table (empty: the top) has no such setting, which was meant, and which there are."""
    places = [path.rpartition(".")[::2] for path in SETTINGS]
    here = {leaf: leaf for holder, leaf in places if holder == table}
    if not table:
        here |= {holder: f"[{holder}]" for holder, _ in places if holder}
    guess = here.get(suggest(name, list(here)) or "")
    for holder in (holder for holder, leaf in places if leaf == name):
        guess = f"{name} in [{holder}]" if holder else f"{name} above the first [table]"
    path, holds = (f"{table}.{name}", f"[{table}]") if table else (name, "The file")
    meant = f"did you mean {guess}? " if guess else ""
    return f"{path}: there is no such setting; {meant}{holds} has {', '.join(here.values())}"


def _fault(origin: object, text: str) -> str:
    """Join place and text to one line."""
    return _one_line(f"{origin}: {text}")


def _one_line(text: str) -> str:
    """Make a fault fit for a terminal: printable, not too long, without passwords and tokens."""
    line = without_secrets(text)
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line[:_LONGEST_LINE])
    return shown if len(line) <= _LONGEST_LINE else f"{shown}..."


def _described(value: Any) -> str:
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
        return f"a list with {_described(odd[0])} in it" if odd else "a list" if value else "an empty list"
    return "a table" if isinstance(value, dict) else "a date or time"
