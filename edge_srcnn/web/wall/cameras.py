"""Which cameras a wall shows: read from words such as ``Garden=http://pi:8080`` and from lists in files."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge_srcnn.errors import NoInput, UsageError, reason
from edge_srcnn.web.client import Place

_USUAL_PORTS = {"http": 80, "https": 443}
_OF_ADDRESSES = ":/?#"  # what stands in addresses, and in front of the = of a name never
_STREAMS = ("/stream.mjpg", "/snapshot.jpg", "/stream", "/snapshot")
_COMMENT = re.compile(r"(?:^|\s)#")


@dataclass(frozen=True)
class Camera:
    """Name a camera of the wall.

    Attributes
    ----------
    place
        Where its page is, with its token.
    name
        What stands below its picture; None: what it calls itself.
    """

    place: Place
    name: str | None = None

    @property
    def origin(self) -> str:
        """Give scheme, host and port as browsers write them."""
        host = f"[{self.place.host}]" if ":" in self.place.host else self.place.host
        usual = self.place.port in (None, _USUAL_PORTS[self.place.scheme])
        return f"{self.place.scheme}://{host}" + ("" if usual else f":{self.place.port}")

    @property
    def address(self) -> str:
        """Give the address of its page, without a token; all that it serves is below."""
        return f"{self.origin}{self.place.path}/"


def read_camera(word: str, token: str | None = None) -> Camera:
    """Read one camera.

    Parameters
    ----------
    word
        An address, or ``NAME=ADDRESS``. What people copy, ``http://pi:8080/stream.mjpg``, stands for its page.
    token
        That is shown where the address has none.

    Returns
    -------
    The camera.

    Raises
    ------
    UsageError
        The address is none that a browser can open.
    """
    name, mark, rest = word.partition("=")
    named = bool(mark) and not any(character in name for character in _OF_ADDRESSES)
    text = (rest if named else word).strip()
    if text.startswith("unix:"):
        raise UsageError(f"{text}: browsers open no sockets of the file system; give http:// or https://")
    place = Place.of(text)
    path = next((place.path.removesuffix(end) for end in _STREAMS if place.path.endswith(end)), place.path)
    try:
        host = place.host if place.host.isascii() else place.host.encode("idna").decode()
    except UnicodeError as error:
        raise UsageError(f"{text}: no name of a machine ({reason(error)})") from error
    shown = place.shown.removesuffix(place.path) + path
    if place.port == 0 or (named and not name.strip()):
        raise UsageError(f"{word}: give NAME=http://HOST:PORT, or the address alone")
    found = replace(place, shown=shown, path=path, host=host, token=place.token or token)
    return Camera(found, name.strip() if named else None)


def read_list(file: Path) -> Iterator[tuple[str, str]]:
    """Read a list of cameras, one a line; empty lines and comments, from a # on, are left out.

    Parameters
    ----------
    file
        A text.

    Yields
    ------
    Where it stands, for messages, and the word.

    Raises
    ------
    NoInput
        It cannot be read.
    UsageError
        It is no text.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise NoInput(f"{file}: cannot be read ({reason(error)})") from error
    except UnicodeError as error:
        raise UsageError(f"{file}: not a text; give one camera a line, such as Garden=http://pi:8080") from error
    for number, line in enumerate(lines, 1):
        word = _COMMENT.split(line, maxsplit=1)[0].strip()
        if word:
            yield f"{file}, line {number}: ", word


def read_cameras(words: Iterable[tuple[str, str]], token: str | None = None) -> Sequence[Camera]:
    """Read all cameras of a wall.

    Parameters
    ----------
    words
        Each with what a message about it begins with.
    token
        Of cameras whose address has none.

    Returns
    -------
    The cameras, in their order.

    Raises
    ------
    UsageError
        An address is none, two are the same, or two names are.
    """
    cameras: list[Camera] = []
    for where, word in words:
        try:
            camera = read_camera(word, token)
        except UsageError as error:
            raise UsageError(f"{where}{error}") from error
        for other in cameras:
            if other.address == camera.address:
                raise UsageError(
                    f"{where}{camera.place.shown}: is there already, as {other.place.shown}; name each once"
                )
            if camera.name is not None and camera.name == other.name:
                raise UsageError(f"{where}{camera.name}: two cameras have this name; give each its own")
        cameras.append(camera)
    return cameras
