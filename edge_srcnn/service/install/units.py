"""Adapt the files that make a service to where this program lies."""

from collections.abc import Sequence
from pathlib import Path

import edge_srcnn
from edge_srcnn.errors import Unavailable, UsageError
from edge_srcnn.service.install.location import command, hidden_folders

TEMPLATE = "edge-srcnn@.service"
PLACES = {
    TEMPLATE: f"etc/systemd/system/{TEMPLATE}",
    "edge-srcnn.sysusers": "etc/sysusers.d/edge-srcnn.conf",
    "edge-srcnn.tmpfiles": "etc/tmpfiles.d/edge-srcnn.conf",
    "60-edge-srcnn-coral.rules": "etc/udev/rules.d/60-edge-srcnn-coral.rules",
}
"""Each file that we ship, and its place below the root."""

CONFIGURATIONS = "etc/edge-srcnn"
EXAMPLE = "edge-srcnn.toml"
"""The commented example, which a new instance begins with."""

_SHIPPED_COMMAND = "ExecStart=/usr/bin/edge-srcnn "
_HOMES = "TemporaryFileSystem=/home:ro /root:ro /run/user:ro\n"


def shipped(name: str) -> str:
    """Read a file as we ship it.

    Raises
    ------
    Unavailable
        It is not in this installation.
    """
    package = Path(edge_srcnn.__file__).parent
    for folder in (package / "systemd", package.parent / "systemd"):  # a wheel's, the repository's
        if (folder / name).is_file():
            return (folder / name).read_text(encoding="utf-8")
    raise Unavailable(f"{name}: missing in this installation; pip install --force-reinstall edge-srcnn")


def installed(name: str) -> str:
    """Read a file as it would be installed: the unit starts this environment's command, wherever that lies.

    Raises
    ------
    Unavailable
        The file or the command is missing.
    """
    text = shipped(name)
    return adapted(text, command(), hidden_folders()) if name == TEMPLATE else text


def adapted(unit: str, program: Path, hidden: Sequence[Path]) -> str:
    """Let a unit start ``program``, and show the ``hidden`` folders to it."""
    unit = unit.replace(_SHIPPED_COMMAND, f"ExecStart={_word(program)} ")
    shown = "".join(f"BindReadOnlyPaths={_word(path, colons=True)}\n" for path in hidden)
    return unit.replace(_HOMES, _HOMES + shown)


def unit_file(name: str) -> str:
    """Find the file that is meant by ``edge-srcnn``, ``edge-srcnn@front``, or its own name.

    Raises
    ------
    UsageError
        None is.
    """
    if name in PLACES:
        return name
    if name.removesuffix(".service").partition("@")[0] == "edge-srcnn":
        return TEMPLATE
    raise UsageError(f"{name}: no file of ours; there are {', '.join(PLACES)}")


def _word(path: Path, *, colons: bool = False) -> str:
    """Quote a path as one word of systemd's syntax; where a colon parts words, escape that, too."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    if colons:
        text = text.replace(":", "\\:")
    return f'"{text}"' if any(character.isspace() for character in text) else text
