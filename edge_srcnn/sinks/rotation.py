"""A budget of files or bytes for what is recorded: the oldest make room, those of earlier runs too."""

import os
import re
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Rotation:
    """Files of one folder whose names fit a pattern; sorted by length and name they are sorted by time.

    Attributes
    ----------
    keep, keep_bytes
        The budget; None: no limit. The newest file always stays.
    """

    folder: Path
    pattern: re.Pattern[str]
    keep: int | None = None
    keep_bytes: int | None = None
    _files: deque[tuple[Path, int]] = field(default_factory=deque)

    def begin(self) -> None:
        """Count what is there from earlier runs; without a budget nobody needs to know."""
        if self.keep is not None or self.keep_bytes is not None:
            self._files = deque((path, path.stat().st_size) for path in numbered(self.folder, self.pattern))

    def add(self, path: Path) -> None:
        """Count a file that was just written, and remove the oldest beyond the budget."""
        if self.keep is None and self.keep_bytes is None:
            return
        self._files.append((path, path.stat().st_size))
        total = sum(size for _, size in self._files)
        while len(self._files) > 1 and self._too_much(total):
            oldest, size = self._files.popleft()
            oldest.unlink(missing_ok=True)
            total -= size

    def _too_much(self, total: int) -> bool:
        many = self.keep is not None and len(self._files) > self.keep
        return many or (self.keep_bytes is not None and total > self.keep_bytes)


def numbered(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    """List the files of a folder whose names fit, the oldest first."""
    if not os.path.isdir(folder):
        return []
    fit = (path for path in folder.iterdir() if pattern.fullmatch(path.name))
    return sorted(fit, key=lambda path: (len(path.name), path.name))  # a number may outgrow its zeros
