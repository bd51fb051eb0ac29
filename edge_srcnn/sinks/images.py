"""Write picture files: PNG, JPEG, WebP, BMP or TIFF by suffix, with the metadata of the input."""

import logging
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO, Protocol

import cv2
import numpy as np
from PIL import Image

from edge_srcnn.errors import CannotWrite, EdgeSrcnnError, UsageError, reason
from edge_srcnn.imaging.animation import Animation
from edge_srcnn.imaging.frame import Metadata
from edge_srcnn.imaging.luma import Samples, to_8_bits
from edge_srcnn.imaging.png import HEAD_BYTES, chunk, is_hdr, is_srgb, text_chunk
from edge_srcnn.sinks.tiff import deflate, write_tiff
from edge_srcnn.system.files import whole_file

log = logging.getLogger(__name__)

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
MAX_SIDE_PX = {"JPEG": 65_500, "WEBP": 16_383, "GIF": 65_535}
"""Limits of libjpeg (JPEG_MAX_DIMENSION), of the WebP format and of GIF."""

_JPEG_SEGMENT_BYTES = 65_533 - len(b"http://ns.adobe.com/xap/1.0/\0")
_INCH_M = 0.0254
_LONG_TEXT = 1000
_TO_BACKGROUND = 2  # GIF89a, section 23: each frame begins on an empty ground
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


class _Named(Protocol):
    @property
    def suffix(self) -> str: ...


def format_of(path: _Named) -> str:
    """Name the format that a path's suffix asks for; ``UsageError`` where there is none of that suffix."""
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        raise UsageError(f"{path}: no picture format has the suffix {path.suffix!r}; use {', '.join(FORMATS)}")
    return found


def write_picture(
    path: Path,
    shape: tuple[int, ...],
    bands: Iterable[tuple[int, Samples]],
    metadata: Metadata,
    encoding: Encoding,
    *,
    overwrite: bool = False,
) -> None:
    """Write a picture that comes in bands of rows, so that it need not be held twice.

    Parameters
    ----------
    path
        Its suffix chooses the format.
    shape
        ``[h, w]`` or ``[h, w, channels]`` of the whole.
    bands
        (first row, uint8 or uint16 rows), together the whole. They are not begun if ``path`` cannot be written. Of 16
        bits, PNG and TIFF keep all.
    metadata
        As far as the format has a place for it.
    encoding
        Quality and compression.
    overwrite
        Replace a file of that name.

    Raises
    ------
    OutputExists, CannotWrite, UsageError
        See ``whole_file`` and ``format_of``; the format cannot tell the picture's colours.
    """
    kind = format_of(path)
    _check_side(path, kind, max(shape[:2]))
    if kind != "PNG" and is_hdr(metadata.png_colours):
        raise CannotWrite(f"{path}: {kind} cannot tell that these are colours of high dynamic range; choose png")
    if kind != "PNG" and metadata.icc_profile is None and not is_srgb(metadata.png_colours):
        log.warning("%s: %s cannot tell the picture's colours (gAMA, cHRM), which are left out", path, kind)
    with whole_file(path, overwrite=overwrite) as file:
        if kind == "TIFF":
            strips = deflate(shape, (band for _, band in bands), encoding.compression)
            with _encoding(path, kind):
                write_tiff(file, shape, strips, metadata)
            return
        rows = iter(bands)
        first = next(rows)
        if kind == "PNG" and first[1].dtype == np.uint16:
            whole = np.empty(shape, np.uint16)
            for top, band in chain([first], rows):
                whole[top : top + len(band)] = band
            with _encoding(path, kind):
                _write_deep_png(file, whole, metadata, encoding)
            return
        if first[1].dtype == np.uint16:
            log.warning("%s: 16 bits a sample, reduced to 8 for %s", path, kind)
        image = Image.new(_MODES[shape[2] if len(shape) == 3 else 1], (shape[1], shape[0]), None)  # None: not touched
        for top, band in chain([first], rows):
            image.paste(Image.fromarray(to_8_bits(band)), (0, top))
        if kind in ("JPEG", "BMP"):
            image = _flattened(image)
        with _encoding(path, kind):
            into: Any = _ChunkInserter(file, _png_chunks(metadata)) if kind == "PNG" else _without_number(file)
            image.save(into, kind, **_options(path, kind, metadata, encoding))


def write_animation(path: Path, animation: Animation, encoding: Encoding, *, overwrite: bool = False) -> None:
    """Write frames that come one after the other, with their times.

    Parameters
    ----------
    path
        Ends in .gif, .webp or .png.
    animation
        Its frames are asked for one by one.
    encoding
        Quality and compression.
    overwrite
        Replace a file of that name.

    Raises
    ------
    OutputExists, CannotWrite, UsageError
        As ``write_picture``.
    """
    kind = format_of(path)
    _check_side(path, kind, max(animation.size))
    options: dict[str, Any] = {"save_all": True, "duration": list(animation.durations_ms)}
    options |= {} if animation.loop is None else {"loop": animation.loop}
    if kind == "WEBP":
        options |= {"quality": encoding.quality, "lossless": encoding.lossless, "exact": encoding.lossless}
    elif kind == "PNG":
        options |= {"compress_level": encoding.compression}
    else:
        options |= {"disposal": _TO_BACKGROUND, "optimize": False}
    with whole_file(path, overwrite=overwrite) as file, _encoding(path, kind):
        rest = map(Image.fromarray, animation.frames)
        first = next(rest)
        others = list(rest) if kind == "PNG" else rest  # whose writer goes through them twice
        first.save(_without_number(file), kind, append_images=others, **options)


@contextmanager
def _encoding(path: Path, kind: str) -> Iterator[None]:
    """Map what encoders raise."""
    try:
        yield
    except MemoryError:
        raise
    except CannotWrite as error:
        raise CannotWrite(f"{path}: {error}") from error
    except OSError as error:
        if error.errno is None:  # what Pillow says when a library cannot write on
            raise CannotWrite(f"{path}: cannot be written ({reason(error)}); is the disk full?") from error
        raise
    except EdgeSrcnnError:  # of the bands' engine
        raise
    except Exception as error:  # encoders raise anything on odd metadata
        raise CannotWrite(f"{path}: the {kind} encoder refuses the picture ({reason(error)})") from error


def _check_side(path: Path, kind: str, side_px: int) -> None:
    limit = MAX_SIDE_PX.get(kind)
    if limit and side_px > limit:
        raise CannotWrite(f"{path}: {kind} holds at most {limit} pixels a side, not {side_px}; choose png or tiff")


def _write_deep_png(file: BinaryIO, samples: Samples, metadata: Metadata, encoding: Encoding) -> None:
    if samples.ndim == 3:  # OpenCV's order; it has no grey with alpha
        samples = samples[..., {2: [0, 0, 0, 1], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[samples.shape[2]]]
    done, data = cv2.imencode(".png", samples, [cv2.IMWRITE_PNG_COMPRESSION, encoding.compression])
    if not done:
        raise ValueError("OpenCV cannot encode it")
    _ChunkInserter(file, _png_chunks(metadata)).write(data.tobytes())


class _ChunkInserter:
    """Writes on to a file, and puts chunks behind the head of the PNG that comes."""

    def __init__(self, file: BinaryIO, chunks: bytes) -> None:
        self._file, self._chunks, self._head = file, chunks, HEAD_BYTES

    def write(self, data: bytes) -> int:
        """Write bytes that follow the ones before."""
        head, rest = data[: self._head], data[self._head :]
        self._file.write(head)
        if self._head and len(head) == self._head:
            self._file.write(self._chunks)
        self._head -= len(head)
        self._file.write(rest)
        return len(data)

    def flush(self) -> None:
        """Flush the file."""
        self._file.flush()


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
    if kind == "PNG":
        return {"compress_level": encoding.compression}
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
    return {key: value for key, value in options.items() if value is not None}


def _png_chunks(metadata: Metadata) -> bytes:
    """Make the chunks that stand before the pixels: colours, dots per inch, EXIF, XMP, text."""
    chunks = [chunk(name, data) for name, data in metadata.png_colours]
    if metadata.icc_profile:
        chunks.append(chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata.icc_profile)))
    if metadata.dpi:
        across, down = (round(dpi / _INCH_M) for dpi in metadata.dpi)
        chunks.append(chunk(b"pHYs", struct.pack(">IIB", across, down, 1)))
    if metadata.exif:
        chunks.append(chunk(b"eXIf", metadata.exif.removeprefix(b"Exif\0\0")))
    if metadata.xmp:
        chunks.append(text_chunk("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace")))
    chunks += [text_chunk(key, text, compressed=len(text) > _LONG_TEXT) for key, text in metadata.text.items()]
    return b"".join(chunks)
