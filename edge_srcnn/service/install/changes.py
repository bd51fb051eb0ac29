"""Install the service, and remove it without a trace."""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_srcnn.errors import CannotWrite, Unavailable, UsageError
from edge_srcnn.service.install import systemctl
from edge_srcnn.service.install.location import command, require_open
from edge_srcnn.service.install.units import CONFIGURATIONS, EXAMPLE, PLACES, TEMPLATE, installed, shipped
from edge_srcnn.system.files import write_whole

ROOT = Path("/")
USER = "edge-srcnn"
DEFAULT = "default"
"""The instance that is meant where no camera is named."""

_UNITS = "etc/systemd/system"
_ENABLED = f"*/{systemctl.INSTANCES}"  # links in multi-user.target.wants and its like
_DROP_INS = f"{systemctl.INSTANCES}.d"
_PURGED = (CONFIGURATIONS, "var/lib/edge-srcnn", "var/cache/edge-srcnn")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
_FILE_MODE = 0o644


@dataclass(frozen=True)
class Step:
    """Tell what was done, or not: a file or command, and what became of it."""

    what: str
    result: str


def install(cameras: Sequence[str] = (), *, prefix: Path | None = None) -> Iterator[Step]:
    """Write the unit and what it needs, each step as it is done; a configuration that is there stays as it is.

    Parameters
    ----------
    cameras
        Names of instances, each of which gets a configuration; without any, ``default``.
    prefix
        Another place than ``/``: files are written below it, and nothing is run.

    Raises
    ------
    UsageError
        A camera's name is none.
    CannotWrite
        We may not write there; root may.
    Unavailable
        This environment holds no command that a service could run, or one of systemd's programs fails.
    """
    for camera in cameras:
        check_camera(camera)
    root = prefix or ROOT
    if prefix is None:
        _require_root("install")
        require_open()
    for name, place in PLACES.items():
        yield _write(root / place, installed(name), keep=False)
    for camera in cameras or [DEFAULT]:
        yield _write(root / CONFIGURATIONS / f"{camera}.toml", shipped(EXAMPLE), keep=True)
    if prefix is None:
        yield _tell("systemd-sysusers", str(root / PLACES["edge-srcnn.sysusers"]))
        yield _tell("systemd-tmpfiles", "--create", str(root / PLACES["edge-srcnn.tmpfiles"]))
        yield from _reload()


def uninstall(*, purge: bool = False, prefix: Path | None = None) -> Iterator[Step]:
    """Stop all instances and remove what ``install`` wrote, each step as it is done.

    Parameters
    ----------
    purge
        Remove also configurations, recordings, drop-ins of the unit, and the service's user.
    prefix
        Another place than ``/``: nothing is stopped or run.

    Raises
    ------
    CannotWrite
        We may not remove that; root may.
    Unavailable
        systemd refuses.
    """
    root = prefix or ROOT
    if prefix is None:
        _require_root("uninstall")
        if systemctl.is_running() and (root / PLACES[TEMPLATE]).exists():
            systemctl.tell("systemctl", "stop", systemctl.INSTANCES)
            yield Step("the service", "stopped")
    units = root / _UNITS
    doomed = [link for link in units.glob(_ENABLED) if link.is_symlink()]
    doomed += [root / place for place in PLACES.values()]
    if purge:
        doomed += [*units.glob(_DROP_INS), *(root / place for place in _PURGED)]
    removed = [Step(str(path), "removed") for path in doomed if _remove(path)]
    yield from removed
    if prefix is None and removed:
        yield from _reload()
        if purge and systemctl.is_running():
            yield _tell("userdel", USER, optional=True)


def check_camera(name: str) -> None:
    """Refuse a name that cannot be that of an instance and of a file.

    Raises
    ------
    UsageError
        It cannot.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"--camera {name!r}: use letters, digits, '-', '_' and '.', a letter or digit first")


def _require_root(action: str) -> None:
    if os.geteuid() != 0:
        raise CannotWrite(f"/{_UNITS}: only root can write there; sudo {command()} service {action}")


def _write(path: Path, text: str, *, keep: bool) -> Step:
    data = text.encode()
    if keep and path.exists():
        return Step(str(path), "kept")
    if not path.is_symlink() and path.is_file() and path.read_bytes() == data:
        return Step(str(path), "unchanged")
    write_whole(path, data, overwrite=True)
    path.chmod(_FILE_MODE)  # whatever root's umask: systemd's programs and the service read it
    return Step(str(path), "written")


def _remove(path: Path) -> bool:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise CannotWrite(f"{path}: cannot be removed ({error.strerror})") from error
    return True


def _reload() -> Iterator[Step]:
    yield _tell("systemctl", "daemon-reload")
    if systemctl.udev_is_running():
        yield _tell("udevadm", "control", "--reload")
        yield _tell("udevadm", "trigger", "--subsystem-match=usb", "--subsystem-match=apex")
    else:
        yield Step("udevadm control --reload", "skipped, no udev is running")


def _tell(*command: str, optional: bool = False) -> Step:
    words = " ".join(command)
    if not systemctl.is_running():
        return Step(words, "skipped, no systemd is running")
    try:
        systemctl.tell(*command)
    except Unavailable as error:
        if not optional:
            raise
        return Step(words, f"failed, {error}")
    return Step(words, "done")
