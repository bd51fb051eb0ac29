"""Name what lies in a store: ``s3://bucket/folder/picture.png``, ``sftp://host/folder/``."""

import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePath, PurePosixPath
from urllib.parse import urlsplit

from edge_srcnn.errors import UsageError
from edge_srcnn.errors.masking import find_raw_character, remember, without_secrets

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_CHAIN = re.compile(r"(?:^[A-Za-z][A-Za-z0-9+.-]*::)|(?:::[A-Za-z][A-Za-z0-9+.-]*://)")
_LOCAL = ("file", "local")
_WEB = ("http", "https")
_SAME = {"s3a": "s3", "gcs": "gs", "ssh": "sftp"}
_BUCKETS = ("s3", "gs")
_LIVE = ("rtsp", "rtsps", "rtmp", "rtmps", "srt", "udp", "rtp", "mqtt", "mqtts")


@dataclass(frozen=True, order=True, slots=True, repr=False)
class StoreUrl:
    """Name a file, an object or a folder of a store; nothing is open, so it can be pickled.

    Attributes
    ----------
    scheme
        What fsspec calls the kind of store.
    authority
        A bucket, or a host with its port and who logs in; may be empty.
    path
        Behind the first slash, as the store has it: nothing in it is encoded.
    """

    scheme: str
    authority: str
    path: str

    @property
    def text(self) -> str:
        """Give the whole URL with user and password, to be opened and never to be shown."""
        return f"{self.scheme}://{self.authority}" + (f"/{self.path}" if self.path or self.authority else "")

    @property
    def store(self) -> "StoreUrl":
        """Give the store itself: a bucket, or a host."""
        return replace(self, path="")

    @property
    def server(self) -> "StoreUrl":
        """Give what answers for the store: a host; for all buckets of a kind it is the same."""
        return replace(self, authority="" if self.scheme in _BUCKETS else self.authority, path="")

    @property
    def name(self) -> str:
        """Give the last part of the path."""
        return self._pure.name

    @property
    def stem(self) -> str:
        """Give the last part of the path without its suffix."""
        return self._pure.stem

    @property
    def suffix(self) -> str:
        """Give the suffix with its dot; empty where there is none."""
        return self._pure.suffix

    @property
    def parent(self) -> "StoreUrl":
        """Give the folder."""
        return replace(self, path=self.path.rstrip("/").rpartition("/")[0])

    @property
    def ends_as_folder(self) -> bool:
        """Tell whether it is written as a folder, or names no more than the store."""
        return not self.path or self.path.endswith("/")

    @property
    def has_password(self) -> bool:
        """Tell whether a password stands in it."""
        return ":" in self.authority.rpartition("@")[0]

    @property
    def is_web(self) -> bool:
        """Tell whether it is read by HTTP; a query is then no part of the name."""
        return self.scheme in _WEB

    def same_as(self, other: "StoreUrl") -> bool:
        """Tell whether two URLs name the same object, whoever logs in."""
        return self._identity == other._identity

    def contains(self, other: "StoreUrl") -> bool:
        """Tell whether another URL lies below this one."""
        (scheme, host, path), (other_scheme, other_host, other_path) = self._identity, other._identity
        return (scheme, host) == (other_scheme, other_host) and other_path[: len(path)] == path

    def __truediv__(self, relative: str | PurePath) -> "StoreUrl":
        """Name something below it."""
        return replace(self, path=f"{self.path.rstrip('/')}/{relative}" if self.path.rstrip("/") else str(relative))

    def __str__(self) -> str:
        """Write the URL without passwords, to be shown."""
        return without_secrets(self.text)

    def __repr__(self) -> str:
        """Write the URL without passwords."""
        return f"StoreUrl({str(self)!r})"

    @property
    def _pure(self) -> PurePosixPath:
        return PurePosixPath(self.path.partition("?")[0] if self.is_web else self.path)

    @property
    def _identity(self) -> tuple[str, str, tuple[str, ...]]:
        return self.scheme, self.authority.rpartition("@")[2].lower(), PurePosixPath(self.path).parts


Location = Path | StoreUrl
"""Where a picture or video lies: on this machine, or in a store."""


def read_location(text: str | Path) -> Location:
    """Read a path, or the URL of a store, and mask its password from then on.

    Parameters
    ----------
    text
        What has no ``scheme://`` is a path; so is what follows ``file://``.

    Returns
    -------
    A path, or a name in a store.

    Raises
    ------
    UsageError
        It names no bucket, holds credentials where none belong, or is a stream or a chain of URLs.
    """
    match = None if isinstance(text, Path) else _URL.fullmatch(text)
    if isinstance(text, str) and _CHAIN.search(text):
        raise UsageError(f"{text}: chains of URLs (::) are not read; name the store alone")
    if isinstance(text, Path) or match is None:
        return Path(text)
    scheme = _SAME.get(match[1].lower(), match[1].lower())
    if scheme in _LOCAL:
        return Path(match[2])
    if scheme in _LIVE:
        raise UsageError(f"{text}: is a live stream; edge-srcnn run --source reads it")
    authority, _, path = match[2].partition("/")
    if scheme in _BUCKETS:
        _check_bucket(text, scheme, authority)
    elif "@" in match[2]:
        _check_login(text, scheme, authority)
    url = StoreUrl(scheme, authority, path)
    if url.has_password or url.is_web:  # a user's name alone is no secret, and stands in paths, too
        remember(text)
    return url


def _check_bucket(text: str, scheme: str, bucket: str) -> None:
    if not bucket:
        raise UsageError(f"{text}: names no bucket; write {scheme}://BUCKET/FOLDER/")
    if "@" in bucket or (":" in bucket and not bucket.startswith("arn:")):
        where = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" if scheme == "s3" else "GOOGLE_APPLICATION_CREDENTIALS"
        raise UsageError(f"{scheme}://***: credentials do not belong in the URL; set {where}, and name the bucket")


def _check_login(text: str, scheme: str, authority: str) -> None:
    if (raw := find_raw_character(text)) is not None:
        character, written, shown = raw
        raise UsageError(
            f"{shown}: the user or password in front of the @ holds {character!r}, which ends it; write it as {written}"
        )
    try:
        _ = urlsplit(f"{scheme}://{authority}").port
    except ValueError as error:
        raise UsageError(f"{text}: cannot be read ({error}); write {scheme}://USER@HOST:PORT/FOLDER/") from error
