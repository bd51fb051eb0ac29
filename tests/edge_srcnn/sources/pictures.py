"""Colours and metadata for picture files, and what was warned of when they were read."""

import logging

import pytest
from PIL import ExifTags, Image, ImageCms

RED, BLUE, CLEAR = (200, 30, 40), (20, 40, 220), (10, 220, 90)
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><dc:title>hill</dc:title></x:xmpmeta>"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def camera_exif(orientation: int | None = None) -> Image.Exif:
    """What a camera writes: maker, time, place, and what holds for its own file only."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.Base.TransferFunction] = 7  # of the old file's pixels
    settings = exif.get_ifd(ExifTags.IFD.Exif)
    settings[ExifTags.Base.DateTimeOriginal] = "2024:05:06 07:08:09"
    settings[ExifTags.Base.ExifImageWidth] = 7
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (47.0, 30.0, 15.0)
    if orientation is not None:
        exif[ExifTags.Base.Orientation] = orientation
    return exif


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
