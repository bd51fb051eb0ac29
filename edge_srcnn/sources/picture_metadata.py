"""Read what picture files say besides their pixels: EXIF, XMP, profile, text, dots per inch."""

import logging
import re
from pathlib import Path

from PIL import ExifTags, Image, ImageOps

from edge_srcnn.imaging.frame import Metadata
from edge_srcnn.imaging.png import COLOUR_CHUNKS, read_chunks

log = logging.getLogger(__name__)

_GAIN_MAP = re.compile(rb"""\s(?:hdrgm|Item|Container):\w+=(?:"[^"]*"|'[^']*')""")
_GAIN_MAP_LISTS = re.compile(
    rb"<(hdrgm|Container|GContainer):(\w+)\b.*?</\1:\2>|<(?:hdrgm|Item):\w+\b[^>]*/>", re.DOTALL
)
_MAX_DPI = 65_535  # what JPEG can hold

# Other tags of the first EXIF table say how the old file stored its pixels, or go as ``Metadata.dpi``.
_EXIF_TAGS = frozenset(
    {
        ExifTags.Base.ImageDescription,
        ExifTags.Base.Make,
        ExifTags.Base.Model,
        ExifTags.Base.Software,
        ExifTags.Base.DateTime,
        ExifTags.Base.Artist,
        ExifTags.Base.HostComputer,
        ExifTags.Base.Rating,
        ExifTags.Base.RatingPercent,
        ExifTags.Base.Copyright,
        ExifTags.Base.XPTitle,
        ExifTags.Base.XPComment,
        ExifTags.Base.XPAuthor,
        ExifTags.Base.XPKeywords,
        ExifTags.Base.XPSubject,
        ExifTags.IFD.Exif,
        ExifTags.IFD.GPSInfo,
    }
)
_STALE_SETTINGS = (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight, ExifTags.IFD.Interop)


def turn_upright(path: Path, image: Image.Image) -> bytes | None:
    """Turn the picture in place as its EXIF or XMP orientation says, and give the EXIF data that still holds."""
    try:
        ImageOps.exif_transpose(image, in_place=True)
        found = image.getexif()
        exif = Image.Exif()  # one of its own: that of a BigTIFF would be written as one
        exif.endian = found.endian
        for tag in set(found) & _EXIF_TAGS:
            nested = tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
            exif[tag] = dict(found.get_ifd(tag)) if nested else found[tag]
        for tag in _STALE_SETTINGS:
            exif.get(ExifTags.IFD.Exif, {}).pop(tag, None)
        return exif.tobytes() if len(exif) else None
    except MemoryError:
        raise
    except Exception as error:  # Pillow raises anything on damaged tables; the pixels are good
        log.warning("%s: damaged EXIF data, left out (%s)", path, error)
        return None


def metadata_of(path: Path, image: Image.Image, exif: bytes | None) -> Metadata:
    """Collect what a decoded picture said about itself.

    Parameters
    ----------
    path
        Its file.
    image
        As Pillow decoded it.
    exif
        What ``turn_upright`` gave.

    Returns
    -------
    What goes with the result: nothing that holds for the old file alone.
    """
    x_dpi, y_dpi = image.info.get("dpi") or (0, 0)
    xmp = image.info.get("xmp")
    text = getattr(image, "text", {})
    colours: tuple[tuple[bytes, bytes], ...] = ()
    if image.format == "PNG":
        with open(path, "rb") as file:
            colours = tuple(read_chunks(file, COLOUR_CHUNKS))
    return Metadata(
        icc_profile=image.info.get("icc_profile") if image.mode not in ("CMYK", "LAB") else None,
        exif=exif,
        xmp=_without_gain_map(path, xmp.encode() if isinstance(xmp, str) else xmp),
        dpi=(float(x_dpi), float(y_dpi)) if 0 < x_dpi <= _MAX_DPI and 0 < y_dpi <= _MAX_DPI else None,
        text={key: str(value) for key, value in text.items() if not key.startswith(("XML:", "Raw profile type "))},
        png_colours=colours,
    )


def _without_gain_map(path: Path, xmp: bytes | None) -> bytes | None:
    """Take out what says that a gain map (ISO 21496-1, Ultra HDR) follows: it is not written."""
    if xmp is None or b"hdrgm" not in xmp:
        return xmp
    log.warning("%s: the gain map (HDR) is left out", path)
    return _GAIN_MAP.sub(b"", _GAIN_MAP_LISTS.sub(b"", xmp))
