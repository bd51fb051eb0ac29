"""The files that make a service: what they hold here, and where they go."""

from collections.abc import Sequence
from pathlib import Path

import edge_srcnn
from edge_srcnn.errors import Unavailable, UsageError
from edge_srcnn.service.install.location import command, hidden_folders

PLACES = {
    "edge-srcnn.service": "etc/systemd/system/edge-srcnn.service",
    "edge-srcnn@.service": "etc/systemd/system/edge-srcnn@.service",
    "edge-srcnn.sysusers": "etc/sysusers.d/edge-srcnn.conf",
    "edge-srcnn.tmpfiles": "etc/tmpfiles.d/edge-srcnn.conf",
    "60-edge-srcnn-coral.rules": "etc/udev/rules.d/60-edge-srcnn-coral.rules",
}
"""Each file that we ship, and its place below the root."""

CONFIGURATIONS = "etc/edge-srcnn"
EXAMPLE = "edge-srcnn.toml"
"""The commented example; the configuration of ``edge-srcnn.service`` is called the same."""

_SHIPPED_COMMAND = "ExecStart=/usr/bin/edge-srcnn "
_HOMES = "TemporaryFileSystem=/home:ro /root:ro /run/user:ro\n"


def shipped(name: str) -> str:
    """A file as we ship it.

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
    """A file as it would be installed: units start this environment's command, and see it wherever it lies.

    Raises
    ------
    Unavailable
        The file or the command is missing.
    """
    text = shipped(name)
    return adapted(text, command(), hidden_folders()) if name.endswith(".service") else text


def adapted(unit: str, program: Path, hidden: Sequence[Path]) -> str:
    """A unit that starts ``program``, for which the ``hidden`` folders are shown to the service."""
    unit = unit.replace(_SHIPPED_COMMAND, f"ExecStart={_word(program)} ")
    shown = "".join(f"BindReadOnlyPaths={_word(path, colons=True)}\n" for path in hidden)
    return unit.replace(_HOMES, _HOMES + shown)


def unit_file(name: str) -> str:
    """The file that is meant by ``edge-srcnn``, ``edge-srcnn@front``, or its own name.

    Raises
    ------
    UsageError
        None is.
    """
    stem = name.removesuffix(".service")
    unit = f"{stem.partition('@')[0]}@.service" if "@" in stem else f"{stem}.service"
    for candidate in (name, unit):
        if candidate in PLACES:
            return candidate
    raise UsageError(f"{name}: no file of ours; there are {', '.join(PLACES)}")


def _word(path: Path, *, colons: bool = False) -> str:
    """A path as one word of systemd's syntax; where a colon parts words, also escape that."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    if colons:
        text = text.replace(":", "\\:")
    return f'"{text}"' if any(character.isspace() for character in text) else text
