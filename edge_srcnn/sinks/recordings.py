"""Keep recordings within a budget, for which the oldest make room."""

import logging
import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from edge_srcnn.errors import CannotWrite, reason
from edge_srcnn.sinks.recording_names import Key, Names
from edge_srcnn.system.files import odd_kind, write_whole

log = logging.getLogger(__name__)

_STALE_LINES = 1000
_told: set[tuple[Path, str]] = set()


@dataclass
class Rotation:
    """Keep files of one folder within a budget.

    Only regular files that can be read count; whatever else has such a name stays, and is told once.

    Attributes
    ----------
    names
        Of the files, and their order.
    keep, keep_bytes
        The budget; by default there is no limit. The newest file always stays.
    newest
        The name of the file that was recorded last.
    """

    folder: Path
    names: Names
    keep: float = inf
    keep_bytes: float = inf
    newest: str | None = None
    _files: deque[tuple[str, int]] = field(default_factory=deque)
    _highest: Key = ()

    def begin(self) -> None:
        """Count what is there, of earlier runs and of others; ``CannotWrite`` where that cannot make room."""
        try:
            found = recordings_in(self.folder, self.names)
        except OSError as error:
            if self._is_limited:
                raise self._cannot(error) from error
            found = []  # names are tried then until one is free
        self._highest = max((key for name in found if (key := self.names.key(name))), default=())
        if found and (self.newest is None or self._key(self.newest) <= self._highest or self.newest in found):
            self.newest = found[-1]
        if not self._is_limited:
            return
        with self._reaching():
            self._files = deque((name, size) for name in found if (size := self._size(name)) is not None)

    def candidates(self) -> Iterator[Path]:
        """Give names for the next file, of which none is there now."""
        paths = (self.folder / name for name in self.names.candidates(self.newest))
        return (path for path in paths if not os.path.lexists(path))

    def add(self, path: Path) -> None:
        """Count a file that was just written, and remove the oldest beyond the budget; ``CannotWrite``."""
        key = self._key(path.name)
        with suppress(OSError, CannotWrite):  # a full disk gets room below
            RecordedOrder(self.folder, self.names).add(path.name, self._before, is_last=key > self._highest)
        self.newest, self._highest = path.name, max(key, self._highest)
        if not self._is_limited:
            return
        with self._reaching():
            self._files.append((path.name, self._size(path.name) or 0))
            total = sum(size for _, size in self._files)
            while len(self._files) > 1 and (len(self._files) > self.keep or total > self.keep_bytes):
                oldest, size = self._files.popleft()
                total -= size
                if not is_odd(self.folder, oldest):
                    (self.folder / oldest).unlink(missing_ok=True)
                if self._key(oldest) == self._highest:
                    self._highest = max(self._key(name) for name, _ in self._files)

    @property
    def _is_limited(self) -> bool:
        return min(self.keep, self.keep_bytes) < inf

    def _before(self) -> list[str]:
        return [name for name, _ in self._files] if self._is_limited else recordings_in(self.folder, self.names)

    def _key(self, name: str) -> Key:
        return self.names.key(name) or ()

    def _size(self, name: str) -> int | None:
        """Look how large a file is, where that matters; None: it is gone."""
        try:
            return os.lstat(self.folder / name).st_size if self.keep_bytes < inf else 0
        except FileNotFoundError:
            return None

    def _cannot(self, error: OSError) -> CannotWrite:
        return CannotWrite(f"{self.folder}: earlier files cannot make room ({reason(error)})")

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._cannot(error) from error


def recordings_in(folder: Path, names: Names) -> list[str]:
    """List the recordings of a series, the oldest first; ``OSError`` where the folder may not be looked into."""
    if not os.path.isdir(folder):
        return []
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if names.key(entry.name) is not None and not is_odd(folder, entry.name):
                found.append(entry.name)
    return RecordedOrder(folder, names).sort(found)


def is_odd(folder: Path, name: str) -> bool:
    """Tell whether something with a recording's name is none; each kind is told once for each folder."""
    try:
        kind = odd_kind(folder / name)
    except OSError:  # it is gone, or may not be looked at
        return True
    if kind is not None and (folder, kind) not in _told:
        _told.add((folder, kind))
        log.warning(
            "%s: is a %s, no recording; it is left alone, and so is every other %s there", folder / name, kind, kind
        )
    return kind is not None


class RecordedOrder:
    """Remember in which order files were recorded, where their names do not tell.

    It is a hidden file of names, a line each, begun when a recording gets a name that does not sort last: the clock was
    put back by much. It goes when the names tell the order again.

    Parameters
    ----------
    folder
        Of the recordings.
    names
        Of the recordings.
    """

    def __init__(self, folder: Path, names: Names) -> None:
        self._names, self._path = names, None if names.index is None else folder / names.index

    def sort(self, found: list[str]) -> list[str]:
        """Sort names by the time of their recording; one that nobody remembers comes behind the one below it."""
        by_name = sorted(found, key=self._key)
        lines = self._lines()
        if not lines:
            return by_name
        place = {name: index for index, name in enumerate(lines)}
        places, below = dict[str, tuple[int, Key]](), -1
        for name in by_name:
            below = place.get(name, below)
            places[name] = below, self._key(name)
        return sorted(found, key=places.__getitem__)

    def add(self, name: str, before: Callable[[], list[str]], *, is_last: bool) -> None:
        """Remember that a file was recorded after others; ``OSError``, ``CannotWrite``.

        Parameters
        ----------
        name
            Of the file.
        before
            Lists the others, the oldest first.
        is_last
            Its name sorts behind those of all others.
        """
        lines = self._lines()
        if self._path is None or (is_last and not lines):
            return
        present = [*(other for other in before() if other != name), name]
        if not lines:
            self._write(present)
            return
        if present == sorted(present, key=self._key):
            self._path.unlink()
        elif len(lines) > len(present) + _STALE_LINES:
            self._write(present)
        else:
            with open(os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW), "ab") as file:
                file.write(b"\n" + os.fsencode(name) + b"\n")  # the last line may have been cut off

    def _key(self, name: str) -> Key:
        return self._names.key(name) or ()

    def _lines(self) -> list[str]:
        if self._path is None:
            return []
        with suppress(OSError):
            if odd_kind(self._path) is None:
                return [os.fsdecode(line) for line in self._path.read_bytes().split(b"\n") if line]
        return []

    def _write(self, names: list[str]) -> None:
        if self._path is not None and (not os.path.lexists(self._path) or odd_kind(self._path) is None):
            write_whole(self._path, b"".join(os.fsencode(name) + b"\n" for name in names), overwrite=True)
