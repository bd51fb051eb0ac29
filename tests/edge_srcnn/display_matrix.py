"""Write any display matrix into an MP4 (ISO/IEC 14496-12, 8.3.2), as cameras do."""

import struct
from pathlib import Path

ORIENTATIONS = {
    "as it is": (1, 0, 0, 1),
    "mirrored": (-1, 0, 0, 1),
    "upside down": (-1, 0, 0, -1),
    "flipped": (1, 0, 0, -1),
    "clockwise": (0, 1, -1, 0),
    "counter-clockwise": (0, -1, 1, 0),
    "transposed": (0, 1, 1, 0),
    "transverse": (0, -1, -1, 0),
}
"""a, b, c, d: x' = a x + c y, y' = b x + d y."""

_MATRIX_AT = 44  # bytes after the name of a tkhd box of version 0


def put_display_matrix(path: Path, a: int, b: int, c: int, d: int) -> None:
    """Turn the first track of a file, which holds its pictures."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + _MATRIX_AT
    one = 1 << 16
    assert struct.unpack_from(">9i", data, at) == (one, 0, 0, 0, one, 0, 0, 0, 1 << 30)
    struct.pack_into(">9i", data, at, a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
