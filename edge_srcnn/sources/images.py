"""Read picture files: whatever Pillow reads, turned into upright 8-bit grey or RGB and its metadata."""

import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from edge_srcnn.errors import BadPicture, EdgeSrcnnError, NoInput, reason
from edge_srcnn.imaging.frame import Metadata, Picture
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.system.native_stderr import quiet_native_code
from edge_srcnn.uri import PICTURE_SUFFIXES

log = logging.getLogger(__name__)

MAX_PIXELS = 150_000_000
"""Larger pictures are refused before a byte of them is decoded."""

_TOO_LARGE = f"more than the limit of {MAX_PIXELS // 1_000_000} megapixels; cut it into parts first"
_GREY_MODES = frozenset({"1", "L", "LA", "La"})
_DEEP_MODES = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})
_DEEP_SAMPLES = re.compile(r"(?<!BGR);16")  # of Pillow's raw modes; "BGR;16" is a BMP of 5 + 6 + 5 bits a pixel
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


def find_pictures(folder: Path) -> list[Path]:
    """List picture files below a folder by path, without hidden ones; ``NoInput`` where there is none."""
    if not os.path.isdir(folder):  # Path.is_dir raises where it may not look
        raise NoInput(f"{folder}: no such folder")
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".") and os.path.isfile(path)
    )
    if not found:
        raise NoInput(f"{folder}: no picture in it ({', '.join(sorted(PICTURE_SUFFIXES))})")
    return found


def read_picture(path: Path) -> Picture:
    """Decode a picture file.

    16-bit samples are reduced to 8 bits, the first frame of an animation is taken, and damaged EXIF data is
    left out, with one warning in the log for each. Palettes and CMYK become RGB.

    Parameters
    ----------
    path
        Its suffix does not matter.

    Returns
    -------
    Upright samples, and what the file said about them.

    Raises
    ------
    NoInput
        The file is missing or unreadable.
    BadPicture
        It is no picture, is damaged, or has more than ``MAX_PIXELS`` pixels.
    """
    with _mapped_errors(path), Image.open(path) as image:
        if image.width * image.height > MAX_PIXELS:
            raise BadPicture(f"{path}: {image.width}x{image.height} pixels, {_TOO_LARGE}")
        if image.mode == "F":
            raise BadPicture(f"{path}: floating-point samples; save it as 8 or 16 bits first")
        n_frames = getattr(image, "n_frames", 1)
        if n_frames > 1:
            log.warning("%s: %d frames; only the first is read", path, n_frames)
        if image.mode in _DEEP_MODES or _DEEP_SAMPLES.search(str(getattr(image, "tile", ""))):
            log.warning("%s: 16 bits a sample, reduced to 8", path)
        with quiet_native_code() if image.format == "TIFF" else nullcontext():  # libtiff talks to the terminal
            image.load()
        exif = _turn_upright(path, image)
        return Picture(_samples(image), _metadata(image, exif))


def _turn_upright(path: Path, image: Image.Image) -> bytes | None:
    """Turn the picture in place as its EXIF or XMP orientation says, and give the EXIF data that still holds."""
    try:
        ImageOps.exif_transpose(image, in_place=True)
        exif = image.getexif()
        for tag in set(exif) - _EXIF_TAGS:
            del exif[tag]
        if ExifTags.IFD.Exif in exif:
            for tag in _STALE_SETTINGS:
                exif.get_ifd(ExifTags.IFD.Exif).pop(tag, None)
        return exif.tobytes() if len(exif) else None
    except MemoryError:
        raise
    except Exception as error:  # Pillow raises anything on damaged tables; the pixels are good
        log.warning("%s: damaged EXIF data, left out (%s)", path, error)
        return None


def _samples(image: Image.Image) -> UInt8Array:
    if image.mode in _DEEP_MODES:
        deep = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        return ((deep + 128) // 257).astype(np.uint8)
    mode = ("L" if image.mode in _GREY_MODES else "RGB") + ("A" if image.has_transparency_data else "")
    return np.asarray(image if image.mode == mode else image.convert(mode))


def _metadata(image: Image.Image, exif: bytes | None) -> Metadata:
    x_dpi, y_dpi = image.info.get("dpi") or (0, 0)
    xmp = image.info.get("xmp")
    text = getattr(image, "text", {})
    return Metadata(
        icc_profile=image.info.get("icc_profile") if image.mode != "CMYK" else None,
        exif=exif,
        xmp=xmp.encode() if isinstance(xmp, str) else xmp,
        dpi=(float(x_dpi), float(y_dpi)) if 0 < x_dpi <= _MAX_DPI and 0 < y_dpi <= _MAX_DPI else None,
        text={key: str(value) for key, value in text.items() if not key.startswith(("XML:", "Raw profile type "))},
    )


@contextmanager
def _mapped_errors(path: Path) -> Iterator[None]:
    """Turn Pillow's and the system's errors into ours; our limit replaces its decompression-bomb alarm."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged metadata is no reason to speak; damaged pixels raise
            yield
    except (EdgeSrcnnError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise NoInput(f"{path}: no such file or folder") from error
    except UnidentifiedImageError as error:
        empty = path.stat().st_size == 0
        raise BadPicture(f"{path}: {'the file is empty' if empty else 'not a picture that can be read'}") from error
    except Image.DecompressionBombError as error:
        raise BadPicture(f"{path}: {_TOO_LARGE}") from error
    except Exception as error:  # decoders raise anything on damaged files
        if isinstance(error, OSError) and error.errno is not None:  # the system's; Pillow's own have no number
            raise NoInput(f"{path}: cannot be read ({reason(error)})") from error
        raise BadPicture(f"{path}: damaged picture ({reason(error)})") from error
