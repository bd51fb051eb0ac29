"""The configuration: defaults, then a file, then the environment, then flags; checked, and with its origins."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edge_srcnn.errors import BadConfiguration, EdgeSrcnnError
from edge_srcnn.service.config.environment import from_environment
from edge_srcnn.service.config.file import from_file
from edge_srcnn.service.config.findings import Given, Problem, refusal
from edge_srcnn.service.config.settings import SETTINGS, TABLES, Config

DEFAULT, FLAG = "default", "flag"
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Loaded:
    """A configuration that is good.

    Attributes
    ----------
    origins
        Key path, such as ``enhance.scale``, to ``default``, ``FILE line 7``, ``environment EDGE_SRCNN_ENHANCE_SCALE``
        or ``flag``.
    """

    config: Config
    origins: Mapping[str, str]


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
        With the first mistake as its text, and the others in ``others``.
    """
    found = [
        *(() if path is None else from_file(path)),
        *from_environment(environment),
        *(Given(key, value, FLAG) for key, value in flags.items() if value is not None),
    ]
    values = {key: setting.default for key, setting in SETTINGS.items()}
    origins = dict.fromkeys(SETTINGS, DEFAULT)
    problems = list(_overlay(found, values, origins))
    if problems:
        raise BadConfiguration(*map(str, problems))
    return Loaded(_built(values), origins)


def _overlay(found: Iterable[Given | Problem], values: dict[str, Any], origins: dict[str, str]) -> Iterator[Problem]:
    """Put what was found over ``values``; what is wrong with it comes out, in the same order."""
    for each in found:
        if isinstance(each, Problem):
            yield each
            continue
        try:
            values[each.path] = SETTINGS[each.path].take(each.value)
            origins[each.path] = each.origin
        except (ValueError, EdgeSrcnnError) as error:
            yield refusal(each.path, each.value, each.origin, error)


def _built(values: Mapping[str, Any]) -> Config:
    tables: dict[str, Any] = {
        table: kind(**{each.name: values[f"{table}.{each.name}"] for each in fields(kind)})
        for table, kind in TABLES.items()
    }
    return Config(**{name: value for name, value in values.items() if "." not in name}, **tables)
