"""Keep prepared pictures in a file that is mapped into memory, where memory does not hold them.

``planes-KEY.u8`` holds the planes one after the other, ``planes-KEY.json`` where each begins, which pair it belongs to,
and the digest of the whole. The key is a digest of the pictures' names, sizes and dates, of how they are prepared, and
of the libraries that decode them: what changes makes another file.
"""

import hashlib
import json
import logging
import mmap
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from edge_srcnn.errors import CannotWrite
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.system.files import whole_file, write_whole
from export.data.pair import Pair

LARGE_BYTES = 1_000_000_000
"""Planes of more bytes go to the disk by themselves."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """Hold the pairs of each picture that can be used, and what is to be said of the others."""

    pictures: tuple[tuple[Pair, ...], ...]
    skipped: tuple[str, ...]


@dataclass
class PlaneCache:
    """Keep prepared pictures in a folder.

    Attributes
    ----------
    folder
        Where the files lie; made when they are.
    above
        As many bytes of planes stay in memory.
    is_kept
        False: the files are for one training only. Those of other pictures are removed when new ones are written,
        and ``drop`` removes all.
    """

    folder: Path
    above: int = LARGE_BYTES
    is_kept: bool = False

    def read(self, key: str) -> Prepared | None:
        """Map the planes of a key; None where there are none, or they are damaged, which is told."""
        data, index = self._paths(key)
        if not index.is_file():
            return None
        try:
            stored = json.loads(index.read_text())
            with data.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
                if found != stored["sha256"]:
                    log.warning("%s: damaged; the pictures are prepared again", data)
                    return None
                return _mapped(file, stored)
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s: cannot be used (%s); the pictures are prepared again", index, error)
            return None

    @contextmanager
    def writing(self, key: str) -> Iterator["Writer"]:
        """Take the pairs of one picture after the other.

        Parameters
        ----------
        key
            Digest of what the pairs are made of.

        Yields
        ------
        What takes them; ``Writer.finish`` gives them all.

        Raises
        ------
        CannotWrite
            The folder cannot be written to: no room, or no permission.
        """
        with ExitStack() as stack:
            yield Writer(self, key, stack)

    def drop(self) -> None:
        """Remove the files, unless they are to be kept."""
        self._remove(but=None)

    def _remove(self, but: str | None) -> None:
        if self.is_kept:
            return
        kept = self._paths(but) if but else ()
        for path in self.folder.glob("planes-*"):
            if path not in kept and path.suffix in (".u8", ".json"):
                with suppress(OSError):
                    path.unlink()

    def _paths(self, key: str) -> tuple[Path, Path]:
        return self.folder / f"planes-{key}.u8", self.folder / f"planes-{key}.json"


@dataclass
class Writer:
    """Take the pairs of one picture after the other: into memory and, when they are many, into a file."""

    cache: PlaneCache
    key: str
    stack: ExitStack
    _pictures: list[tuple[Pair, ...]] = field(default_factory=list)
    _bytes: int = 0
    _file: BinaryIO | None = None
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _planes: list[tuple[int, int, int]] = field(default_factory=list)
    _pairs: list[list[list[int]]] = field(default_factory=list)

    def add(self, pairs: Sequence[Pair]) -> None:
        """Take the pairs of one picture."""
        if self._file is not None:
            self._write(pairs)
            return
        self._pictures.append(tuple(pairs))
        self._bytes += sum(plane.nbytes for plane in _distinct(pairs))
        if self._bytes > self.cache.above:
            self.cache._remove(but=self.key)
            data, _ = self.cache._paths(self.key)
            self._file = self.stack.enter_context(whole_file(data, overwrite=True))
            self._bytes = 0
            for each in self._pictures:
                self._write(each)
            self._pictures.clear()

    def finish(self, skipped: tuple[str, ...]) -> Prepared:
        """Give all pairs that were taken, mapped into memory where they are in a file."""
        if self._file is None:
            return Prepared(tuple(self._pictures), skipped)
        self.stack.close()
        data, index = self.cache._paths(self.key)
        stored = {"sha256": self._digest.hexdigest(), "planes": self._planes, "pairs": self._pairs, "skipped": skipped}
        write_whole(index, json.dumps(stored).encode(), overwrite=True)
        try:
            with data.open("rb") as file:
                return _mapped(file, stored)
        except (OSError, ValueError) as error:
            raise CannotWrite(f"{data}: cannot be mapped into memory ({error})") from error

    def _write(self, pairs: Sequence[Pair]) -> None:
        numbers: dict[int, int] = {}
        for plane in _distinct(pairs):
            numbers[id(plane)] = len(self._planes)
            self._planes.append((self._bytes, *plane.shape))
            pixels = np.ascontiguousarray(plane).data
            self._digest.update(pixels)
            try:
                if self._file is not None:
                    self._file.write(pixels)
            except OSError as error:
                data, _ = self.cache._paths(self.key)
                raise CannotWrite(f"{data}: cannot be written ({error.strerror})") from error
            self._bytes += plane.nbytes
        self._pairs.append([[numbers[id(plane)] for plane in (pair.plane, pair.hr, pair.base)] for pair in pairs])


def _distinct(pairs: Sequence[Pair]) -> list[UInt8Array]:
    """List the planes of a picture, each once: versions share the ground truth."""
    return list({id(plane): plane for pair in pairs for plane in (pair.plane, pair.hr, pair.base)}.values())


def _mapped(file: BinaryIO, stored: dict[str, Any]) -> Prepared:
    """Map a file of planes, and find the pairs in it."""
    pixels = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
    planes = [pixels[at : at + h * w].reshape(h, w) for at, h, w in stored["planes"]]
    pictures = tuple(
        tuple(Pair(*(planes[number] for number in numbers)) for numbers in pairs) for pairs in stored["pairs"]
    )
    return Prepared(pictures, tuple(map(str, stored["skipped"])))
