"""Keep what was changed while the service runs: a file of its own, which is read after the configuration."""

import json
import os
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_srcnn.errors import Conflict
from edge_srcnn.system.files import write_whole

CHANGEABLE = {
    "model": "enhance.model",
    "strength": "enhance.strength",
    "temporal": "enhance.temporal",
    "roi": "enhance.roi",
    "rotate": "transform.rotate",
    "hflip": "transform.hflip",
    "vflip": "transform.vflip",
    "crop": "transform.crop",
    "fps": "transform.fps",
    "keep_fps": "enhance.keep_fps",
    "name": "service.name",
    "recording": "service.recording",
}
"""Names of what can be changed, and their key paths in the configuration."""

UNSET = ""
"""In the file: the setting is not set, whatever the configuration says."""

_INSTALLED, _STATES = Path("/etc/edge-srcnn"), Path("/var/lib/edge-srcnn")
_HEAD = """# Written by edge-srcnn when settings were changed while it ran, and kept; read after the
# configuration, so what is here comes first. Remove a line, or this file, to undo that.
"""


def changes_file(config: Path | None, environment: Mapping[str, str] = os.environ) -> Path | None:
    """Name the file that changes are kept in; None where there is no configuration.

    Parameters
    ----------
    config
        The configuration. That of an installed service belongs to root, so its changes are in the service's folder.
    environment
        ``STATE_DIRECTORY`` is that folder, where systemd runs us; else the file is beside the configuration.

    Returns
    -------
    The file, whether it is there or not.
    """
    if config is None:
        return None
    state = environment.get("STATE_DIRECTORY", "").partition(":")[0]
    beside = _STATES / config.stem if config.parent == _INSTALLED else config.parent
    return (Path(state) if state else beside) / f"{config.stem}.changes.toml"


@dataclass(frozen=True)
class Changes:
    """Write changes where the next start finds them.

    Attributes
    ----------
    file
        Where; None: nowhere.
    origins
        Where each setting came from, as ``Loaded`` has it.
    """

    file: Path | None = None
    origins: Mapping[str, str] | None = None

    def check(self, names: Mapping[str, Any]) -> None:
        """Refuse, with ``Conflict``, to keep what the next start would not heed."""
        if self.file is None:
            raise Conflict("changes cannot be kept: there is no configuration; run with --config FILE")
        for name in names:
            origin = (self.origins or {}).get(CHANGEABLE[name], "")
            if origin == "flag" or origin.startswith("environment"):
                shown = "the command line" if origin == "flag" else f"the {origin}"
                raise Conflict(f"{name}: cannot be kept, since {shown} says it at each start")

    def write(self, changes: Mapping[str, Any]) -> None:
        """Add settings, by key path, to those that are kept already; None: not set. ``CannotWrite``."""
        if self.file is None or not changes:
            return
        kept: dict[str, dict[str, Any]] = {}
        with suppress(OSError, ValueError, RecursionError):  # what cannot be read is written anew
            kept = tomllib.loads(self.file.read_text(encoding="utf-8"))
        for path, value in changes.items():
            table, _, name = path.partition(".")
            if not isinstance(kept.get(table), dict):
                kept[table] = {}
            kept[table][name] = UNSET if value is None else value
        lines = [_HEAD]
        for table, values in kept.items():
            found = [f"{name} = {_toml(each)}\n" for name, each in values.items() if f"{table}.{name}" in _PATHS]
            lines += [f"\n[{table}]\n", *found] if found else []
        write_whole(self.file, "".join(lines).encode(), overwrite=True)


_PATHS = frozenset(CHANGEABLE.values())


def _toml(value: Any) -> str:
    """Write a number, true or false, or a text as TOML does: as JSON, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
