"""Parse names of sources and sinks: ``scheme:target?option=value&option=value``, and paths; describe their kinds."""

import importlib
import math
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from edge_srcnn.errors import UsageError
from edge_srcnn.errors.masking import MASK, find_raw_character, is_secret_option, remember, without_secrets

MAX_SIDE = 16384

WITHIN = "within the time limit, which timeout=SECONDS changes"
"""What messages say of a stream that is late."""

_SCHEME = re.compile(r"([a-z][a-z0-9]+):(.*)|([A-Za-z][A-Za-z0-9]+):(//[^/].*)", re.DOTALL)
_NETWORK = re.compile(r"//[^/]")  # a host: the query belongs to the server, and our options follow a ``#``
_QUERY = re.compile(r"\?(?=[A-Za-z_]+=)")  # a question mark in a glob is none
_COMMA = re.compile(r",(?![0-9])")  # between options; that between two numbers belongs to a value
_RATE = re.compile(r"[0-9]{1,9}(\.[0-9]{0,9}|/[1-9][0-9]{0,8})?")  # an exponent would take hours to compute
_LEAST_PIXELS = 1000
_STORES = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "az", "sftp", "ssh", "ftp", "smb", "memory"})
_Kind = TypeVar("_Kind", bound="Kind")
PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"})


@dataclass(frozen=True)
class Uri:
    """Hold a parsed name.

    Attributes
    ----------
    text
        As it was given.
    scheme
        In front of the first colon; empty for a path.
    target
        The rest without options; for a network address all of it.
    options
        Name to value.
    shared
        Names of options that every kind has; one that does not read them itself passes them over.
    """

    text: str = field(repr=False)
    scheme: str
    target: str = field(repr=False)
    options: dict[str, str] = field(repr=False)
    shared: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Give the name without options and secrets, for messages."""
        return without_secrets(self.target if self.is_network or not self.scheme else f"{self.scheme}:{self.target}")

    @property
    def is_network(self) -> bool:
        """Tell whether it names a host of the network."""
        return bool(self.scheme) and self.target.startswith(f"{self.scheme}://")

    def names_pictures(self) -> bool:
        """Tell whether the target is a folder, a glob or a picture."""
        if self.target.endswith("/") or os.path.isdir(self.target):
            return True
        return self.target.lower().endswith(tuple(PICTURE_SUFFIXES))


def parse_uri(text: str) -> Uri:
    """Take a name apart, and mask its secrets from then on; ``UsageError`` where it cannot be read."""
    if not text.strip():
        raise UsageError("a source or sink needs a name, this one is empty")
    remember(text)
    match = _SCHEME.fullmatch(text)
    scheme, rest = ((match[1] or match[3]).lower(), match[2] or match[4] or "") if match else ("", text)
    if scheme and _NETWORK.match(rest):
        if (raw := find_raw_character(text)) is not None:
            character, written, shown = raw
            raise UsageError(
                f"{shown}: the user or password in front of the @ holds {character!r}, which ends an address; "
                f"write it as {written}"
            )
        target, _, query = f"{scheme}:{rest}".partition("#")
    else:
        target, *options = _QUERY.split(rest, maxsplit=1)
        if scheme == "test" and "=" in target:  # test:size=640x480,fps=30
            options.insert(0, _COMMA.sub("&", target))
            target = ""
        query = "&".join(options)
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError as error:
        raise UsageError(f"{text}: options are name=value, with & between them") from error
    return Uri(text, scheme, target, dict(pairs))


def read_options(uri: Uri, **readers: Callable[[str], Any]) -> dict[str, Any]:
    """Read the options by name; those that were not given are missing.

    Parameters
    ----------
    uri
        A parsed name.
    **readers
        For each option a function from its text to its value; ``ValueError`` says what to give instead.

    Returns
    -------
    Name to value.

    Raises
    ------
    UsageError
        An option that is not among the readers, or a value that its reader refuses.
    """
    values = {}
    for name, text in uri.options.items():
        if name not in readers:
            if name in uri.shared:
                continue
            known = ", ".join(dict.fromkeys((*readers, *uri.shared))) or "none"
            shown = uri.name if uri.is_network else uri.text  # a secret under a wrong name is one, too
            if uri.is_network and "@" in text:  # the rest of a password, most likely
                raise UsageError(f"{shown}: options follow a #; write one that is part of a password as %23")
            raise UsageError(f"{shown}: no option is called {name!r}; there are: {known}")
        try:
            values[name] = readers[name](text)
        except ValueError as error:
            shown = MASK if is_secret_option(name) else text
            raise UsageError(f"{uri.text}: {name}={shown}: {error}") from error
    return values


def frame_size(text: str) -> tuple[int, int]:
    """Read ``640x480``: width and height."""
    match = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", text.lower())
    width, height = (int(side) for side in match.groups()) if match else (0, 0)
    if not 1 <= min(width, height) <= max(width, height) <= MAX_SIDE:
        raise ValueError(f"give width x height, such as 640x480, up to {MAX_SIDE}")
    return width, height


def frame_rate(text: str) -> Fraction:
    """Read ``30``, ``29.97`` or ``30000/1001``: frames a second."""
    rate = Fraction(text) if _RATE.fullmatch(text) else Fraction(0)
    if not 0 < rate <= 1000:
        raise ValueError("give frames a second, such as 30 or 30000/1001")
    return rate


def region(text: str) -> tuple[int, int, int, int]:
    """Read ``160,120,320,240``: left, top, width and height in pixels."""
    numbers = [part.strip() for part in text.split(",")]
    if len(numbers) != 4 or not all(number.isascii() and number.isdecimal() for number in numbers):
        raise ValueError("give left,top,width,height, such as 160,120,320,240")
    left, top, width, height = map(int, numbers)
    if min(width, height) < 1:
        raise ValueError("width and height must be 1 or more")
    return left, top, width, height


def seconds(text: str) -> float:
    """Read a duration above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not (math.isfinite(value) and value > 0):
        raise ValueError("give seconds, such as 5 or 0.5")
    return value


def whole_number(text: str) -> int:
    """Read a whole number from 1."""
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise ValueError("give a whole number from 1")
    return int(text)


def megabytes(text: str) -> int:
    """Read a whole number of megabytes, and give bytes."""
    return whole_number(text) * 1_000_000


def pixel_count(text: str) -> int:
    """Read a number of pixels: ``24000000``, or ``24M`` for megapixels."""
    match = re.fullmatch(r"([0-9]{1,12})|([0-9]{1,6}(?:\.[0-9]{1,6})?)[Mm]", text)
    count = 0 if match is None else int(match[1] or round(float(match[2] or 0) * 1_000_000))
    if count < _LEAST_PIXELS:
        raise ValueError(f"give the most pixels of a picture, such as 24000000 or 24M, at least {_LEAST_PIXELS}")
    return count


def flag(text: str) -> bool:
    """Read ``1``, ``yes``, ``true``, ``on``, or the opposites."""
    if text.lower() in ("1", "yes", "true", "on"):
        return True
    if text.lower() in ("0", "no", "false", "off"):
        return False
    raise ValueError("give yes or no")


def one_of(*names: str) -> Callable[[str], str]:
    """Make a reader for one of some words."""

    def read(text: str) -> str:
        if text not in names:
            raise ValueError(f"give one of {', '.join(names)}")
        return text

    return read


def never(uri: Uri) -> bool:
    """Refuse every name."""
    return False


def always(uri: Uri) -> bool:
    """Accept every name."""
    return True


@dataclass(frozen=True)
class Kind:
    """Describe one kind of source or sink; help, checks, the service and opening all read that record.

    Attributes
    ----------
    name
        What it is called.
    module
        Below ``edge_srcnn``, imported when chosen; has ``options(uri)``, which touches nothing, and
        ``open(uri, **given)``, which gets what that read.
    example
        A name, for help and messages.
    schemes
        Schemes that name it; none given: its own name.
    opens
        Whether it opens a path without a scheme; the first kind of the table that does is chosen.
    camera
        Its frames come from a camera, here or in the network.
    reopens
        It may get lost and come back, as a camera does; a file does not.
    live, connects
        It shows the newest frame, and may miss others; to begin waits for a peer, and then it connects by itself.
    blocking, records, one_size
        Writing to it may wait for a disk or a peer; it can be switched off and on; its pictures are of one size.
    """

    name: str
    module: str
    example: str
    schemes: tuple[str, ...] = ()
    opens: Callable[[Uri], bool] = never
    camera: bool = False
    reopens: Callable[[Uri], bool] = never
    live: bool = False
    blocking: bool = True
    connects: bool = False
    records: bool = False
    one_size: bool = False

    def options(self, uri: Uri) -> Any:
        """Read the options of a name; ``UsageError`` where they make no sense."""
        return self.load().options(uri)

    def open(self, uri: Uri) -> Any:
        """Open the source or sink, with the options of its name."""
        return self.load().open(uri, **self.options(uri))

    def load(self) -> Any:
        """Import its module."""
        return importlib.import_module(f"edge_srcnn.{self.module}")


def find_kind(uri: Uri, kinds: Sequence[_Kind], role: str) -> _Kind:
    """Find the kind that a name belongs to; ``UsageError``, with examples, where there is none."""
    for kind in kinds:
        if uri.scheme in (kind.schemes or (kind.name,)) if uri.scheme else kind.opens(uri):
            return kind
    if uri.scheme in _STORES:
        raise UsageError(
            f"{uri.text}: no {role} is in a store; edge-srcnn upscale reads and writes {uri.scheme}://, and"
            " edge-srcnn run records into a folder"
        )
    few = ", ".join(kind.example for kind in kinds[:4])
    raise UsageError(f"{uri.text}: no {role} is called {uri.scheme!r}; give one such as {few}")


def examples(kinds: Sequence[Kind]) -> str:
    """Write an example of each kind, for help and messages."""
    return ", ".join(kind.example for kind in kinds)
