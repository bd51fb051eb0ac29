"""Find what others than root can change of a program that root, or a service, runs."""

import grp
import os
import pwd
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PLACE = "/opt/edge-srcnn"
"""Where README installs it, with root as its owner."""

_ROOT = 0
_MOST_LINKS = 40  # as the kernel has it


@dataclass(frozen=True)
class Changeable:
    """Name a file or folder that others can change, and who.

    Attributes
    ----------
    path
        The topmost of them.
    who
        ``user pi``, ``group staff`` or ``everybody``.
    """

    path: Path
    who: str

    def warning(self, action: str) -> str:
        """Say what follows, and what to do instead.

        Parameters
        ----------
        action
            The command to type again, such as ``service install``.

        Returns
        -------
        One line.
        """
        pip = f"sudo {PLACE}/bin/pip install"
        return (
            f"{self.path}: warning: {self.who} can change it, and so what runs as root now and in the service later; "
            f"install as root instead: sudo python3 -m venv {PLACE} && {pip} -r requirements/runtime.txt && "
            f"{pip} --no-deps . && sudo {PLACE}/bin/edge-srcnn {action}"
        )


def find_changeable(program: Iterable[Path], trees: Iterable[Path] = ()) -> Changeable | None:
    """Find the first thing that others than root can change.

    Parameters
    ----------
    program
        Files and folders: they count, and every folder above them, also where links lead to.
    trees
        Folders of which all that is in them counts, too.

    Returns
    -------
    The topmost of them; None where only root can change anything.
    """
    folders = tuple(trees)
    for path in (*program, *folders):
        for each in _on_the_way(path.absolute()):
            if (found := _changeable(each)) is not None:
                return found
    for folder in folders:
        for place, names, files in os.walk(folder):
            for name in (*names, *files):
                if (found := _changeable(Path(place, name))) is not None:
                    return found
    return None


def running_program(command: Path, package: Path) -> Changeable | None:
    """Find the first thing that others can change of the program that runs now: command, interpreter, packages."""
    own = [Path(sys.prefix)] if sys.prefix != sys.base_prefix else []  # of a venv all, of the system's Python its place
    return find_changeable([command, Path(sys.executable), Path(sys.base_prefix), Path(os.__file__)], [package, *own])


def _on_the_way(path: Path) -> Iterator[Path]:
    """Give a path and the folders above it from the top down, then those where its links lead to."""
    seen = {path}
    for _ in range(_MOST_LINKS):
        steps = [*reversed(path.parents), path]
        yield from steps
        link = next((step for step in steps if step.is_symlink()), None)
        if link is None:
            return
        target = link.parent / os.readlink(link)
        path = Path(os.path.normpath(target / path.relative_to(link)))
        if path in seen:
            return
        seen.add(path)


def _changeable(path: Path) -> Changeable | None:
    try:
        found = path.lstat()
    except OSError:  # it is not there: then its folder counts
        return None
    if stat.S_ISLNK(found.st_mode):  # who may write its folder may change it
        return None
    if found.st_uid != _ROOT:
        return Changeable(path, f"user {_user(found.st_uid)}")
    if stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX:  # each may only change what is his own
        return None
    if found.st_mode & stat.S_IWOTH:
        return Changeable(path, "everybody")
    if found.st_mode & stat.S_IWGRP and found.st_gid != _ROOT:
        return Changeable(path, f"group {_group(found.st_gid)}")
    return None


def _user(number: int) -> str:
    with suppress(KeyError):
        return pwd.getpwuid(number).pw_name
    return str(number)


def _group(number: int) -> str:
    with suppress(KeyError):
        return grp.getgrgid(number).gr_name
    return str(number)
