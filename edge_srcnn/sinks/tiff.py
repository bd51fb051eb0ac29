"""Write TIFF (TIFF 6.0; Adobe's Technote 3 for EXIF): the tags, nested ones too, then deflated strips.

Pillow writes no colour of 16 bits, and its deflating writer no tables inside tables.
"""

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, TiffImagePlugin

from edge_srcnn.errors import CannotWrite
from edge_srcnn.imaging.frame import Metadata
from edge_srcnn.imaging.luma import Samples

_TABLES_AT = 8
_STRIP_BYTES = 1 << 18
_MOST_BYTES = (1 << 32) - (1 << 20)
_DEFLATE, _HORIZONTAL_DIFFERENCES = 8, 2
_BLACK_IS_ZERO, _RGB = 1, 2
_UNASSOCIATED_ALPHA = 2
_INCH = 2
_SAMPLES_PER_PIXEL, _ROWS_PER_STRIP, _PREDICTOR, _EXTRA_SAMPLES, _PROFILE = 277, 278, 317, 338, 34_675


@dataclass(frozen=True)
class Strips:
    """Hold deflated strips of a picture, each of so many rows but for the last; ``bits`` a sample."""

    data: tuple[bytes, ...]
    rows: int
    bits: int


def deflate(shape: tuple[int, ...], bands: Iterable[Samples], level: int = 6) -> Strips:
    """Compress a picture that comes in bands of rows, so that it need not be held.

    Parameters
    ----------
    shape
        ``[h, w]`` or ``[h, w, channels]`` of the whole.
    bands
        uint8 or uint16 rows, together the whole.
    level
        Of deflate, 0 to 9.

    Returns
    -------
    What ``write_tiff`` writes.
    """
    channels = shape[2] if len(shape) == 3 else 1
    data, rows, bits = list[bytes](), 0, 8
    for strip in _strips(bands, shape[1] * channels):
        bits, rows = 8 * strip.dtype.itemsize, rows or len(strip)
        differences = _differences(strip.reshape(len(strip), shape[1], channels))
        data.append(zlib.compress(differences.tobytes(), level))
    return Strips(tuple(data), rows, bits)


def write_tiff(file: BinaryIO, shape: tuple[int, ...], strips: Strips, metadata: Metadata) -> None:
    """Write a picture with its metadata.

    Parameters
    ----------
    file
        Open for writing, at its beginning.
    shape
        ``[h, w]`` or ``[h, w, channels]``.
    strips
        Of ``deflate``.
    metadata
        Profile, EXIF, XMP and dots per inch are written.

    Raises
    ------
    CannotWrite
        It takes more than the 4 GB that a TIFF can hold.
    """
    channels = shape[2] if len(shape) == 3 else 1
    ends = list(accumulate(map(len, strips.data)))
    if ends[-1] > _MOST_BYTES:
        raise CannotWrite("a TIFF holds at most 4 GB; choose png")
    tags = _tags(metadata)
    tags[ExifTags.Base.ImageWidth], tags[ExifTags.Base.ImageLength] = shape[1], shape[0]
    tags[ExifTags.Base.BitsPerSample] = (strips.bits,) * channels
    tags[ExifTags.Base.Compression], tags[_PREDICTOR] = _DEFLATE, _HORIZONTAL_DIFFERENCES
    tags[ExifTags.Base.PhotometricInterpretation] = _RGB if channels > 2 else _BLACK_IS_ZERO
    tags[_SAMPLES_PER_PIXEL], tags[_ROWS_PER_STRIP] = channels, strips.rows
    tags[ExifTags.Base.StripByteCounts] = tuple(map(len, strips.data))
    tags[ExifTags.Base.StripOffsets] = (0, *ends[:-1])  # Pillow adds where its tables end
    if channels in (2, 4):
        tags[_EXTRA_SAMPLES] = _UNASSOCIATED_ALPHA
    file.write(b"II" + struct.pack("<HI", 42, _TABLES_AT))
    file.write(tags.tobytes(_TABLES_AT))
    for data in strips.data:
        file.write(data)


def _strips(bands: Iterable[Samples], row_samples: int) -> Iterable[Samples]:
    """Cut the rows into strips of one height; the last may be lower."""
    left: Samples | None = None
    for band in bands:
        band = band if left is None else np.concatenate([left, band])
        height = max(_STRIP_BYTES // (row_samples * band.dtype.itemsize), 1)
        whole = len(band) // height * height
        for top in range(0, whole, height):
            yield band[top : top + height]
        left = band[whole:].copy()
    if left is not None and len(left):
        yield left


def _differences(strip: Samples) -> Samples:
    """Give each pixel as what it differs by from the one to its left (TIFF 6.0, section 14)."""
    out = strip.astype(strip.dtype.newbyteorder("<"))
    out[:, 1:] -= strip[:, :-1]
    return out


def _tags(metadata: Metadata) -> TiffImagePlugin.ImageFileDirectory_v2:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    exif = Image.Exif()
    if metadata.exif:
        exif.load(metadata.exif)
    for tag, value in exif.items():
        tags[tag] = dict(exif.get_ifd(tag)) if tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo) else value
    if metadata.xmp:
        tags[ExifTags.Base.XMLPacket] = metadata.xmp
    if metadata.icc_profile:
        tags[_PROFILE] = metadata.icc_profile
    if metadata.dpi:
        tags[ExifTags.Base.XResolution], tags[ExifTags.Base.YResolution] = metadata.dpi
        tags[ExifTags.Base.ResolutionUnit] = _INCH
    return tags
