"""Keep the parts of a long video beside its result until they are joined, and find those of an interrupted run."""

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from edge_srcnn.errors import BadData, CannotWrite, NoInput, OutputExists, SourceLost, reason

log = logging.getLogger(__name__)

_FOR_NOTHING = (BadData, NoInput, SourceLost, OutputExists)
"""Errors that would come again, or after which nothing is left to be done: parts are of no use then."""

_NAME_BYTES = 200


@contextmanager
def kept_parts(target: Path) -> Iterator[Path]:
    """Make a hidden folder for the parts of a video, beside its result, or take that of a run that was interrupted.

    It is removed in the end, unless the run is interrupted again, or the disk is full: then it stays, and whoever
    gives the same command goes on with it.

    Parameters
    ----------
    target
        The video's result.

    Yields
    ------
    The folder, which no other process uses.

    Raises
    ------
    CannotWrite
        It cannot be made.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder, handle = next(found for path in _names(target) if (found := _locked(path)) is not None)
    except OSError as error:
        raise CannotWrite(f"{target}: cannot be written ({reason(error)})") from error
    try:
        yield folder
    except _FOR_NOTHING:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    except BaseException:
        _tell(target, folder)
        raise
    else:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(handle)


def remove_kept_parts(target: Path) -> None:
    """Remove what an interrupted run left of a video that is done as a whole now; what is being written stays."""
    for folder in _names(target):
        if not folder.is_dir():
            return
        if (found := _locked(folder)) is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(found[1])


def _names(target: Path) -> Iterator[Path]:
    """Give the names that the hidden folder may have."""
    short = os.fsencode(target.name)[:_NAME_BYTES].decode("utf-8", "ignore")
    return (target.with_name(f".{short}.parts{'' if number == 1 else f'-{number}'}") for number in count(1))


def _locked(folder: Path) -> tuple[Path, int] | None:
    """Make a folder and lock it; None where another process has it."""
    while True:
        folder.mkdir(exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        except OSError:  # a file system without locks
            return folder, handle
        with suppress(FileNotFoundError):
            if os.path.samestat(os.stat(folder), os.fstat(handle)):
                return folder, handle
        os.close(handle)  # whoever had it has just removed it


def _tell(target: Path, folder: Path) -> None:
    """Say where the parts are that are done; a folder without any goes."""
    with suppress(OSError):
        folder.rmdir()
        return
    done = sum(not path.name.startswith(".") for path in folder.iterdir())
    log.warning("%s: parts that are done (%d) are kept in %s; the same command goes on with them", target, done, folder)
