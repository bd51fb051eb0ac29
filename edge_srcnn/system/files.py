"""Write files that appear whole or not at all."""

import errno
import fcntl
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from edge_srcnn.errors import CannotWrite, EdgeSrcnnError, OutputExists, reason

_CREDENTIALS = "/run/credentials/"
_NEW_FILE_MODE, _PRIVATE_MODE = 0o666, 0o600
_PARTIAL = re.compile(r"\..*\.[0-9a-f]{8}\.part", re.DOTALL)
_LOCKING_S = 0.1
_KINDS = {stat.S_IFDIR: "folder", stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket", stat.S_IFLNK: "link"}
_EFFECTIVE = os.access in os.supports_effective_ids
_NAME_CHARACTERS = 50  # of up to 4 bytes each; a file system's names hold 255 bytes


@contextmanager
def whole_file(path: Path, *, overwrite: bool = False, private: bool = False) -> Iterator[BinaryIO]:
    """Write into a temporary neighbour of ``path``, which takes its name when all of it is on the disk.

    Missing folders are made. On any error, an interruption included, the neighbour is removed and ``path``
    is what it was.

    Parameters
    ----------
    path
        The file in the end.
    overwrite
        Replace one that is there.
    private
        Nobody else may read it, from its first byte on.

    Yields
    ------
    The neighbour, open for writing.

    Raises
    ------
    OutputExists
        ``path`` is there, and ``overwrite`` is False.
    CannotWrite
        The system refuses: full disk, no permission, a folder in the way.
    """
    try:
        if path.is_dir():
            raise CannotWrite(f"{path}: is a folder; name a file")
        if os.path.lexists(path) and not overwrite:
            raise OutputExists(f"{path}: exists already; give --overwrite to replace it")
        path.parent.mkdir(parents=True, exist_ok=True)
        # it has its name before it is there, so that a signal at any moment finds it
        partial = path.with_name(f".{path.name[:_NAME_CHARACTERS]}.{token_hex(4)}.part")
        try:
            mode = _PRIVATE_MODE if private else _NEW_FILE_MODE
            with open(partial, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
                with suppress(OSError):  # a file system without locks
                    fcntl.flock(file, fcntl.LOCK_EX)
                yield file
                file.flush()
                os.fchmod(file.fileno(), mode & ~_umask())
                os.fsync(file.fileno())
            give_name(partial, path, overwrite=overwrite)
            _sync_folder(path.parent)
        finally:
            with suppress(FileNotFoundError):
                partial.unlink()
    except EdgeSrcnnError:
        raise
    except OSError as error:
        raise CannotWrite(f"{path}: cannot be written ({reason(error)})") from error


def remove_stale(folder: Path) -> list[Path]:
    """Remove what a killed process left of the files that it was writing into a folder, and name it."""
    removed = []
    for partial in folder.glob(".*.part"):
        if _PARTIAL.fullmatch(partial.name):
            with suppress(OSError), unwritten(partial):
                partial.unlink()
                removed.append(partial)
    return removed


@contextmanager
def unwritten(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file that nobody writes, and keep others from writing it until the block ends.

    Parameters
    ----------
    path
        Its writer holds a lock, as ``whole_file`` does.

    Yields
    ------
    The file, open for reading.

    Raises
    ------
    OSError
        It is gone meanwhile, not ours to read, being written, or no regular file: a link is not followed, and a FIFO
        or device is not opened.
    """
    if (kind := odd_kind(path)) is not None:
        raise OSError(errno.EINVAL, f"it is a {kind}")
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.fstat(handle).st_size:  # its writer may be about to lock it
            fcntl.flock(file, fcntl.LOCK_UN)
            time.sleep(_LOCKING_S)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield file


def odd_kind(path: str | os.PathLike[str]) -> str | None:
    """Say what stands in the place of a regular file that can be read; None where it is one, and ``OSError``."""
    mode = os.lstat(path).st_mode
    if not stat.S_ISREG(mode):
        return _KINDS.get(stat.S_IFMT(mode), "device")
    return None if os.access(path, os.R_OK, effective_ids=_EFFECTIVE) else "file that cannot be read"


def write_whole(path: Path, data: bytes, *, overwrite: bool = False, private: bool = False) -> None:
    """Write ``data`` as ``whole_file`` does."""
    with whole_file(path, overwrite=overwrite, private=private) as file:
        file.write(data)


def give_name(partial: Path, path: Path, *, overwrite: bool) -> None:
    """Rename a finished file; ``OutputExists`` where ``path`` is there, and ``overwrite`` is False."""
    if overwrite:
        os.replace(partial, path)
        return
    try:
        os.link(partial, path)  # unlike a rename, this cannot replace a file that came up meanwhile
    except FileExistsError as error:
        raise OutputExists(f"{path}: exists already; give --overwrite to replace it") from error
    except OSError:
        if not os.path.lexists(partial):  # its folder is gone, or its disk is not mounted any more
            raise
        _replace_nothing(partial, path)
    else:
        partial.unlink()


def _replace_nothing(partial: Path, path: Path) -> None:
    """Rename on a file system without hard links, such as FAT: an empty file keeps the name for it."""
    try:
        path.open("xb").close()
    except FileExistsError as error:
        raise OutputExists(f"{path}: exists already; give --overwrite to replace it") from error
    try:
        os.replace(partial, path)
    except OSError:
        path.unlink()
        raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def cure_of_shared_file(path: str) -> str | None:
    """Say how to keep a secret from others who can read the file that holds it.

    A group may read what belongs to somebody else: that is how root lets a service read a file. What systemd hands to
    a service as a credential is kept by systemd.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    A command, or None: nobody else can read it.
    """
    with suppress(OSError):
        if os.path.abspath(path).startswith(_CREDENTIALS):
            return None
        found = os.stat(path)
        own = found.st_uid == os.geteuid()
        if found.st_mode & (stat.S_IRWXO | (stat.S_IRWXG if own else 0)):
            return f"chmod {'600' if own else 'o='} {path}"
    return None
