"""Lay what a store holds into a working folder, and send results from there."""

import fcntl
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from edge_srcnn.batch.stores.address import Location, StoreUrl
from edge_srcnn.batch.stores.filesystems import path_of
from edge_srcnn.batch.stores.listing import kind_of
from edge_srcnn.batch.stores.progress import Progress
from edge_srcnn.batch.stores.retrying import ask
from edge_srcnn.batch.stores.sending import send
from edge_srcnn.errors import CannotWrite, NoInput, OutputExists, reason

_PREFIX = "edge-srcnn-store-"
_LOCK = ".lock"
_YOUNG_S = 3600  # whoever made a folder so lately may be about to lock it
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,10}")

_swept = threading.Event()


@contextmanager
def working_folder() -> Iterator[Path]:
    """Make a folder for temporary files, and remove it with all that is in it; also those that killed processes left.

    Yields
    ------
    A folder below ``TMPDIR``.

    Raises
    ------
    CannotWrite
        There is no place for it.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    except OSError as error:
        raise CannotWrite(f"no folder for temporary files ({reason(error)}); TMPDIR names one") from error
    try:
        with (folder / _LOCK).open("wb") as lock:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(lock, fcntl.LOCK_EX)
            _sweep(folder.parent)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fetch(source: StoreUrl, folder: Path, stop: threading.Event | None = None) -> Path:
    """Fetch a file into a folder.

    Parameters
    ----------
    source
        Its name in the store.
    folder
        A working folder.
    stop
        Set to give up.

    Returns
    -------
    The local file; its suffix is the source's.

    Raises
    ------
    NoInput
        It is missing, or the store refuses.
    Unavailable
        The store cannot be reached for two minutes.
    CannotWrite
        The folder has no room.
    """
    path = local_name(folder, "in", source)

    def get(filesystem: Any) -> None:
        # S3: one request, so that all bytes are of one object even if it is replaced meanwhile
        options: dict[str, Any] = {"max_concurrency": 1} if source.scheme == "s3" else {}
        filesystem.get_file(path_of(filesystem, source), str(path), callback=Progress(stop), **options)

    ask(source, get, stop=stop)
    if not path.is_file():
        raise NoInput(f"{source}: is a folder; end it in / to take what is in it")
    return path


def local_name(folder: Path, stem: str, location: Location) -> Path:
    """Choose a file's name in a working folder: the suffix alone is the location's, whose name may be no file's."""
    return folder / f"{stem}{location.suffix if _SUFFIX.fullmatch(location.suffix) else ''}"


@contextmanager
def fetched(source: Location) -> Iterator[Path]:
    """Give a local path with what a file holds; one in a store is fetched, and removed at the end.

    Parameters
    ----------
    source
        A path, which is given as it is, or a name in a store.

    Yields
    ------
    The path.
    """
    if isinstance(source, Path):
        yield source
        return
    with working_folder() as folder:
        yield fetch(source, folder)


@contextmanager
def sent(target: Location, *, overwrite: bool) -> Iterator[Path]:
    """Give a local path to be written; what the block wrote is sent at its end, whole or not at all.

    Parameters
    ----------
    target
        A path, which is given as it is, or a name in a store. Nothing is sent where the block raises.
    overwrite
        Replace what is there.

    Yields
    ------
    The path, where nothing is yet.

    Raises
    ------
    OutputExists
        It is there, and ``overwrite`` is False.
    CannotWrite
        The store refuses, or the block wrote nothing.
    """
    if isinstance(target, Path):
        yield target
        return
    if not overwrite:
        refuse_to_replace(target)
    with working_folder() as folder:
        path = local_name(folder, "out", target)
        yield path
        if not path.is_file():
            raise CannotWrite(f"{target}: nothing was made that could be sent")
        send(path, target, overwrite=overwrite)


def exists(target: Location) -> bool:
    """Tell whether something stands under a name; a store is asked.

    Parameters
    ----------
    target
        A path, or a name in a store.

    Returns
    -------
    Whether a file, a folder or an object is there.

    Raises
    ------
    EdgeSrcnnError
        The store cannot be reached or does not tell.
    """
    if isinstance(target, Path):
        return os.path.exists(target)
    return kind_of(target, writing=True) is not None


def refuse_to_replace(target: Location) -> None:
    """Raise ``OutputExists`` where something stands under a name; ``CannotWrite`` where the store does not tell."""
    try:
        found = exists(target)
    except CannotWrite as error:
        raise CannotWrite(f"{error}; with --overwrite nobody looks before it is written") from error
    if found:
        raise OutputExists(f"{target}: exists already; give --overwrite to replace it")


def _sweep(parent: Path) -> None:
    """Remove, once in a process, the working folders of processes that are no more."""
    if _swept.is_set():
        return
    _swept.set()
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if folder.stat().st_uid == os.geteuid() and time.time() - folder.stat().st_mtime > _YOUNG_S:
                with (folder / _LOCK).open("rb") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
