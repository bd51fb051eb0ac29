"""Read and write PNG chunks (ISO/IEC 15948:2023): what a picture says of its colours."""

import struct
import zlib
from collections.abc import Iterator
from io import SEEK_CUR
from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEAD_BYTES = len(SIGNATURE) + 25
"""Signature and IHDR: after them every other chunk may stand."""

COLOUR_CHUNKS = (b"cICP", b"gAMA", b"cHRM", b"sRGB", b"mDCV", b"cLLI")
"""Chunks that say how samples become light; an ICC profile goes by itself."""

_MOST_BYTES = 100  # of a chunk of colours; they have 1 to 32
_PQ, _HLG = 16, 18  # transfer characteristics of ITU-T H.273
_SRGB_GAMMA = struct.pack(">I", 45_455)
_SRGB_PRIMARIES = struct.pack(">8I", 31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000)


def chunk(name: bytes, data: bytes) -> bytes:
    """Make a chunk: length, name, data, and their CRC."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def text_chunk(key: str, text: str, *, compressed: bool = False) -> bytes:
    """Make an iTXt chunk, in UTF-8."""
    data = text.encode("utf-8", "replace")
    head = key.encode("latin-1", "replace")[:79] + b"\0" + bytes([compressed, 0]) + b"\0\0"
    return chunk(b"iTXt", head + (zlib.compress(data) if compressed else data))


def read_chunks(file: BinaryIO, names: tuple[bytes, ...]) -> Iterator[tuple[bytes, bytes]]:
    """Read small chunks by their names, (name, data), up to the pixels; of a damaged file as many as there are."""
    file.seek(len(SIGNATURE))
    while len(head := file.read(8)) == 8 and head[4:] != b"IDAT":
        length, name = struct.unpack(">I", head[:4])[0], head[4:]
        if name in names and length <= _MOST_BYTES:
            data = file.read(length)
            if file.read(4) == struct.pack(">I", zlib.crc32(name + data)):
                yield name, data
        else:
            file.seek(length + 4, SEEK_CUR)


def is_hdr(chunks: tuple[tuple[bytes, bytes], ...]) -> bool:
    """Tell whether chunks of colours name a transfer of high dynamic range: PQ or HLG."""
    return any(name == b"cICP" and data[1:2] in (bytes([_PQ]), bytes([_HLG])) for name, data in chunks)


def is_srgb(chunks: tuple[tuple[bytes, bytes], ...]) -> bool:
    """Tell whether chunks of colours say what is assumed without them."""
    usual = {b"gAMA": _SRGB_GAMMA, b"cHRM": _SRGB_PRIMARIES, b"cICP": b"\x01\x0d\x00\x01"}
    return all(name == b"sRGB" or usual.get(name) == data for name, data in chunks)
