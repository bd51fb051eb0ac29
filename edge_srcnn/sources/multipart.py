"""Find the pictures in the multipart streams that cameras send, which few of them send by the book (RFC 2046)."""

import re
from collections.abc import Callable

from edge_srcnn.imaging.jpeg import SOI, JpegWalk

_HEADER = re.compile(rb"([!-9;-~]+)[ \t]*:[ \t]*(.*)")
_BLANK = b"\r\n"
_LONGEST_LINE, _MOST_HEADERS = 16_384, 100
_SHORTEST_DELIMITER = 4
_RELIABLE = 8  # a delimiter of so many bytes does not come up in a picture by chance, after a line's end or not
_NO_PICTURES = ("audio/", "application/json", "application/xml")


class TooLarge(ValueError):
    """Report a part that has more bytes than a picture may have."""


class MultipartParser:
    """Take pictures out of a stream, whatever is missing or wrong in what stands around them.

    A JPEG ends where its markers say so. Delimiters, which are learned from the stream, cut off what is torn; lengths
    only tell how much of another part, such as sound, is to be skipped.

    Parameters
    ----------
    boundary
        As the response's header names it, with or without dashes; None: it names none.
    most_bytes
        The largest picture.
    check
        Is told the width and height of each picture before the rest of it is collected, and may raise.

    Attributes
    ----------
    damaged
        Pictures that began, and of which nothing is left to be decoded.
    """

    def __init__(
        self, boundary: str | None, most_bytes: int, check: Callable[[tuple[int, int]], None] = lambda size: None
    ) -> None:
        self.damaged = 0
        self._declared = (boundary or "").encode("latin-1", "replace").strip(b'"- \t')
        self._delimiter = b"--" + self._declared if len(self._declared) >= 2 else b""
        self._most_bytes, self._check = most_bytes, check
        self._buffer = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._length: int | None = None
        self._behind = 0  # bytes that belong to the part of the last picture, behind it
        self._searched = 0
        self._walk = JpegWalk()
        self._pictures: list[bytes] = []
        self._state: Callable[[], bool] = self._between

    def feed(self, data: bytes) -> list[bytes]:
        """Take what came, and give the pictures that are complete by now; some may be torn.

        Parameters
        ----------
        data
            Any number of bytes.

        Returns
        -------
        JPEG files.

        Raises
        ------
        TooLarge
            A picture does not end.
        """
        self._buffer += data
        while self._state():
            pass
        if len(self._buffer) > self._most_bytes:
            raise TooLarge(f"more than {self._most_bytes / 1e6:.0f} MB without an end")
        pictures, self._pictures = self._pictures, []
        return pictures

    def end(self) -> list[bytes]:
        """Give what is left of a picture when the stream has ended."""
        rest, self._buffer = bytes(self._buffer), bytearray()
        return [rest] if rest and self._state == self._picture else []

    def _between(self) -> bool:
        """Read lines until a header or a picture begins."""
        buffer = self._buffer
        line_end = buffer.find(b"\n")
        picture = buffer.find(SOI, 0, line_end if line_end >= 0 else len(buffer))
        if picture >= 0:
            if picture < self._behind:  # a preview, say
                self._drop(picture + len(SOI))
                return True
            self._drop(picture)
            self._headers = {}
            return self._begin_part()
        if line_end < 0:
            if len(buffer) > _LONGEST_LINE:
                self._drop(len(buffer) - len(SOI))
            return False
        line = bytes(buffer[:line_end]).rstrip()
        self._drop(line_end + 1)
        if self._is_delimiter(line):
            self._behind = 0
        elif header := _HEADER.fullmatch(line):
            self._behind = 0
            self._headers = {header[1].lower(): header[2]}
            self._state = self._read_headers
        return True

    def _read_headers(self) -> bool:
        buffer = self._buffer
        if buffer.startswith(SOI):
            return self._begin_part()
        line_end = buffer.find(b"\n")
        if line_end < 0 or len(self._headers) > _MOST_HEADERS:
            if len(buffer) > _LONGEST_LINE or len(self._headers) > _MOST_HEADERS:
                self._state = self._between
                return True
            return False
        line = bytes(buffer[:line_end]).rstrip()
        self._drop(line_end + 1)
        if not line:
            return self._begin_part()
        if self._is_delimiter(line):
            self._state = self._between
        elif header := _HEADER.fullmatch(line):
            self._headers[header[1].lower()] = header[2]
        return True

    def _begin_part(self) -> bool:
        kind = self._headers.get(b"content-type", b"").strip(b"\"' ").lower().decode("latin-1")
        length = self._headers.get(b"content-length", b"").strip()
        self._length = int(length) if length.isdigit() and int(length) <= self._most_bytes else None
        self._searched, self._behind = 0, 0
        self._state = self._skip if kind.startswith(_NO_PICTURES) else self._look
        return True

    def _look(self) -> bool:
        """Tell by its first bytes whether a part is a picture."""
        buffer = self._buffer
        self._drop(len(buffer) - len(buffer.lstrip(_BLANK)))
        if len(buffer) < len(SOI):
            return False
        self._walk = JpegWalk()
        self._state = self._picture if buffer.startswith(SOI) else self._skip
        return True

    def _skip(self) -> bool:
        """Leave out a part that is no picture."""
        at, ahead = self._find_delimiter(), len(self._delimiter) + len(_BLANK)
        if at >= 0:
            self._drop(at)
        elif self._length is not None and len(self._buffer) >= self._length + ahead:
            self._drop(self._length)
        elif self._length is None and not self._delimiter:  # until the next picture
            self._drop(1)
        else:
            if self._length is None:
                self._drop(len(self._buffer) - ahead)
            return False
        self._state = self._between
        return True

    def _picture(self) -> bool:
        damaged, end = False, None
        try:
            end = self._walk.end(self._buffer)
        except ValueError:
            damaged = True
        if self._walk.size is not None:
            self._check(self._walk.size)
        at = self._find_delimiter()
        if end is not None and (not 0 <= at < end or end == self._length):
            self._behind = 0 if self._length is None else max(self._length - end, 0)
            self._pictures.append(bytes(self._buffer[:end]))
            self._drop(end, behind=True)
            self._state = self._between
            return True
        if at >= 0:  # torn: whether something is missing the decoder knows
            self._pictures.append(bytes(self._buffer[:at]))
            self._drop(at)
            self._state = self._between
            return True
        if damaged:
            self.damaged += 1
            self._searched = 0
            self._drop(1)
            self._state = self._skip
        return damaged

    def _find_delimiter(self) -> int:
        """Find the next delimiter; -1 where it did not come yet, or none is known."""
        if len(self._delimiter) < _SHORTEST_DELIMITER:
            return -1
        if self._searched == 0 and self._buffer.startswith(self._delimiter):
            return 0
        wanted = self._delimiter if len(self._delimiter) >= _RELIABLE else b"\n" + self._delimiter
        at = self._buffer.find(wanted, self._searched)
        self._searched = max(len(self._buffer) - len(wanted), 0) if at < 0 else at
        return at

    def _is_delimiter(self, line: bytes) -> bool:
        """Recognize a delimiter, and learn it."""
        bare = line.rstrip(b"- \t")
        if not (bare.startswith(b"--") or (self._declared and bare.lstrip(b"-") == self._declared)):
            return False
        if len(bare) >= _SHORTEST_DELIMITER:
            self._delimiter = bare
        return True

    def _drop(self, count: int, *, behind: bool = False) -> None:
        count = max(count, 0)
        del self._buffer[:count]
        self._searched = max(self._searched - count, 0)
        if not behind:
            self._behind = max(self._behind - count, 0)
