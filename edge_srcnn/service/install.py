"""Install the service for this environment's command, and remove it without a trace."""

import os
import re
import shutil
import stat
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import edge_srcnn
from edge_srcnn.errors import CannotWrite, Unavailable, UsageError
from edge_srcnn.service import systemctl
from edge_srcnn.service.ownership import running_program
from edge_srcnn.system.files import write_whole
from edge_srcnn.system.installation import DEBIAN, how_to_install, installation

TEMPLATE = "edge-srcnn@.service"
SYSUSERS, TMPFILES = "edge-srcnn.sysusers", "edge-srcnn.tmpfiles"
UNITS = "etc/systemd/system"
PLACES = {
    TEMPLATE: f"{UNITS}/{TEMPLATE}",
    SYSUSERS: "etc/sysusers.d/edge-srcnn.conf",
    TMPFILES: "etc/tmpfiles.d/edge-srcnn.conf",
    "60-edge-srcnn-coral.rules": "etc/udev/rules.d/60-edge-srcnn-coral.rules",
}
"""Each file that we ship, and its place below the root."""

CONFIGURATIONS = "etc/edge-srcnn"
EXAMPLE = "edge-srcnn.toml"
"""The commented example, which a new instance begins with."""

DEFAULT = "default"
"""The instance that is meant where no camera is named."""

ROOT = Path("/")
PACKAGED = Path("/usr/lib/systemd/system", TEMPLATE)
"""Where the Debian package has the unit, which then nobody needs to install."""

HIDDEN = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))
"""What ProtectHome and PrivateTmp hide from the service."""

_SHIPPED_COMMAND = "ExecStart=/usr/bin/edge-srcnn "
_HOMES = "TemporaryFileSystem=/home:ro /root:ro /run/user:ro\n"
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
    """Write the unit and what it needs; a configuration that is there stays as it is.

    Parameters
    ----------
    cameras
        Names of instances, each of which gets a configuration; without any, ``default``.
    prefix
        Another place than ``/``: files are written below it, and nothing is run.

    Yields
    ------
    Each step, as it is done.

    Raises
    ------
    UsageError
        A camera's name is none.
    CannotWrite
        We may not write there; root may.
    Unavailable
        This environment holds no command that a service could run, or one of systemd's programs fails.
    """
    for name in cameras:
        if not _NAME.fullmatch(name):
            raise UsageError(f"--camera {name!r}: use letters, digits, '-', '_' and '.', a letter or digit first")
    root = prefix or ROOT
    if prefix is None:
        _require_root("install")
        require_open()
    packaged = prefix is None and is_packaged()
    if packaged:
        yield Step(str(PACKAGED), "packaged")
    for name, place in () if packaged else PLACES.items():
        yield _write(root / place, installed(name))
    for camera in cameras or [DEFAULT]:
        configuration = root / CONFIGURATIONS / f"{camera}.toml"
        yield Step(str(configuration), "kept") if configuration.exists() else _write(configuration, shipped(EXAMPLE))
    if packaged:
        yield _tell("systemd-tmpfiles", "--create", Path(PLACES[TMPFILES]).name)
    elif prefix is None:
        yield _tell("systemd-sysusers", str(root / PLACES[SYSUSERS]))
        yield _tell("systemd-tmpfiles", "--create", str(root / PLACES[TMPFILES]))
        yield from _reload()


def uninstall(*, purge: bool = False, prefix: Path | None = None) -> Iterator[Step]:
    """Stop all instances and remove what ``install`` wrote.

    Parameters
    ----------
    purge
        Remove also configurations, recordings, drop-ins of the unit, and the service's user.
    prefix
        Another place than ``/``: nothing is stopped or run.

    Yields
    ------
    Each step, as it is done.

    Raises
    ------
    CannotWrite
        We may not remove that; root may.
    Unavailable
        systemd refuses.
    UsageError
        The service is the Debian package's, and none was installed beside it.
    """
    root = prefix or ROOT
    if prefix is None:
        _require_root("uninstall")
        if is_packaged():
            yield from _uncover()
            return
        if systemctl.is_running() and (root / PLACES[TEMPLATE]).exists():
            systemctl.tell("systemctl", "stop", systemctl.INSTANCES)
            yield Step("the service", "stopped")
    units = root / UNITS
    doomed = [link for link in units.glob(_ENABLED) if link.is_symlink()]
    doomed += [root / place for place in PLACES.values()]
    if purge:
        doomed += [*units.glob(_DROP_INS), *(root / place for place in _PURGED)]
    removed = [Step(str(path), "removed") for path in doomed if _remove(path)]
    yield from removed
    if prefix is None and removed:
        yield from _reload()
        if purge and systemctl.is_running():
            yield _tell("userdel", "edge-srcnn", optional=True)


def is_packaged() -> bool:
    """Tell whether this copy is the Debian package's, which brings the unit with it."""
    return installation().kind == DEBIAN


def shipped(name: str) -> str:
    """Read a file as we ship it; ``Unavailable`` where it is not in this installation."""
    package = Path(edge_srcnn.__file__).parent
    for folder in (package / "systemd", package.parent / "systemd"):  # a wheel's, the repository's
        if (folder / name).is_file():
            return (folder / name).read_text(encoding="utf-8")
    raise Unavailable(f"{name}: missing in this installation; {how_to_install('edge-srcnn', again=True)}")


def installed(name: str) -> str:
    """Read a file as it would be installed: the unit starts this environment's command, wherever that lies."""
    text = shipped(name)
    return adapted(text, command(), hidden_folders()) if name == TEMPLATE else text


def adapted(unit: str, program: Path, hidden: Sequence[Path]) -> str:
    """Let a unit start ``program``, and show the ``hidden`` folders to it."""
    shown = "".join(f"BindReadOnlyPaths={_word(path, colons=True)}\n" for path in hidden)
    return unit.replace(_SHIPPED_COMMAND, f"ExecStart={_word(program)} ").replace(_HOMES, _HOMES + shown)


def unit_file(name: str) -> str:
    """Find the file that is meant by ``edge-srcnn``, ``edge-srcnn@front``, or its own name; ``UsageError``: none is."""
    if name in PLACES:
        return name
    if name.removesuffix(".service").partition("@")[0] == "edge-srcnn":
        return TEMPLATE
    raise UsageError(f"{name}: no file of ours; there are {', '.join(PLACES)}")


def command() -> Path:
    """Find the ``edge-srcnn`` of the environment that runs now; ``Unavailable`` where a service could run none."""
    if is_packaged():
        return Path("/usr/bin/edge-srcnn")
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
    """Make sure that a user without rights of his own can come at the program; ``Unavailable`` names what is closed."""
    shown = hidden_folders()
    for path in _needed():
        top = next((folder for folder in shown if path.is_relative_to(folder)), Path("/"))
        for folder in (path, *path.parents):
            if folder.is_relative_to(top) and folder.is_dir() and not folder.stat().st_mode & stat.S_IXOTH:
                raise Unavailable(f"{folder}: closed to the service's user; chmod o+rx {folder}")


def warn_of_owner() -> str | None:
    """Warn where others than root can change the program that was installed; None where only root can."""
    found = running_program(command(), Path(edge_srcnn.__file__).parent)
    return None if found is None else found.warning("service install")


def _uncover() -> Iterator[Step]:
    """Remove a unit that was installed before the package was, and hides the package's."""
    removed = [Step(str(path), "removed") for path in (ROOT / place for place in PLACES.values()) if _remove(path)]
    if not removed:
        raise UsageError("the service is the Debian package's: sudo apt remove edge-srcnn, or purge (recordings, too)")
    yield from removed
    yield from _reload()


def _needed() -> Iterable[Path]:
    paths = [Path(sys.prefix), Path(sys.base_prefix), Path(edge_srcnn.__file__).parent.parent]
    return dict.fromkeys([*paths, *(path.resolve() for path in paths)])


def _word(path: Path, *, colons: bool = False) -> str:
    """Quote a path as one word of systemd's syntax; where a colon parts words, escape that, too."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    if colons:
        text = text.replace(":", "\\:")
    return f'"{text}"' if any(character.isspace() for character in text) else text


def _require_root(action: str) -> None:
    if os.geteuid() != 0:
        raise CannotWrite(f"/{UNITS}: only root can write there; sudo {command()} service {action}")


def _write(path: Path, text: str) -> Step:
    data = text.encode()
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
    if systemctl.UDEV.exists():
        yield _tell("udevadm", "control", "--reload")
        yield _tell("udevadm", "trigger", "--subsystem-match=usb", "--subsystem-match=apex")
    else:
        yield Step("udevadm control --reload", "skipped, no udev is running")


def _tell(*words: str, optional: bool = False) -> Step:
    text = " ".join(words)
    if not systemctl.is_running():
        return Step(text, "skipped, no systemd is running")
    try:
        systemctl.tell(*words)
    except Unavailable as error:
        if not optional:
            raise
        return Step(text, f"failed, {error}")
    return Step(text, "done")
