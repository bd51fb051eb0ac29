"""Read PNG and TIFF of 16 bits a sample, of which Pillow reads 8."""

import io
from pathlib import Path

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageFile, TiffImagePlugin

from edge_srcnn.errors import BadPicture
from edge_srcnn.imaging.luma import UInt16Array, to_8_bits

_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339  # TIFF 6.0, section 8 and 19
_DEEP_MODES = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})
_KEPT_TAGS = (270, 271, 272, 274, 282, 283, 296, 305, 306, 315, 33_432, 34_675)
_SIGNED, _FLOAT = 2, 3
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _CMYK = 0, 1, 2, 5
_ASSOCIATED_ALPHA = 1
_COLOUR_TYPE_AT, _GREY_WITH_ALPHA = 25, 4  # of PNG's IHDR
_MOST = 65_535


def is_deep(image: ImageFile.ImageFile) -> bool:
    """Tell whether a picture, not decoded yet, has more than 8 bits a sample; ``BadPicture`` if they are floats."""
    if image.mode == "F" or _FLOAT in _tag(image, _SAMPLE_FORMAT):
        raise BadPicture(f"{image.filename!s}: floating-point samples; save it as 8 or 16 bits first")
    if _SIGNED in _tag(image, _SAMPLE_FORMAT):
        raise BadPicture(f"{image.filename!s}: signed samples; save it as 8 or 16 bits, unsigned, first")
    if image.format == "PNG":
        raw_modes = [str(tile.args) for tile in image.tile]
        return image.mode in _DEEP_MODES or any(";16" in raw_mode for raw_mode in raw_modes)
    return image.format == "TIFF" and max(_tag(image, _BITS), default=8) > 8


def read_deep(path: Path, image: Image.Image) -> UInt16Array | Image.Image:
    """Decode a picture of 16 bits a sample.

    Parameters
    ----------
    path
        The file, which Pillow has decoded without an error.
    image
        What Pillow made of it: its mode, and its transparent value.

    Returns
    -------
    uint16 ``[h, w]`` to ``[h, w, 4]`` as it lies in the file; or, for CMYK, a picture of 8 bits.

    Raises
    ------
    BadPicture
        The samples are of another kind, or compressed in a way that cannot be read.
    """
    return _read_tiff(path) if image.format == "TIFF" else _read_png(path, image)


def as_classic_tiff(path: Path, most_pixels: int) -> io.BytesIO:
    """Rewrite a BigTIFF of the other byte order, which Pillow does not know, as a TIFF that it knows.

    Parameters
    ----------
    path
        The file.
    most_pixels
        A larger picture is refused before it is decoded.

    Returns
    -------
    The file's first picture, with its description, orientation, profile and dots per inch.

    Raises
    ------
    BadPicture
        It is too large.
    """
    classic = io.BytesIO()
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        if page.imagewidth * page.imagelength > most_pixels:
            raise BadPicture(f"{path}: {page.imagewidth}x{page.imagelength} pixels are more than can be read")
        tags = [page.tags[code] for code in _KEPT_TAGS if code in page.tags]
        tifffile.imwrite(
            classic,
            page.asarray(),
            byteorder="<",
            photometric=page.photometric,
            planarconfig=page.planarconfig if page.samplesperpixel > 1 else None,
            extrasamples=page.extrasamples,
            metadata=None,
            extratags=[(tag.code, tag.dtype, tag.count, tag.value, True) for tag in tags],
        )
    classic.seek(0)
    return classic


def _read_png(path: Path, image: Image.Image) -> UInt16Array:
    data = np.fromfile(path, np.uint8)
    found = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if found is None or found.dtype != np.uint16:
        raise BadPicture(f"{path}: damaged picture (OpenCV cannot decode its 16 bits a sample)")
    samples = found if found.ndim == 2 else found[..., [2, 1, 0, 3][: found.shape[2]]]
    if data[_COLOUR_TYPE_AT] == _GREY_WITH_ALPHA and samples.ndim == 3:
        return np.ascontiguousarray(samples[..., [0, 3]], np.uint16)
    key = image.info.get("transparency")
    if key is None or (samples.ndim == 3 and samples.shape[2] == 4):
        return np.ascontiguousarray(samples, np.uint16)
    planes = samples if samples.ndim == 3 else samples[..., None]
    visible = (planes != np.asarray(key, np.uint16)).any(axis=-1, keepdims=True)
    return np.concatenate([planes, visible.astype(np.uint16) * np.uint16(_MOST)], axis=-1)


def _read_tiff(path: Path) -> UInt16Array | Image.Image:
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        photometric, extra = int(page.photometric), tuple(int(kind) for kind in page.extrasamples)
        samples, axes = _tiff_samples(path, page)
    if axes == "SYX":
        samples = np.moveaxis(samples, 0, -1)
    elif axes not in ("YX", "YXS"):
        raise BadPicture(f"{path}: a TIFF of the axes {axes}; save its first picture alone")
    if photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _CMYK):
        raise BadPicture(f"{path}: 16 bits a sample of this kind of colour cannot be read; save it as RGB first")
    deep = _as_16_bits(path, samples)
    if photometric == _CMYK:
        return Image.fromarray(to_8_bits(deep[..., :4]), "CMYK")
    colours = 3 if photometric == _RGB else 1
    if deep.ndim == 2:
        return _MOST - deep if photometric == _WHITE_IS_ZERO else deep
    if photometric == _WHITE_IS_ZERO:
        deep[..., 0] = _MOST - deep[..., 0]
    if len(extra) != 1:
        return np.ascontiguousarray(deep[..., :colours] if colours == 3 else deep[..., 0])
    if extra[0] == _ASSOCIATED_ALPHA:
        deep = _unpremultiplied(deep)
    return np.ascontiguousarray(deep[..., : colours + 1])


def _tiff_samples(path: Path, page: tifffile.TiffPage) -> tuple[NDArray[np.generic], str]:
    try:
        return page.asarray(), str(page.axes)
    except ValueError as error:  # a compression that needs a library of its own; OpenCV has libtiff
        found = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED) if page.planarconfig == 1 else None
        if found is None:
            raise BadPicture(f"{path}: damaged, or compressed in a way that cannot be read ({error})") from error
        if found.ndim == 3:
            found = found[..., [2, 1, 0, 3][: found.shape[2]]]
        return found, "YX" if found.ndim == 2 else "YXS"


def _as_16_bits(path: Path, samples: NDArray[np.generic]) -> UInt16Array:
    if samples.dtype == np.uint16:
        return samples.astype(np.uint16)
    if samples.dtype == np.uint32 and samples.max(initial=0) <= _MOST:
        return samples.astype(np.uint16)
    raise BadPicture(f"{path}: samples of {samples.dtype}; save it as 8 or 16 bits, unsigned, first")


def _unpremultiplied(deep: UInt16Array) -> UInt16Array:
    alpha = deep[..., -1:].astype(np.float64)
    colours = np.divide(deep[..., :-1] * float(_MOST), alpha, out=np.zeros(deep[..., :-1].shape), where=alpha > 0)
    return np.concatenate([np.clip(np.rint(colours), 0, _MOST).astype(np.uint16), deep[..., -1:]], axis=-1)


def _tag(image: Image.Image, tag: int) -> tuple[int, ...]:
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return ()
    value = image.tag_v2.get(tag, ())
    return tuple(value) if isinstance(value, tuple) else (value,)
