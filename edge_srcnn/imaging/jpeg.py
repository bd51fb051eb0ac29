"""Follow the markers of a JPEG (ITU-T T.81, annex B): where it ends, how large it is, and a seal at its end.

Nothing is decoded here.
"""

import re
from collections.abc import Sequence
from contextlib import suppress

SOI = b"\xff\xd8\xff"
"""What a JPEG begins with: its first marker, and the first byte of the next."""

_EOI = b"\xff\xd9"
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # TEM, RST0 to RST7, SOI: no length follows
_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15, without DHT, JPG and DAC
_SCAN = 0xDA
# what may follow a scan; other bytes after 0xFF are stuffed zeros, restarts, or damage
_AFTER_SCAN = re.compile(rb"\xff[\xc4\xd8-\xdd\xe0-\xef\xfe]")
# ones alone are no code of any Huffman table (annex C): a decoder that wants more bits than there are fails on them
_SEAL = b"\xff\x00" * 16


class JpegWalk:
    """Walk along the markers of a JPEG while its bytes come in.

    Attributes
    ----------
    size
        Width and height, as soon as they came.
    """

    def __init__(self) -> None:
        self.size: tuple[int, int] | None = None
        self._at, self._in_scan = 0, False

    def end(self, data: bytes | bytearray) -> int | None:
        """Find where the picture ends.

        Parameters
        ----------
        data
            From the first byte of the picture on; each time with more behind it.

        Returns
        -------
        The number of its bytes; None where its end did not come yet.

        Raises
        ------
        ValueError
            It is cut off or damaged: there is no marker where one must be, or another picture begins.
        """
        while True:
            if self._in_scan:
                found = _AFTER_SCAN.search(data, self._at)
                if found is None:
                    self._at = max(self._at, len(data) - 1)
                    return None
                self._at, self._in_scan = found.start(), False
            head = data[self._at : self._at + 9]
            if len(head) < 2:
                return None
            if head[0] != 0xFF or head[1] == 0 or (head[1] == SOI[1] and self._at):
                raise ValueError(f"no marker at byte {self._at}")
            if head[1] == 0xFF:
                self._at += 1
            elif head[1] == _EOI[1]:
                return self._at + 2
            elif head[1] in _STANDALONE:
                self._at += 2
            elif len(head) < 4 or (head[1] in _SIZES and len(head) < 9):
                return None
            else:
                self._skip_segment(head)

    def _skip_segment(self, head: Sequence[int]) -> None:
        length = head[2] << 8 | head[3]
        if length < 2:
            raise ValueError(f"a segment of {length} bytes at byte {self._at}")
        if head[1] in _SIZES:
            self.size = head[7] << 8 | head[8], head[5] << 8 | head[6]
        self._at += 2 + length
        self._in_scan = head[1] == _SCAN


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Read width and height of a JPEG, which need not be whole; None where they cannot be found."""
    walk = JpegWalk()
    with suppress(ValueError):
        walk.end(data)
    return walk.size


def sealed(data: bytes) -> bytes:
    """Put something at the end of a JPEG's last scan that a decoder stumbles over if the scan is cut off.

    FFmpeg takes the zeros that it imagines behind the data for a grey rest of the picture, as long as that is small.

    Parameters
    ----------
    data
        A JPEG, and whatever a camera sent behind it.

    Returns
    -------
    The JPEG alone, which decodes to the same pixels if all of its scan is there. Two fields stay as they are.
    """
    try:
        end = JpegWalk().end(data)
    except ValueError:
        return data
    if end is None:
        return data.rstrip(b"\0") + _SEAL + _EOI
    if data.startswith(SOI, end):
        return data
    return data[: end - len(_EOI)] + _SEAL + _EOI
