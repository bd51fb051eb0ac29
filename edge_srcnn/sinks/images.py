"""Write picture files: PNG, JPEG, WebP, BMP or TIFF by suffix, with the metadata of the input."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

from PIL import ExifTags, Image, PngImagePlugin

from edge_srcnn.errors import CannotWrite, UsageError, reason
from edge_srcnn.imaging.frame import Metadata
from edge_srcnn.imaging.luma import UInt8Array
from edge_srcnn.system.files import whole_file
from edge_srcnn.system.native_stderr import quiet_native_code

log = logging.getLogger(__name__)

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
MAX_SIDE_PX = {"JPEG": 65_500, "WEBP": 16_383}
"""Limits of libjpeg (JPEG_MAX_DIMENSION) and of the WebP format."""

_JPEG_SEGMENT_BYTES = 65_533 - len(b"http://ns.adobe.com/xap/1.0/\0")
_LIBTIFF = "tiff_adobe_deflate"  # written by libtiff, which talks to the terminal
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_NO_ALPHA = {"LA": "L", "RGBA": "RGB"}


@dataclass(frozen=True)
class Encoding:
    """Choose how pictures are written.

    Attributes
    ----------
    quality
        JPEG and WebP, 1..100.
    lossless
        WebP only.
    compression
        PNG, 0 (fast, large) to 9.
    """

    quality: int = 95
    lossless: bool = False
    compression: int = 6

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise UsageError(f"quality {self.quality}: must be 1 to 100")
        if not 0 <= self.compression <= 9:
            raise UsageError(f"compression {self.compression}: must be 0 to 9")


def format_of(path: Path) -> str:
    """Name the format that a path's suffix asks for; ``UsageError`` where there is none of that suffix."""
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        raise UsageError(f"{path}: no picture format has the suffix {path.suffix!r}; use {', '.join(FORMATS)}")
    return found


def write_picture(
    path: Path,
    shape: tuple[int, ...],
    bands: Iterable[tuple[int, UInt8Array]],
    metadata: Metadata,
    encoding: Encoding,
    *,
    overwrite: bool = False,
) -> None:
    """Write a picture that comes in bands of rows, so that it need not be held twice.

    Parameters
    ----------
    path
        Its suffix names the format.
    shape
        ``[h, w]`` or ``[h, w, channels]`` of the whole.
    bands
        (first row, uint8 rows), together the whole. They are not begun if ``path`` cannot be written.
    metadata
        Written as far as the format can hold it.
    encoding
        Quality and compression.
    overwrite
        Replace a file that is there.

    Raises
    ------
    OutputExists, CannotWrite, UsageError
        See ``whole_file`` and ``format_of``.
    """
    kind = format_of(path)
    limit = MAX_SIDE_PX.get(kind)
    if limit and max(shape[:2]) > limit:
        raise CannotWrite(
            f"{path}: {kind} holds at most {limit} pixels a side, not {max(shape[:2])}; choose png or tiff"
        )
    with whole_file(path, overwrite=overwrite) as file:
        mode = _MODES[shape[2] if len(shape) == 3 else 1]
        image = Image.new(mode, (shape[1], shape[0]), None)  # None: its memory is not touched before the rows come
        for top, band in bands:
            image.paste(Image.fromarray(band), (0, top))
        if kind in ("JPEG", "BMP"):
            image = _flattened(image)
        try:
            options = _options(path, kind, metadata, encoding)
            if options.get("compression") == _LIBTIFF:
                with quiet_native_code():
                    image.save(file, kind, **options)
            else:
                image.save(_without_number(file), kind, **options)
        except MemoryError:
            raise
        except OSError as error:
            if error.errno is None:  # what Pillow says when a library cannot write on
                raise CannotWrite(f"{path}: cannot be written ({reason(error)}); is the disk full?") from error
            raise
        except Exception as error:  # encoders raise anything on odd metadata
            raise CannotWrite(f"{path}: the {kind} encoder refuses the picture ({reason(error)})") from error


def _without_number(file: BinaryIO) -> Any:
    """Hide the file's number: Pillow would write to that itself, and miss that a full disk took only a part."""
    return SimpleNamespace(write=file.write, seek=file.seek, tell=file.tell, flush=file.flush)


def _flattened(image: Image.Image) -> Image.Image:
    """Let white shine through: JPEG and BMP have no transparency."""
    if image.mode not in _NO_ALPHA:
        return image
    ground = Image.new(_NO_ALPHA[image.mode], image.size, "white")
    ground.paste(image.convert(_NO_ALPHA[image.mode]), mask=image.getchannel("A"))
    return ground


def _options(path: Path, kind: str, metadata: Metadata, encoding: Encoding) -> dict[str, Any]:
    """Choose the arguments of Pillow's encoder."""
    options: dict[str, Any] = {"icc_profile": metadata.icc_profile, "dpi": metadata.dpi}
    if kind in ("JPEG", "WEBP"):
        options |= {"exif": metadata.exif, "xmp": metadata.xmp, "quality": encoding.quality}
    if kind == "JPEG":
        options["subsampling"] = 0  # no "optimize": Pillow then needs a buffer for the whole, and underestimates it
        for key in ("exif", "xmp"):
            if len(options[key] or b"") > _JPEG_SEGMENT_BYTES:
                log.warning("%s: %s data of %d bytes, too long for JPEG, left out", path, key, len(options.pop(key)))
    elif kind == "WEBP":
        options |= {"lossless": encoding.lossless, "exact": encoding.lossless}
    elif kind == "PNG":
        options |= {"exif": metadata.exif, "compress_level": encoding.compression, "pnginfo": _png_text(metadata)}
    elif kind == "TIFF":
        exif = _tiff_tags(metadata)
        # Pillow's deflating writer (libtiff) cannot write tables inside tables
        nested = ExifTags.IFD.Exif in exif or ExifTags.IFD.GPSInfo in exif
        options |= {"exif": exif, "compression": "raw" if nested else _LIBTIFF}
    return {key: value for key, value in options.items() if value is not None}


def _tiff_tags(metadata: Metadata) -> Image.Exif:
    tags = Image.Exif()
    if metadata.exif:
        tags.load(metadata.exif)
    if metadata.xmp:
        tags[ExifTags.Base.XMLPacket] = metadata.xmp
    return tags


def _png_text(metadata: Metadata) -> PngImagePlugin.PngInfo:
    chunks = PngImagePlugin.PngInfo()
    for key, value in metadata.text.items():
        chunks.add_itxt(key, value)
    if metadata.xmp:
        chunks.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace"))
    return chunks
