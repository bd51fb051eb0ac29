"""Write to a disk only while it is mounted: below an empty mount point the system's own disk would fill up."""

import os
from pathlib import Path
from time import monotonic

from edge_srcnn.errors import CannotWrite

_LOOK_S = 1.0


def required_mount(text: str) -> bool | str:
    """Read ``yes``, ``no``, or the absolute path of a mount point."""
    if text.startswith("/"):
        return text
    if text.lower() in ("1", "yes", "true", "on"):
        return True
    if text.lower() in ("0", "no", "false", "off"):
        return False
    raise ValueError("give yes, no, or the folder where the disk is mounted, such as /mnt/disk")


class RequiredMount:
    """Look once a second whether a folder's disk is mounted.

    Parameters
    ----------
    folder
        Need not be there.
    wanted
        True: something must be mounted at the folder or at one above it, other than ``/``. A path: there. False:
        nothing is looked at.
    """

    def __init__(self, folder: Path, wanted: bool | str) -> None:
        self._folder, self._wanted = folder, wanted
        self._next_s = 0.0

    def check(self) -> None:
        """Look; ``CannotWrite`` where it is not mounted."""
        self._next_s = monotonic() + _LOOK_S
        if not self._wanted:
            return
        folder = Path(os.path.realpath(self._folder))
        if isinstance(self._wanted, str):
            place = Path(os.path.realpath(self._wanted))
            if not folder.is_relative_to(place):
                raise CannotWrite(f"{self._folder}: is not below {self._wanted}, which require_mount= names")
            if not os.path.ismount(place):
                raise CannotWrite(f"{self._wanted}: nothing is mounted there, so that nothing is written below it")
        elif not any(map(os.path.ismount, [each for each in (folder, *folder.parents) if each != Path("/")])):
            raise CannotWrite(
                f"{self._folder}: no disk is mounted there, as require_mount=yes demands; mount it, or leave that out"
            )

    def check_often(self) -> None:
        """Look, if that is a second ago."""
        if self._wanted and monotonic() >= self._next_s:
            self.check()
