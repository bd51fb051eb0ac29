"""Write files that appear whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from edge_srcnn.errors import CannotWrite, EdgeSrcnnError, OutputExists, reason

_NEW_FILE_MODE = 0o666
_NAME_CHARACTERS = 50  # of up to 4 bytes each; a file system's names hold 255 bytes


@contextmanager
def whole_file(path: Path, *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """Write into a temporary neighbour of ``path``, which takes its name when all of it is on the disk.

    Missing folders are made. On any error, an interruption included, the neighbour is removed and ``path``
    is what it was.

    Parameters
    ----------
    path
        The file in the end.
    overwrite
        Replace one that is there.

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
        if path.exists() and not overwrite:
            raise OutputExists(f"{path}: exists already; give --overwrite to replace it")
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:_NAME_CHARACTERS]}.", suffix=".part", dir=path.parent)
        partial = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fchmod(file.fileno(), _NEW_FILE_MODE & ~_umask())
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


def write_whole(path: Path, data: bytes, *, overwrite: bool = False) -> None:
    """Write ``data`` as ``whole_file`` does."""
    with whole_file(path, overwrite=overwrite) as file:
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
    except OSError:  # a file system without hard links
        os.replace(partial, path)
    else:
        partial.unlink()


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
