"""Picture files that no library at hand writes, byte by byte: PNG by its specification, ICC profiles for CMYK."""

import struct
import zlib

import numpy as np

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by channels; ISO/IEC 15948, 11.2.2


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(samples: np.ndarray, *chunks: bytes) -> bytes:
    """A PNG of 8 or 16 bits, of 1 to 4 channels, with other chunks before its pixels."""
    planes = samples if samples.ndim == 3 else samples[..., None]
    height, width, channels = planes.shape
    bits = 8 * samples.dtype.itemsize
    head = struct.pack(">IIBBBBB", width, height, bits, _COLOUR_TYPES[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in planes.astype(planes.dtype.newbyteorder(">")))
    body = (png_chunk(b"IHDR", head), *chunks, png_chunk(b"IDAT", zlib.compress(rows)), png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def cmyk_profile(corners: np.ndarray) -> bytes:
    """An ICC profile (ICC.1:2010) of a table: Lab for the 16 corners of CMYK, ``[2, 2, 2, 2, 3]``, 8 bits.

    Lab is encoded as in 10.9 ("lut8Type"): L 0..100 and a, b -128..127 as 0..255.
    """
    identity = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table += identity * 4 + corners.astype(np.uint8).tobytes() + identity * 3
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in (0.9642, 1.0, 0.8249)))
    text = b"text\0\0\0\0none\0\0\0\0"
    desc = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + b"\0" * 78
    tags = [(b"A2B0", table), (b"wtpt", white), (b"cprt", text), (b"desc", desc)]
    at, entries, data = 128 + 4 + 12 * len(tags), b"", b""
    for name, value in tags:
        padded = value + b"\0" * (-len(value) % 4)
        entries += struct.pack(">4sII", name, at + len(data), len(value))
        data += padded
    head = struct.pack(">I4sI4s4s4s", at + len(data), b"\0\0\0\0", 0x02400000, b"prtr", b"CMYK", b"Lab ")
    head += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 24 + struct.pack(">I", 1)
    head += struct.pack(">3i", *(round(v * 65536) for v in (0.9642, 1.0, 0.8249)))
    return head + b"\0" * (128 - len(head)) + struct.pack(">I", len(tags)) + entries + data
