"""Put a configuration together: defaults, then a file, then the environment, then flags."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edge_srcnn.errors import BadConfiguration, EdgeSrcnnError, suggest
from edge_srcnn.service.config.faults import describe, fault, refusal, unknown
from edge_srcnn.service.config.key_lines import key_lines
from edge_srcnn.service.config.settings import SETTINGS, TABLES, Config

PREFIX = "EDGE_SRCNN_"
"""Of the environment's names for settings."""
MAX_BYTES = 1_000_000
DEFAULT, FLAG = "default", "flag"
NOTHING: Mapping[str, Any] = MappingProxyType({})

_LIKENESS = 0.75
_OUR_TABLES = tuple(f"{PREFIX}{table.upper()}_" for table in TABLES)


@dataclass(frozen=True)
class Loaded:
    """Hold a configuration that is good.

    Attributes
    ----------
    origins
        Key path, such as ``enhance.scale``, to ``default``, ``FILE line 7``, ``environment EDGE_SRCNN_ENHANCE_SCALE``
        or ``flag``.
    """

    config: Config
    origins: Mapping[str, str]


@dataclass(frozen=True)
class _Given:
    path: str
    value: Any
    origin: str
    is_text: bool = False  # of the environment

    def take(self) -> Any:
        setting = SETTINGS[self.path]
        return setting.read(self.value) if self.is_text else setting.take(self.value)


def load_config(
    path: Path | None, environment: Mapping[str, str] = os.environ, flags: Mapping[str, Any] = NOTHING
) -> Loaded:
    """Read and check the configuration; nothing is opened but the file.

    Parameters
    ----------
    path
        A TOML file, or None for none.
    environment
        ``EDGE_SRCNN_ENHANCE_SCALE=3`` and its like override the file.
    flags
        Key path to value; they override the environment. None means that a flag was not given.

    Raises
    ------
    BadConfiguration
        With the first fault as its text, and the others in ``others``.
    """
    found: list[_Given | str] = [*([] if path is None else _from_file(path)), *_from_environment(environment)]
    found += [_Given(key, value, FLAG) for key, value in flags.items() if value is not None]
    values: dict[str, dict[str, Any]] = {table: {} for table in ("", *TABLES)}
    origins = dict.fromkeys(SETTINGS, DEFAULT)
    faults = []
    for each in found:
        if isinstance(each, str):
            faults.append(each)
            continue
        try:
            table, _, name = each.path.rpartition(".")
            values[table][name] = each.take()
            origins[each.path] = each.origin
        except (ValueError, EdgeSrcnnError) as error:
            faults.append(refusal(each.origin, each.path, each.value, error))
    if faults:
        raise BadConfiguration(*faults)
    tables: dict[str, Any] = {name: record(**values[name]) for name, record in TABLES.items()}
    return Loaded(Config(**values[""], **tables), origins)


def variable(path: str) -> str:
    """Name the environment's variable for a setting."""
    return PREFIX + path.upper().replace(".", "_")


def _from_file(path: Path) -> Iterator[_Given | str]:
    """Give settings and faults of a file, in the order of its lines."""
    text = _text(path)
    try:
        document, lines = tomllib.loads(text), key_lines(text)
    except RecursionError as error:
        raise BadConfiguration(fault(path, "not TOML that can be read: nested too deeply")) from error
    except ValueError as error:
        raise BadConfiguration(fault(path, f"not TOML: {error}")) from error
    for key, line in lines.items():
        origin, table, name = f"{path} line {line}", "".join(key[:-1]), key[-1]
        holder = document[table] if table in TABLES else None if table else document
        if not isinstance(holder, dict):
            continue  # a fault that the line of the table tells
        value, setting = holder[name], ".".join(key)
        if setting in TABLES:
            if not isinstance(value, dict):
                yield fault(origin, f"{name}: found {describe(value)}; this is a table: [{name}]")
        elif setting in SETTINGS and "." not in name:  # a quoted key may hold a dot
            yield _Given(setting, value, origin)
        else:
            yield unknown(origin, table, name, SETTINGS)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise BadConfiguration(fault(path, f"cannot be read ({getattr(error, 'strerror', None) or error})")) from error
    if len(data) > MAX_BYTES:
        raise BadConfiguration(fault(path, f"larger than {MAX_BYTES:,} bytes; that is no configuration"))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadConfiguration(fault(f"{path} line {line}", f"not UTF-8 (byte 0x{data[error.start]:02x})")) from error


def _from_environment(environment: Mapping[str, str]) -> Iterator[_Given | str]:
    """Give settings and faults; an empty value is none, and a name that is nearly one of ours is a fault."""
    paths = {variable(path): path for path in SETTINGS}
    for name, text in sorted(environment.items()):
        if not text.strip() or not name.startswith(PREFIX):
            continue
        if name in paths:
            yield _Given(paths[name], text.strip(), f"environment {name}", is_text=True)
        elif meant := _meant(name):
            yield fault(f"environment {name}", f"there is no such setting; did you mean {meant}?")


def _meant(name: str) -> str | None:
    """Guess the variable that was meant: any in one of our tables, else one that is nearly so; or None."""
    wholes = {path.replace(".", "_"): path for path in SETTINGS}
    leaves = {path.rpartition(".")[2]: path for path in SETTINGS}
    names = leaves | wholes
    close = suggest(name.removeprefix(PREFIX), list(names), 0.0 if name.startswith(_OUR_TABLES) else _LIKENESS)
    return None if close is None else variable(names[close])
