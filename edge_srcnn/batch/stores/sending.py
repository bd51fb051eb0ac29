"""Send a finished file to a store, where it appears whole or not at all."""

import logging
import math
import threading
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

from edge_srcnn.batch.stores.address import StoreUrl
from edge_srcnn.batch.stores.failures import Incomplete, has_code
from edge_srcnn.batch.stores.filesystems import path_of
from edge_srcnn.batch.stores.progress import Progress
from edge_srcnn.batch.stores.retrying import ask
from edge_srcnn.errors import OutputExists

log = logging.getLogger(__name__)

PART_BYTES = 8 * 2**20
"""Size of the parts of a large object, of which a few are held in memory; from twice that on it goes up in parts."""

PARTS_AT_ONCE = 4

_MOST_PARTS = 10_000  # of an object in S3
_WHOLE = frozenset({"gs", "abfs", "abfss", "az", "adl", "oss", "oci"})
"""Stores besides S3 in which an object appears when all of it is there."""

_NAME_CHARACTERS = 50  # of up to 4 bytes each; names hold 255 bytes
_COMPARED_BYTES = 2**20


def send(path: Path, target: StoreUrl, *, overwrite: bool, stop: threading.Event | None = None) -> None:
    """Send a file.

    S3 shows an object when its last part was acknowledged. Elsewhere a temporary neighbour takes its name at the end.

    Parameters
    ----------
    path
        The file.
    target
        Its name in the store; folders are made.
    overwrite
        Replace one that is there.
    stop
        Set to give up.

    Raises
    ------
    OutputExists
        It is there, and ``overwrite`` is False.
    CannotWrite
        The store refuses.
    Unavailable
        It cannot be reached for two minutes.
    """
    upload = _Upload(path, target, overwrite=overwrite, stop=stop)
    try:
        ask(target, upload.attempt, writing=True, stop=stop)
    except OutputExists:  # by a try whose answer got lost, if the bytes are the same
        if not ask(target, upload.is_there, writing=True, stop=stop):
            raise
    finally:
        upload.clean()


class _Upload:
    """Send one file, in as many attempts as it takes."""

    def __init__(self, path: Path, target: StoreUrl, *, overwrite: bool, stop: threading.Event | None) -> None:
        self._path, self._target, self._overwrite = path, target, overwrite
        self._token, self._progress = token_hex(4), Progress(stop)
        self._bytes = path.stat().st_size
        self._unfinished = False

    def attempt(self, filesystem: Any) -> None:
        """Send it once."""
        where = path_of(filesystem, self._target)
        if self._target.scheme == "s3":
            self._put_object(filesystem, where)
        elif self._target.scheme in _WHOLE:
            self._refuse_to_replace(filesystem, where)
            filesystem.put_file(str(self._path), where, callback=self._progress)
        else:
            self._put_beside(filesystem, where)

    def is_there(self, filesystem: Any) -> bool:
        """Tell whether the store holds the same bytes under that name."""
        where = path_of(filesystem, self._target)
        if filesystem.info(where)["size"] != self._bytes:
            return False
        with self._path.open("rb") as ours, filesystem.open(where, "rb", block_size=PART_BYTES) as theirs:
            while chunk := ours.read(_COMPARED_BYTES):
                if theirs.read(len(chunk)) != chunk:
                    return False
        return True

    def clean(self) -> None:
        """Take away what attempts left that failed with their connection; one try."""
        if self._unfinished:
            with suppress(Exception):  # the upload itself has told what is wrong
                ask(self._target, self._abort, writing=True, stop=_now())

    def _put_object(self, filesystem: Any, where: str) -> None:
        part = max(PART_BYTES, math.ceil(self._bytes / _MOST_PARTS))
        options: dict[str, Any] = {"callback": self._progress, "chunksize": part, "max_concurrency": PARTS_AT_ONCE}
        if self._unfinished:
            self._abort(filesystem)
        self._unfinished = self._bytes >= 2 * part
        try:
            filesystem.put_file(str(self._path), where, mode="overwrite" if self._overwrite else "create", **options)
        except Exception as error:
            if self._overwrite or not has_code(error, "NotImplemented", "501"):
                raise
            self._refuse_to_replace(filesystem, where)  # a server that cannot make a name its own
            filesystem.put_file(str(self._path), where, **options)
        self._unfinished = False

    def _abort(self, filesystem: Any) -> None:
        """Abort uploads in parts that an attempt began, and whose end the server did not hear of."""
        bucket, key = self._target.authority, self._target.path
        for each in filesystem.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=key).get("Uploads", ()):
            if each["Key"] == key:
                log.debug("%s: an unfinished upload is aborted", self._target)
                filesystem.call_s3("abort_multipart_upload", Bucket=bucket, Key=key, UploadId=each["UploadId"])
        self._unfinished = False

    def _put_beside(self, filesystem: Any, where: str) -> None:
        folder, slash, name = where.rpartition("/")
        partial = f"{folder}{slash}.{name[:_NAME_CHARACTERS]}.{self._token}.part"
        self._refuse_to_replace(filesystem, where)
        if folder:
            filesystem.makedirs(folder, exist_ok=True)
        try:
            filesystem.put_file(str(self._path), partial, callback=self._progress)
            if (there := filesystem.info(partial)["size"]) != self._bytes:
                raise Incomplete(f"{there} of {self._bytes} bytes")
            self._give_name(filesystem, partial, where)
        except BaseException:
            with suppress(Exception):
                filesystem.rm_file(partial)
            raise

    def _give_name(self, filesystem: Any, partial: str, where: str) -> None:
        if not self._overwrite and (rename := getattr(filesystem, "mv_new", None)) is not None:
            rename(partial, where)
            return
        self._refuse_to_replace(filesystem, where)
        if _renames(filesystem):
            filesystem.mv(partial, where)
        else:
            filesystem.cp_file(partial, where)
            filesystem.rm_file(partial)

    def _refuse_to_replace(self, filesystem: Any, where: str) -> None:
        if not self._overwrite:
            with suppress(FileNotFoundError):
                filesystem.info(where)
                raise FileExistsError(where)


def _renames(filesystem: Any) -> bool:
    """Tell whether a filesystem renames by itself: fsspec's own way would take a name for a pattern."""
    from fsspec import AbstractFileSystem

    return type(filesystem).mv is not AbstractFileSystem.mv


def _now() -> threading.Event:
    stop = threading.Event()
    stop.set()
    return stop
