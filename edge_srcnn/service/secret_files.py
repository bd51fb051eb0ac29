"""Files for secrets: one address each, for a camera or sink with a password; and who else can read such files."""

import grp
import os
import pwd
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge_srcnn.errors import BadConfiguration, BadData, EdgeSrcnnError, NoInput, reason
from edge_srcnn.errors.masking import holds_secret

USER = "edge-srcnn"
"""Whom the service runs as; its group may read."""

UNREAD = ", which the service reads"
"""Said of a setting whose file is there for the service alone."""

_ELSEWHERE = "; or give source_file, sink_files, or for a page's token #token_file=, which name files of their own"
_TOKEN_FILE = ", for a page's token #token_file=FILE"
_MAX_BYTES = 65_536
_DESCRIPTORS = ("/dev/fd/", "/proc/")  # of the shell's <(command)


def read_address(file: str) -> str:
    """Read the one address that a file holds.

    Parameters
    ----------
    file
        Its name, in which ``$CREDENTIALS_DIRECTORY`` and its like are filled in.

    Returns
    -------
    The address, not yet checked.

    Raises
    ------
    NoInput
        It is missing or cannot be read.
    BadData
        It holds no line, or more than one.
    """
    path = os.path.expandvars(file)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode) and not path.startswith(_DESCRIPTORS):
            raise BadData(f"{file}: is no regular file; give one that holds an address")
        with open(path, "rb") as opened:
            text = opened.read(_MAX_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadData(f"{file}: not a text; it has to hold one address in UTF-8") from error
    except (OSError, ValueError) as error:
        unset = (
            f"; {variable} is not set here, systemd sets it for LoadCredential=" if (variable := _unset(path)) else ""
        )
        raise NoInput(f"{file}: cannot be read ({reason(error)}){unset}") from error
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise BadData(f"{file}: is empty; write one address into it, such as rtsp://user:password@camera/stream")
    if len(lines) > 1:
        raise BadData(f"{file}: holds {len(lines)} lines; write one address into it, and nothing else")
    return lines[0]


def is_for_the_service(file: str) -> bool:
    """Tell whether only the service can find a file: systemd puts it there when it starts."""
    return bool(_unset(os.path.expandvars(file)))


class AddressFiles:
    """Put the addresses that files hold in the place of ``source``, and beside ``sinks``.

    Who overrides: of two settings, the one that is given nearer to the command line counts alone.

    Parameters
    ----------
    given
        Settings by name; changed by ``take_over``.
    origins
        Where each comes from; changed, too.
    elsewhere
        Leave out files that only the service can find.
    """

    def __init__(self, given: dict[str, Any], origins: dict[str, str], *, elsewhere: bool) -> None:
        self._given, self._origins, self._elsewhere = given, origins, elsewhere
        self._addresses: dict[str, str] = {}  # by file

    def take_over(self, check: Callable[[str, Any, str], Any]) -> Iterator[str]:
        """Read the files that count.

        Parameters
        ----------
        check
            Gets a setting's name, value and origin, and gives the value that is kept; ``BadConfiguration`` otherwise.

        Yields
        ------
        Faults, one line each.
        """
        if self._counts("source_file", "source"):
            if self._layer("source") == self._layer("source_file"):
                yield f"{self._origins['source_file']}: source_file: give source or source_file, not both"
            else:
                yield from self._read("source_file", [self._given["source_file"]], "source", lambda one: one[0], check)
        if self._counts("sink_files", "sinks"):
            beside = self._given["sinks"] if self._layer("sinks") == self._layer("sink_files") else ()
            names = self._given["sink_files"]
            yield from self._read("sink_files", names, "sinks", lambda all: (*beside, *all), check)

    def warnings(self, path: Path | None, source: str, sinks: Sequence[str]) -> Iterator[str]:
        """Warn of secrets that others can read: in the configuration, in files of addresses, in a command's words."""
        told = {"source": (source,), "sinks": tuple(sinks)}
        words = [
            (f"--{name.rstrip('s')}", each) for name in told if self._origins[name] == "flag" for each in told[name]
        ]
        yield from warn_of_words(words)
        if path is not None:
            here = [each for name in told if self._layer(name) == 1 for each in told[name]]
            yield from _warn_of_readers(
                path, [each for each in here if each not in self._addresses.values()], movable=True
            )
        for file, address in self._addresses.items():
            yield from _warn_of_readers(Path(os.path.expandvars(file)), [address])

    def _counts(self, files: str, setting: str) -> bool:
        if self._given.get(files) and self._layer(files) >= self._layer(setting):
            return True
        if self._given.pop(files, None):
            self._origins[files] = "default"
        return False

    def _layer(self, setting: str) -> int:
        origin = self._origins[setting]
        if origin.startswith("environment EDGE_SRCNN_"):
            return 2
        return {"default": 0, "flag": 3}.get(origin, 1)

    def _read(
        self,
        files: str,
        names: Sequence[str],
        setting: str,
        joined: Callable[[list[str]], Any],
        check: Callable[[str, Any, str], Any],
    ) -> Iterator[str]:
        origin = self._origins[files]
        here = [name for name in names if not (self._elsewhere and is_for_the_service(name))]
        try:
            for name in here:
                self._addresses[name] = read_address(name)
            if len(here) == len(names):
                self._origins[setting] = files
                self._given[setting] = check(
                    setting, joined([self._addresses[name] for name in here]), f"{origin}: {files}"
                )
            else:
                self._origins[setting] = f"{files}{UNREAD}"
        except BadConfiguration as error:
            yield str(error)
        except EdgeSrcnnError as error:
            yield f"{origin}: {files}: {error}"


def _warn_of_readers(file: Path, addresses: Sequence[str], *, movable: bool = False) -> Iterator[str]:
    """Warn where others can read a file that holds an address with a secret."""
    if not any(map(holds_secret, addresses)):
        return
    with suppress(OSError):  # it is gone since
        found = file.stat()
        if found.st_mode & stat.S_IROTH:
            who = "everybody can"
        elif found.st_mode & stat.S_IRGRP and (group := _foreign_group(found)):
            who = f"the group {group} can"
        else:
            return
        rights = f"chgrp {USER} {file}; chmod 640 {file}" if _group_name(USER) else f"chmod 600 {file}"
        more = _ELSEWHERE if movable else ""
        yield f"{file}: warning: it holds a token or password, and {who} read it; {rights}{more}"


def warn_of_words(options: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Warn of secrets in the words of a command, each with its option: the list of processes shows them."""
    for option in dict.fromkeys(option for option, address in options if holds_secret(address)):
        yield (
            f"{option}: everybody on this machine can read the password or token in it (ps shows the command); "
            f"{option}-file FILE keeps it out{_TOKEN_FILE if option == '--sink' else ''}"
        )


def _foreign_group(found: os.stat_result) -> str:
    """Name the group of a file; empty where nobody else is in it: root's, the owner's own, the service's."""
    try:
        group = grp.getgrgid(found.st_gid).gr_name
    except KeyError:
        return str(found.st_gid)
    with suppress(KeyError):
        if group == pwd.getpwuid(found.st_uid).pw_name:
            return ""
    return "" if group in ("root", USER) else group


def _group_name(name: str) -> str:
    try:
        return grp.getgrnam(name).gr_name
    except KeyError:
        return ""


def _unset(path: str) -> str:
    """Name the variable in a path that is not set; empty where there is none."""
    _, dollar, rest = path.partition("$")
    return dollar + rest.partition("/")[0] if dollar else ""
