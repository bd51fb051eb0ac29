"""Read picture files: upright grey or RGB of 8 or 16 bits, and metadata; no other format is ever opened."""

import io
import logging
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageFile, PngImagePlugin, TiffImagePlugin, UnidentifiedImageError

from edge_srcnn.errors import BadPicture, EdgeSrcnnError, NoInput, reason
from edge_srcnn.imaging.animation import ANIMATED, Animation
from edge_srcnn.imaging.frame import Picture
from edge_srcnn.imaging.luma import Samples, UInt8Array
from edge_srcnn.sources.deep_pictures import as_classic_tiff, is_deep, read_deep
from edge_srcnn.sources.picture_metadata import metadata_of, turn_upright
from edge_srcnn.system.native_stderr import quiet_native_code
from edge_srcnn.uri import PICTURE_SUFFIXES

log = logging.getLogger(__name__)

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
"""Pillow's names of what is opened, whatever a file's name says; it would hand PostScript to Ghostscript."""

MAX_PIXELS = 150_000_000
"""Larger pictures are refused before a byte of them is decoded."""

MAX_TEXT_BYTES = 64_000_000
"""Text and profile of a PNG may unpack to so much; Pillow's own limit is 1 MB."""

_BIG_BIG_ENDIAN = b"MM\0+"  # of a BigTIFF, which Pillow 13 takes for a classic TIFF

_TOO_LARGE = f"more than the limit of {MAX_PIXELS // 1_000_000} megapixels; cut it into parts first"
_GREY_MODES = frozenset({"1", "L", "LA", "La"})
_UPRIGHT = {
    2: lambda samples: samples[:, ::-1],
    3: lambda samples: samples[::-1, ::-1],
    4: lambda samples: samples[::-1],
    5: lambda samples: samples.swapaxes(0, 1),
    6: lambda samples: samples.swapaxes(0, 1)[:, ::-1],
    7: lambda samples: samples[::-1, ::-1].swapaxes(0, 1),
    8: lambda samples: samples.swapaxes(0, 1)[::-1],
}
"""What makes a picture upright, by its EXIF orientation (JEITA CP-3451, tag 274)."""


def visible_files(folder: Path, leave_out: Path | None = None) -> list[Path]:
    """List the files below a folder, sorted by path; what is hidden, or below ``leave_out``, is left out."""
    found = list[Path]()
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and not _is_same(root, name, leave_out)]
        found += [Path(root, name) for name in names if not name.startswith(".")]
    return sorted(path for path in found if os.path.isfile(path))


def _is_same(root: str, name: str, folder: Path | None) -> bool:
    path = os.path.join(root, name)
    return folder is not None and os.path.isdir(folder) and os.path.samefile(path, folder)


def find_pictures(folder: Path) -> list[Path]:
    """List picture files below a folder by path, without hidden ones; ``NoInput`` where there is none."""
    if not os.path.isdir(folder):  # Path.is_dir raises where it may not look
        raise NoInput(f"{folder}: no such folder")
    found = [path for path in visible_files(folder) if path.suffix.lower() in PICTURE_SUFFIXES]
    if not found:
        raise NoInput(f"{folder}: no picture in it ({', '.join(sorted(PICTURE_SUFFIXES))})")
    return found


def read_picture(path: Path) -> Picture:
    """Decode a picture file.

    PNG and TIFF of 16 bits a sample keep them. Palettes become RGB, and so does CMYK, through its profile. The first
    frame of an animation is taken; that, a guess of colours, and damaged EXIF data, which is left out, are told in one
    warning each.

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
    with _mapped_errors(path), _opened(path) as image:
        if image.width * image.height > MAX_PIXELS:
            raise BadPicture(f"{path}: {image.width}x{image.height} pixels, {_TOO_LARGE}")
        if _has_more_frames(image):
            log.warning("%s: more than one frame; only the first is read", path)
        deep = is_deep(image)
        lies = _orientation(image) if deep else 1  # Pillow turns a TIFF when it loads it
        with quiet_native_code() if deep or image.format == "TIFF" else nullcontext():  # libtiff talks to the terminal
            image.load()
            found = read_deep(path, image) if deep else image
        exif = turn_upright(path, image)
        metadata = metadata_of(path, image, exif)
        samples = _samples(path, found, image.info.get("icc_profile")) if isinstance(found, Image.Image) else found
        if lies in _UPRIGHT:
            samples = _UPRIGHT[lies](samples)
        return Picture(np.ascontiguousarray(samples), metadata)


def read_animation(path: Path) -> Animation | None:
    """Open a picture file of several frames; None where it has one, or its frames are pages.

    Parameters
    ----------
    path
        GIF, WebP or APNG.

    Returns
    -------
    Its frames are decoded when they are asked for; the default picture of an APNG that is no frame is left out.

    Raises
    ------
    NoInput, BadPicture
        As ``read_picture``; ``BadPicture`` may come with any frame.
    """
    with _mapped_errors(path), _opened(path) as image:
        if image.format not in ANIMATED or not _has_more_frames(image):
            return None
        if image.width * image.height > MAX_PIXELS:
            raise BadPicture(f"{path}: {image.width}x{image.height} pixels, {_TOO_LARGE}")
        durations = tuple(float(frame.info.get("duration", 0)) for frame in _frames_of(image))
        return Animation(image.size, durations, image.info.get("loop"), _read_frames(path))


def _read_frames(path: Path) -> Iterator[UInt8Array]:
    with _mapped_errors(path), _opened(path) as image:
        for frame in _frames_of(image):
            yield np.asarray(frame.convert("RGBA" if frame.has_transparency_data else "RGB"))


def _frames_of(image: ImageFile.ImageFile) -> Iterator[Image.Image]:
    for number in range(int(bool(image.info.get("default_image"))), getattr(image, "n_frames", 1)):
        image.seek(number)
        image.load()
        yield image


@contextmanager
def _opened(path: Path) -> Iterator[ImageFile.ImageFile]:
    """Open a regular file; nothing waits for a pipe, and no device is read without end."""
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise NoInput(f"{path}: is a pipe or a device, not a file")
    with open(path, "rb") as file:
        head = file.read(4)
    with Image.open(as_classic_tiff(path, MAX_PIXELS) if head == _BIG_BIG_ENDIAN else path, formats=FORMATS) as image:
        yield image


def _has_more_frames(image: Image.Image) -> bool:
    """Tell whether there is a second frame, without a walk through a hundred thousand pages."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return bool(image.tag_v2.next)
    return getattr(image, "n_frames", 1) > 1


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # Pillow raises anything on damaged tables, which are told of later
        return 1


def _samples(path: Path, image: Image.Image, profile: bytes | None) -> Samples:
    if image.mode in ("CMYK", "LAB"):
        image = _through_profile(path, image, profile)
    mode = ("L" if image.mode in _GREY_MODES else "RGB") + ("A" if image.has_transparency_data else "")
    return np.asarray(image if image.mode == mode else image.convert(mode))


def _through_profile(path: Path, image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert to sRGB as colour management does it: relative colorimetric, with black point compensation."""
    try:
        if image.mode == "CMYK" and profile is None:
            log.warning("%s: CMYK without a profile; its colours are guessed", path)
            return image.convert("RGB")
        own = (
            ImageCms.createProfile("LAB")
            if image.mode == "LAB"
            else ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
        )
        converted = ImageCms.profileToProfile(
            image,
            own,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError) as error:
        log.warning("%s: its colour profile cannot be used (%s); its colours are guessed", path, error)
        return image.convert("RGB")
    return converted if converted is not None else image


@contextmanager
def _mapped_errors(path: Path) -> Iterator[None]:
    """Turn Pillow's and the system's errors into ours; our limit replaces its decompression-bomb alarm."""
    try:
        PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = MAX_TEXT_BYTES
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged metadata is no reason to speak; damaged pixels raise
            yield
    except (EdgeSrcnnError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise NoInput(f"{path}: no such file or folder") from error
    except UnidentifiedImageError as error:
        raise BadPicture(f"{path}: {_why_unknown(path)}") from error
    except Image.DecompressionBombError as error:
        raise BadPicture(f"{path}: {_TOO_LARGE}") from error
    except Exception as error:  # decoders raise anything on damaged files
        if isinstance(error, OSError) and error.errno is not None:  # the system's; Pillow's own have no number
            raise NoInput(f"{path}: cannot be read ({reason(error)})") from error
        raise BadPicture(f"{path}: damaged picture ({reason(error)})") from error


def _why_unknown(path: Path) -> str:
    with open(path, "rb") as file:
        head = file.read(4)
    if head in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "a TIFF of a kind that cannot be read; save it as 8 or 16 bits a sample, unsigned, first"
    return "not a picture that can be read" if head else "the file is empty"
