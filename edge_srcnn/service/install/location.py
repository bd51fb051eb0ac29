"""Find where this program lies, and whether the service's own user can run it from there."""

import os
import stat
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

import edge_srcnn
from edge_srcnn.errors import Unavailable

HIDDEN = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))
"""What ProtectHome and PrivateTmp hide from the service."""


def command() -> Path:
    """Find the ``edge-srcnn`` of the environment that runs now.

    Raises
    ------
    Unavailable
        There is none: the package is not installed, or for one user only.
    """
    folders = [Path(sysconfig.get_path("scripts")), Path(sys.prefix, "bin")]
    for folder in folders:
        if os.access(folder / "edge-srcnn", os.X_OK):
            return folder / "edge-srcnn"
    raise Unavailable(f"{folders[0]}: no edge-srcnn there that a service can run; install it with pip in a venv")


def hidden_folders() -> list[Path]:
    """List what the command needs of hidden places: a venv, its base Python, an editable install."""
    hidden = {path for path in _needed() if any(path.is_relative_to(place) for place in HIDDEN)}
    return sorted(path for path in hidden if not any(path != other and path.is_relative_to(other) for other in hidden))


def require_open() -> None:
    """Make sure that a user without rights of his own can come at the program.

    Raises
    ------
    Unavailable
        A folder on the way is closed; it is named.
    """
    shown = hidden_folders()
    for path in _needed():
        top = next((folder for folder in shown if path.is_relative_to(folder)), Path("/"))
        for folder in (path, *path.parents):
            if folder.is_relative_to(top) and folder.is_dir() and not folder.stat().st_mode & stat.S_IXOTH:
                raise Unavailable(f"{folder}: closed to the service's user; chmod o+rx {folder}")


def _needed() -> Iterable[Path]:
    paths = [Path(sys.prefix), Path(sys.base_prefix), Path(edge_srcnn.__file__).parent.parent]
    return dict.fromkeys([*paths, *(path.resolve() for path in paths)])
